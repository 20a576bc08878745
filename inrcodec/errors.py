"""Every exception and warning of this package; the type says who can mend it.

All exceptions derive from `InrCodecError`, so `except InrCodecError` catches whatever bad input can
cause. Messages name what was expected, what came, and where.

- The file is at fault: `FormatError`, `TruncatedError`, `LimitError`; of a stream, `PacketError`.
- The caller is: `OptionError`, `DeviceError`, `RateError`, `ImageError`, `InputError`,
  `OutputError`.
- The encoder is: `EncoderLimitError` (a valid image that is too much for it), `FitError`.
- The installation or the network is: `MissingExtraError`, `WeightsError`, `StreamError`,
  `ClusterError`.

The command exits with 2 for an `OptionError`, 3 for a `FormatError`, and 1 for every other.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

_Error = TypeVar("_Error", bound="InrCodecError")


class InrCodecError(Exception):
    """Base class of all errors that a caller can act on."""

    file: str | None = None
    """The name of the file that the error is about, if known; it begins the message."""

    def about(self: _Error, file: str | os.PathLike[str] | None) -> _Error:
        """Put a file's name before the message; return the error.

            except FormatError as error:
                error.about(path)
                raise

        The type, the attributes, the cause and the traceback stay. An error that names a file
        already keeps that name, and None adds none.
        """
        if self.file is None and file is not None:
            self.file = os.fspath(file)
        return self

    def __str__(self) -> str:
        """The message, after the file's name if it is known."""
        message = super().__str__()
        return message if self.file is None else f"{self.file}: {message}"


class ImageError(InrCodecError):
    """The image, sound or clip to encode cannot be used: it is unreadable, empty, too large, or not
    finite."""


class OptionError(InrCodecError, ValueError):
    """An option has an unknown name or a value outside its range."""


class DeviceError(OptionError):
    """The device asked for is none that this machine has."""


class RateError(InrCodecError):
    """The rate or size asked for cannot be met for this image."""


class InputError(InrCodecError):
    """A file to decode or describe cannot be read."""


class OutputError(InrCodecError):
    """The result cannot be written where it was asked for."""


class EncoderLimitError(InrCodecError):
    """The image is valid, but beyond what the encoder or the model chosen can take.

    A smaller image or another model may do. It is no fault of a file, so no `FormatError`.
    """


class FitError(InrCodecError):
    """The fit diverged: its parameters are no longer finite."""


class MissingExtraError(InrCodecError):
    """A package that an optional part needs is not installed; the message names the extra."""


class WeightsError(InrCodecError):
    """The weights of a learned metric are not on this machine, or not what they should be."""


class FormatError(InrCodecError):
    """The bytes are not a valid file. `at` is the byte offset where reading stopped, if known."""

    def __init__(self, message: str, *, at: int | None = None) -> None:
        super().__init__(message if at is None else f"{message} (at byte {at})")
        self.at = at


class TruncatedError(FormatError):
    """The bytes end too early: they are a valid prefix that does not yet hold an image."""


class KindError(FormatError):
    """The file is valid, but holds another kind of signal than is read here, such as sound where an
    image is expected."""


class LimitError(FormatError):
    """The file asks its decoder for more than the limits of docs/format.md allow."""


class PacketError(InrCodecError):
    """A datagram or a message of a stream is not valid; the stream itself goes on."""


class StreamError(InrCodecError):
    """A stream cannot be served or received: it was refused, cut off, or too slow."""


class ClusterError(InrCodecError):
    """The scheduler of a cluster cannot be reached, was lost, or its workers cannot do the work."""


class InrCodecWarning(UserWarning):
    """Base class of all warnings: the result is there, but not quite what was asked for."""


class PartialFileWarning(InrCodecWarning):
    """The file is cut short or its metadata is damaged; the image is whole, or coarse as said."""


class StaleKernelsWarning(InrCodecWarning):
    """The compiled kernels are not those of this source: torch and numpy do the work."""


class RateWarning(InrCodecWarning):
    """The file is notably smaller than asked for: more bytes would not help this image."""


class ImageWarning(InrCodecWarning):
    """The image was read, but something in the source file was left behind (frames, damage)."""


_collected: ContextVar[list[str] | None] = ContextVar("_collected", default=None)


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect the messages of warnings in this block instead of issuing them; those of other
    threads are not in it, which `warnings.catch_warnings` cannot say."""
    told: list[str] = []
    token = _collected.set(told)
    try:
        yield told
    finally:
        _collected.reset(token)


def warn(message: str, category: type[InrCodecWarning]) -> None:
    """Issue a warning that points at the line outside this package which called into it."""
    told = _collected.get()
    if told is not None:
        told.append(message)
        return
    package = __name__.partition(".")[0]
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
