"""Many files in one `inrcodec decode`: images, and WAV files of sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from inrcodec import checks
from inrcodec.cli.batch import Choice, Verb, carry_out, found_by
from inrcodec.cli.decode_signal import kind_of, measures
from inrcodec.errors import OptionError

if TYPE_CHECKING:
    from inrcodec.batch import Item

OF_SIGNALS = ("rate", "frames")
"""Options that no image takes."""


def decode_batch(choice: Choice, view: dict[str, Any], extension: str) -> None:
    """Decode the files of folders, patterns and names: images to the format of this extension, and
    sound to WAV files. Raises `OptionError` for an option that none of them takes."""
    from inrcodec.batch.decoding import decoded
    from inrcodec.files import EXTENSIONS

    if view["threads"] is not None:
        checks.whole("threads", view["threads"], 1, 1024)
    found = found_by(choice, EXTENSIONS, extension)
    found.items = [_named(item) for item in found.items]
    sounds = any(item.result.endswith(".wav") for item in found.items)
    for option in OF_SIGNALS:
        if view[option] is not None and not (sounds and option == "rate"):
            raise OptionError(f"--{option} is not for a file of an image")
    options = {key: view[key] for key in view if key not in OF_SIGNALS or view[key] is not None}
    carry_out(choice, Verb(decoded, options, "decoded", measures), found)


def _named(item: Item) -> Item:
    """The item with the name of a WAV file for its result if its file is one of sound."""
    if kind_of(item.input) != "sound":
        return item
    return replace(item, result=str(PurePosixPath(item.result).with_suffix(".wav")))
