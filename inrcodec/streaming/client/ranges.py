"""What a reply to a request for a range says of the bytes it carries (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from inrcodec.errors import StreamError
from inrcodec.streaming.client.failures import Refused
from inrcodec.streaming.protocol.manifest import MAX_STREAM_BYTES

RETRIED = (408, 425, 429, 500, 502, 503, 504)
"""The status with which a server says that it cannot answer now."""

_DIGITS = "([0-9]+)"

MOST_DIGITS = 18
"""Digits of the largest number that is told from others: Python reads no thousands of them."""

_RANGE = re.compile(rf"bytes {_DIGITS}-{_DIGITS}/(?:{_DIGITS}|\*)", re.IGNORECASE)
_UNSATISFIED = re.compile(rf"bytes \*/{_DIGITS}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file: where they begin, and how long the whole file is (None: not said). `version`
    is the ETag, "" if there is none. `refused` says that the range begins at or behind the end."""

    begin: int
    total: int | None
    version: str
    refused: bool = False


def part_of(status: int, reason: str | None, headers: Mapping[str, str]) -> Part:
    """Read the head of a reply. Raises `Refused` for one that carries no part of a file that can be
    received, `StreamError` where another attempt may."""
    version = headers.get("ETag", "").removeprefix("W/").strip('"')
    if status == 416:
        found = _UNSATISFIED.fullmatch(headers.get("Content-Range", "").strip())
        return Part(0, _number(found[1]) if found else None, version, refused=True)
    if status in RETRIED:
        raise StreamError(f"no answer now: {status} {reason}")
    if status not in (200, 206):
        raise Refused(f"refused with {status} {reason}")
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding != "identity":
        raise Refused(f"the server compresses the file ({coding}), which nobody asked for")
    if status == 200:
        return Part(0, _bearable(length_of(headers)), version)
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if found is not None:
        begin, last = _number(found[1]), _number(found[2])
        total = _bearable(_number(found[3]) if found[3] else None)
        if begin <= last and (total is None or last < total):
            return Part(begin, total, version)
    raise Refused("the server sends a range without saying which")


def _bearable(total: int | None) -> int | None:
    """Return the length of a file, if it is known; raises `Refused` if it is too much."""
    if (total or 0) > MAX_STREAM_BYTES:
        raise Refused(f"more than {MAX_STREAM_BYTES} bytes, the most that is received")
    return total


def length_of(headers: Mapping[str, str]) -> int | None:
    """The Content-Length of a reply, or None if it says none."""
    found = re.fullmatch(_DIGITS, headers.get("Content-Length", ""))
    return _number(found[1]) if found else None


def _number(digits: str) -> int:
    """Read digits; numbers that no file has are all the same."""
    return int(digits) if len(digits) <= MOST_DIGITS else 10**MOST_DIGITS
