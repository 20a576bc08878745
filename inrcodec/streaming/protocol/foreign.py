"""Calls into libraries of others with bytes of strangers: whatever they raise becomes our error.

A library written in Rust raises `PanicException` where it asserts. That is no `Exception`, so an
`except Exception` lets it through, and it ends the event loop of whoever received the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from inrcodec.errors import InrCodecError


def is_failure(error: BaseException) -> bool:
    """Whether an exception tells of a failure, a panic included, and not of a wish to stop, as
    `KeyboardInterrupt` and `CancelledError` do."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


@contextmanager
def foreign(raised: type[InrCodecError], said: str) -> Iterator[None]:
    """Raise `raised`, with the text `said` and the name of what came, for any failure inside."""
    try:
        yield
    except BaseException as error:
        if not is_failure(error):
            raise
        raise raised(f"{said}: {type(error).__name__}") from error
