"""Coverage-guided fuzzing of whatever strangers send (needs the extra `fuzz`, atheris).

    python -m tests.guided_fuzz --seconds 60 --jobs 2

Each target (tests/fuzz_targets.py) is a process of its own. Whatever is not an `InrCodecError` is a
crash, panics and exits included, as are 20 seconds for one input and 4 GiB of memory: the input is
kept in build/fuzz.
"""

import argparse
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KEPT = Path(__file__).parents[1] / "build" / "fuzz"
NAMES = (
    "decode",
    "info",
    "packets",
    "messages",
    "offers",
    "starts",
    "images",
    "sounds",
    "animations",
)
TIMEOUT_S = 20
MEMORY_MB = 4096


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["inrcodec", "aiortc", "aioice"]):
        from tests import fuzz_targets
    warnings.simplefilter("ignore")
    _, seeds, longest = fuzz_targets.TARGETS[name]
    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(seeds()):
        (corpus / f"seed-{i}").write_bytes(seed[:longest])

    def call(data: bytes) -> None:
        fuzz_targets.call(name, data)

    options = [f"-max_total_time={seconds}", f"-max_len={longest}", f"-timeout={TIMEOUT_S}"]
    options += [f"-rss_limit_mb={MEMORY_MB}", f"-artifact_prefix={KEPT}/{name}-"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], call)
    atheris.Fuzz()


def fuzz_apart(name: str, seconds: int) -> tuple[str, int, str]:
    """Fuzz one target in another process: its name, exit code and report."""
    command = [sys.executable, "-m", "tests.guided_fuzz", "--target", name]
    command += ["--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return name, done.returncode, done.stdout + done.stderr


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("--target", choices=NAMES, help="this one alone, in this process")
    arguments = parser.parse_args()
    if arguments.target:
        fuzz(arguments.target, arguments.seconds)
        return 0
    failed = False
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for name, code, report in pool.map(lambda n: fuzz_apart(n, arguments.seconds), NAMES):
            last = [line for line in report.splitlines() if line.strip()][-1:]
            print(f"{name}: {'crash' if code else 'no crash'}; {' '.join(last)}")  # noqa: T201
            if code:
                failed = True
                print(report[-6000:])  # noqa: T201
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
