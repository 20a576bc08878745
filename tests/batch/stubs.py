"""What jobs do in tests, and journals that tests open."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inrcodec.batch import Journal
from inrcodec.batch.making import Source
from inrcodec.errors import (
    DeviceError,
    FormatError,
    ImageError,
    ImageWarning,
    MissingExtraError,
    warn,
)

OPTIONS = {"threads": 1, "init": None}


def journal_in(folder: Path, **options: object) -> Journal:
    return Journal(str(folder), {**OPTIONS, **options})


def doubled(number: int) -> int:
    return 2 * number


def last_for(seconds: float) -> int:
    """Sleep, and return the process that did."""
    time.sleep(seconds)
    return os.getpid()


def die_on_odd(number: int) -> int:
    """Take the process with it, as running out of memory does."""
    if number % 2:
        os._exit(9)
    return number


def reversed_text(
    sources: Sequence[Source], path: str, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """A result that fails, warns or dies where the input says so."""
    name, source = sources[0].name, sources[0].data
    if source == b"bad":
        raise ImageError("not an image")
    if source == b"format":
        raise FormatError("not a file", at=7)
    if source == b"bug":
        raise KeyError("lost")
    if source == b"memory":
        raise MemoryError
    if source == b"die":
        os._exit(9)
    if source == b"warn":
        warn("half of it was left behind", ImageWarning)
    return source[::-1], {"input": name, "output": path}


def slow(
    sources: Sequence[Source], path: str, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """A result that takes a moment, of the process that says so in its report."""
    time.sleep(0.05)
    return sources[0].data[::-1], {"process": os.getpid()}


def large(
    sources: Sequence[Source], path: str, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """A result of 50 kB, and a report of 10 kB."""
    return os.urandom(50_000), {"input": sources[0].name, "text": "x" * 10_000}


def lacking(
    sources: Sequence[Source], path: str, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    raise MissingExtraError("this needs what is not installed")


class Joined:
    """Stages whose results have the texts of all that were begun with them; they fail, warn or die
    where the input says so."""

    def begin(self, sources: Sequence[Source], path: str, options: Mapping[str, Any]) -> list[str]:
        text = sources[0].data.decode()
        if text == "bad":
            raise ImageError("not an image")
        return [text]

    def together(self, begun: Sequence[list[str]], share: float) -> None:
        texts = [text for each in begun for text in each]
        if "die" in texts:
            os._exit(9)
        if "device" in texts:
            raise DeviceError("device 'cuda' cannot be used")
        if "bug" in texts:
            raise KeyError("lost")
        for each in begun:
            each += [*sorted(texts), str(share)]

    def finish(self, begun: list[str]) -> tuple[bytes, dict[str, Any]]:
        if begun[0] == "late":
            raise FormatError("not a file")
        return "+".join(begun).encode(), {}
