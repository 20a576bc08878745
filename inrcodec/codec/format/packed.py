"""Reads msgpack of strangers item by item: what is not expected where it stands costs nothing."""

from __future__ import annotations

from typing import Any

import msgpack

from inrcodec.errors import FormatError


class PackedReader:
    """The items of a msgpack value in their order.

    A caller asks for the head of an array or a map where it expects one, then for the items of it.
    Every other array, map or extension, text or bytes of more than `most_text` and `most_bytes`
    bytes, and a value that ends early raise `FormatError` with `message`.
    """

    def __init__(
        self, data: bytes, message: str, *, most_text: int = 0, most_bytes: int = 0
    ) -> None:
        self._message = message
        self._size = len(data)
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=max(1, len(data)),
            max_array_len=0,
            max_map_len=0,
            max_ext_len=0,
            max_str_len=most_text,
            max_bin_len=most_bytes,
            strict_map_key=False,
        )
        self._unpacker.feed(data)

    def array(self, most: int) -> int:
        """The length of an array of at most `most` items, which follow."""
        return self._checked(self._read(self._unpacker.read_array_header), most)

    def map(self, most: int) -> int:
        """The length of a map of at most `most` pairs; a key and a value of each follow."""
        return self._checked(self._read(self._unpacker.read_map_header), most)

    def whole(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        value = self.item()
        if type(value) is not int or not low <= value <= high:
            raise FormatError(self._message)
        return value

    def item(self) -> Any:
        """A number, a text, bytes, a truth value or nothing."""
        return self._read(self._unpacker.unpack)

    def end(self) -> None:
        """Check that nothing follows."""
        if self._unpacker.tell() != self._size:
            raise FormatError(self._message)

    def _checked(self, length: int, most: int) -> int:
        if length > most:
            raise FormatError(self._message)
        return length

    def _read(self, read: Any) -> Any:
        try:
            return read()
        except Exception:  # msgpack raises a dozen unrelated types on garbage
            raise FormatError(self._message) from None
