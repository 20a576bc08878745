# Two commands on a fresh machine: `make demo` and `make test`. Both make the environment they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

# Seconds of coverage-guided fuzzing of each target.
FUZZ_SECONDS ?= 60
STRICT := -Wall -Wextra -Werror

.PHONY: help demo test test-slow fuzz mutate lint docs kernels-strict kernels-wasm sanitize wasm web web-test wheel vectors clean

help:
	@echo "make demo       encode and decode a real photograph, write a report page"
	@echo "make test       the test suite (minutes)"
	@echo "make test-slow  the long tests: 20,000 mutated files and long fits"
	@echo "make fuzz       coverage-guided fuzzing of files, packets, offers, initialisations and images"
	@echo "make mutate     20,000 mutated files, by themselves"
	@echo "make lint       ruff, mypy and the import contracts"
	@echo "make kernels-strict  compile the kernels with gcc and clang, warnings as errors"
	@echo "make kernels-wasm    compile them for wasm32, and run them there"
	@echo "make sanitize   tests of the kernels against an ASan and UBSan build of them"
	@echo "make wasm       the decoder core as WebAssembly and its initial values, into web/dist"
	@echo "make web        the npm package, into web/dist"
	@echo "make web-test   its tests, in node and in Chromium"
	@echo "make wheel      sdist, and from it a wheel that an index takes, in dist/"
	@echo "make docs       the documentation, into site/; a broken link fails"
	@echo "make vectors    write the conformance vectors anew (the format changed)"

# torch first and pinned: other packages would pull a build with gigabytes of CUDA.
$(VENV)/.runtime: pyproject.toml constraints.txt hatch_build.py $(wildcard inrcodec/codec/native/src/*.[ch] inrcodec/codec/native/src/core/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[encode,metrics]" "scikit-image>=0.24"
	@touch $@

# The kernels are there already: INRCODEC_NATIVE=0 keeps a second installation from compiling them.
$(VENV)/.dev: $(VENV)/.runtime
	INRCODEC_NATIVE=0 $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(VENV)/.runtime
	$(BIN)/python -m benchmarks.demo

# One process a core, one thread each: tests are mostly small fits, which threads do not help.
test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow

mutate: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz --cases 20000

$(VENV)/.fuzz: $(VENV)/.dev
	INRCODEC_NATIVE=0 $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[fuzz]"
	@touch $@

fuzz: $(VENV)/.fuzz
	$(BIN)/python -m tests.guided_fuzz --seconds $(FUZZ_SECONDS) --jobs 2

kernels-strict: $(VENV)/.dev
	CC=gcc $(BIN)/python hatch_build.py build/gcc $(STRICT)
	CC=clang $(BIN)/python hatch_build.py build/clang $(STRICT)

# Needs Debian's clang, lld, wasi-libc and libclang-rt-dev-wasm32 (.ci/compilers installs them).
kernels-wasm: $(VENV)/.dev
	$(BIN)/python hatch_build.py build/wasm/kernels.wasm $(STRICT)
	$(BIN)/python -m pytest tests/codec/native/test_wasm.py

# Every level of the instruction set on two threads; kernels alone, and the decoder core that they
# serve on mutated files. Python itself leaks and is not compiled for it: leaks are not looked for.
sanitize: $(VENV)/.dev
	$(BIN)/python hatch_build.py build/sanitize $(STRICT) -O1 -g -fno-omit-frame-pointer \
		-fsanitize=address,undefined -fno-sanitize-recover=all
	LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc INRCODEC_KERNELS=build/sanitize \
	$(BIN)/python -m pytest -n 2 --dist load tests/codec/native/test_native.py tests/codec/native/test_compiled.py \
		tests/codec/networks/test_sines.py tests/codec/networks/test_wavelets.py tests/codec/entropy/test_waves.py \
		tests/codec/families tests/test_fuzz.py tests/web -k "not numpy and not threads0 and not threads2 and not threads4"

# Needs the packages of kernels-wasm. The same bytes come of the same compiler every time.
wasm: $(VENV)/.dev
	$(BIN)/python web/build.py web/dist

# Needs node and npm, its tests a Chromium (.ci/browser installs them).
web/node_modules/.installed: web/package-lock.json
	cd web && npm ci --silent
	@touch $@

web: wasm web/node_modules/.installed
	cd web && npm run --silent build

web-test: web
	$(BIN)/python web/test/support/prepare.py build/web
	cd web && PYTHON="$(abspath $(BIN))/python" npm test --silent

# The libraries need nothing but libc and libm; auditwheel finds the oldest policy that holds.
wheel: $(VENV)/.dev web
	rm -rf dist build/wheel
	$(BIN)/python -m build --outdir build/wheel
	mkdir -p dist && cp build/wheel/*.tar.gz dist/
	PATH="$(BIN):$$PATH" $(BIN)/auditwheel repair --wheel-dir dist build/wheel/*.whl

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Not with --quiet: mkdocs then does not count the warnings that a strict build fails on.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

vectors: $(VENV)/.dev
	$(BIN)/python -m tests.make_vectors

clean:
	rm -rf $(VENV) demo build dist site web/dist web/node_modules
