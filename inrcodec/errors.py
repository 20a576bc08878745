"""Every exception this package raises on purpose.

All of them derive from `InrCodecError`, so `except InrCodecError` catches whatever bad input can
cause. Messages name what was expected, what came, and where. `cli/main.py` alone turns them into
exit codes.
"""


class InrCodecError(Exception):
    """Base class: something the caller can act on."""


class ImageError(InrCodecError):
    """The picture to encode cannot be used (unreadable, empty, too large, not finite)."""


class OptionError(InrCodecError, ValueError):
    """An option has an unknown name or a value outside its range."""


class RateError(InrCodecError):
    """The rate or size asked for cannot be met for this picture."""


class InputError(InrCodecError):
    """A file to decode or describe cannot be read."""


class FitError(InrCodecError):
    """The fit diverged: its parameters are no longer finite."""


class WeightsError(InrCodecError):
    """The weights of a learned metric are not on this machine, or not what they should be."""


class OutputError(InrCodecError):
    """The result cannot be written where it was asked for."""


class FormatError(InrCodecError):
    """The bytes are not a valid file. `at` is the byte offset where reading stopped, if known."""

    def __init__(self, message: str, *, at: int | None = None) -> None:
        super().__init__(message if at is None else f"{message} (at byte {at})")
        self.at = at


class TruncatedError(FormatError):
    """The bytes end too early: a valid prefix that does not yet hold a picture."""


class LimitError(FormatError):
    """The file asks for more than the limits of docs/format.md allow."""


class PacketError(InrCodecError):
    """A datagram or a message of a stream is not valid; the stream itself goes on."""


class StreamError(InrCodecError):
    """A stream cannot be served or received: refused, cut off, out of time."""


class PartialFileWarning(UserWarning):
    """The file is cut short or its metadata is damaged; the picture is whole, or coarse as said."""


class StaleKernelsWarning(UserWarning):
    """The compiled kernels are not those of this source: torch and numpy do the work."""


class RateWarning(UserWarning):
    """The file is more than 5 % smaller than asked for: more bytes would not help this picture."""


class ImageWarning(UserWarning):
    """The picture was read, but something in the source file was left behind (frames, damage)."""
