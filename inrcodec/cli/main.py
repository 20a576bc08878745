"""The `inrcodec` command: runs the commands, and turns errors into exit codes.

Exit codes: 0 done, 1 failed (also: an image beyond a limit of the encoder, a missing extra), 2
wrong usage, 3 not a valid file, 130 stopped by Ctrl-C. Hardly anything is imported here before
`main` is there to hear Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command line and exit with its code."""
    try:
        code = _run(arguments)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    _leave_work_behind(code)
    sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    """Run one command line; its exit code."""
    _fill_standard_descriptors()
    from inrcodec.cli import console
    from inrcodec.cli.app import app
    from inrcodec.errors import InrCodecError

    console.show_warnings()
    code = 0
    try:
        app(args=arguments, prog_name="inrcodec")
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except InrCodecError as error:
        console.show_error(error)
        code = console.exit_code(error)
    except BrokenPipeError:
        if sys.stderr is not None:
            sys.stderr.close()
        code = console.FAILED
    except OSError as error:
        console.show_error(error)
        code = console.FAILED
    except MemoryError:
        console.show_error("not enough memory for this image")
        code = console.FAILED
    return code


def _fill_standard_descriptors() -> None:
    """Open nothing in place of standard streams that are closed: the next file to be opened would
    get their number, and what a library prints would end up in it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def _leave_work_behind(code: int) -> None:
    """Exit at once if a thread still works on what nobody waits for: the interpreter would end it
    amid the code of a library, and may abort."""
    threads = sys.modules.get("inrcodec.streaming.transport.threads")
    if threads is not None and threads.at_work():
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # closed, or none at all
                stream.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
