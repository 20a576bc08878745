# Two commands on a fresh machine: `make demo` and `make test`. Both make the environment they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test test-slow fuzz lint docs vectors clean

help:
	@echo "make demo       encode and decode a real photograph, write a report page"
	@echo "make test       the test suite (minutes)"
	@echo "make test-slow  the long tests: 20,000 mutated files and long fits"
	@echo "make fuzz       20,000 mutated files, by themselves"
	@echo "make lint       ruff, mypy and the import contracts"
	@echo "make docs       the documentation, into site/; a broken link fails"
	@echo "make vectors    write the conformance vectors anew (the format changed)"

# torch first and pinned: other packages would pull a build with gigabytes of CUDA.
$(VENV)/.runtime: pyproject.toml constraints.txt hatch_build.py $(wildcard inrcodec/codec/native/src/*)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[encode,metrics]" "scikit-image>=0.24"
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(VENV)/.runtime
	$(BIN)/python -m benchmarks.demo

# One process a core, one thread each: tests are mostly small fits, which threads do not help.
test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz --cases 20000

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.docs: $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

# Not with --quiet: mkdocs then does not count the warnings that a strict build fails on.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

vectors: $(VENV)/.dev
	$(BIN)/python -m tests.make_vectors

clean:
	rm -rf $(VENV) demo build dist site
