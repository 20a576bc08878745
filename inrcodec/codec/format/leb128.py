"""Unsigned LEB128 numbers: seven bits a byte, least significant first, bit 7 = more follow."""

from __future__ import annotations

from inrcodec.errors import FormatError, TruncatedError

MAX_BYTES = 5


def to_bytes(value: int) -> bytes:
    """The shortest form of a number that is not negative."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read(data: bytes, at: int) -> tuple[int, int]:
    """(value, offset behind it) of a number of at most `MAX_BYTES` bytes in its shortest form.

    Raises `TruncatedError` if the data end within it, `FormatError` for another form.
    """
    value = 0
    for index in range(MAX_BYTES):
        if at + index >= len(data):
            raise TruncatedError("a number is cut short", at=at)
        byte = data[at + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if index and byte == 0:
                raise FormatError("a number is not in its shortest form", at=at)
            return value, at + index + 1
    raise FormatError(f"a number has more than {MAX_BYTES} bytes", at=at)
