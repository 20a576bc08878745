"""Children of a process that has computed with two threads decode, encode and judge.

The threads of OpenMP, which torch has, are missing in a forked process, which would wait for them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import VECTORS

PROGRAM = Path(__file__).parent / "programs" / "forks.py"
NAMES = (
    *("coolchic", "coolchic-v2", "wide", "nif", "fourier", "mfn-fourier", "mfn-gabor", "wire"),
    *("diner", "spinr"),
)


@pytest.mark.parametrize(
    ("method", "state", "native"),
    [
        ("fork", "imported", "1"),
        ("fork", "imported", "0"),
        pytest.param("fork", "fresh", "1", marks=pytest.mark.slow),
        ("os.fork", "imported", "1"),
        ("forkserver", "imported", "1"),
        pytest.param("spawn", "imported", "1", marks=pytest.mark.slow),
    ],
)
def test_a_child_decodes_encodes_and_judges(method: str, state: str, native: str) -> None:
    """In state "fresh" the parent has used torch alone."""
    if not hasattr(os, "fork") and "fork" in method:
        pytest.skip("no forks here")
    files = [VECTORS / "valid" / f"{name}.inr" for name in NAMES]
    command = [sys.executable, "-W", "ignore::DeprecationWarning", PROGRAM, method, state, *files]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"INRCODEC_NATIVE": native},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["same"]
