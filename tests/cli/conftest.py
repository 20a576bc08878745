import io
import sys

import pytest

from inrcodec.cli import main as cli


@pytest.fixture
def run(capsysbinary, monkeypatch):
    """Run one command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object, stdin: bytes = b"") -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        out = capsysbinary.readouterr()
        assert b"Traceback" not in out.err
        return int(stop.value.code or 0), out.out, out.err.decode()

    return run
