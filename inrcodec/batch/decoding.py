"""What a job of a decode does with one file of an image or of sound, and what is reported of it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from inrcodec.batch.making import Source
from inrcodec.codec.decode import check_kind, decode_picture, decode_sound
from inrcodec.codec.format import bitstream
from inrcodec.errors import ImageWarning, OptionError, warn
from inrcodec.images import writing
from inrcodec.pixels import CHANNEL_NAMES, Picture
from inrcodec.signals.wav import is_wav_name, wav_bytes

OF_KIND = {
    "image": ("size", "scale", "crop", "bit_depth", "init"),
    "sound": ("rate",),
    "clip": ("frames", "size", "scale", "crop", "bit_depth"),
}
COMMON = ("threads", "device", "max_pixels", "max_work")
"""Options that a decode of each kind takes, and those that all take."""


def decoded(
    sources: Sequence[Source], path: str, view: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """Decode the bytes of a file, the only source; return the image file, in the format of its
    name, or the WAV file of sound, and its report.

    Raises what `inrcodec.decode_picture` and `decode_sound` raise, and `OptionError` for an option
    of another kind and a format that cannot hold the image; warns where the size asked for
    stretches it.
    """
    started, (source,) = time.monotonic(), sources
    header = bitstream.read(source.data).header
    if header.timing is not None and header.timing.kind == "sound":
        data, report = sound_file(path, source.data, options_of("sound", view, source.name))
        elapsed_s = round(time.monotonic() - started, 3)
        about = {"input": source.name, "output": path, "kind": "sound"}
        return data, {**about, **report, "elapsed_s": elapsed_s}
    check_kind(header, "image")
    view = options_of("image", view, source.name)
    stretched = stretching(view["size"], (header.width, header.height))
    if stretched is not None:
        warn(stretched, ImageWarning)
    kind = writing.image_format(path)
    writing.check_format(kind, header.channels, view["bit_depth"] or header.bit_depth)
    picture = decode_picture(source.data, **view)
    data = writing.image_bytes(picture, kind)
    return data, decode_report(source.name, path, picture, time.monotonic() - started)


def options_of(kind: str, view: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The options that a decode of this kind takes; raises `OptionError`, with the file's name, for
    others that are given."""
    known = (*OF_KIND[kind], *COMMON)
    named = {"image": "an image", "clip": "a clip"}.get(kind, kind)
    for option, value in view.items():
        if value is not None and option not in known:
            flag = f"--{option.replace('_', '-')}"
            raise OptionError(f"{flag} is not for a file of {named}").about(name)
    return {key: view[key] for key in known if key in view}


def sound_file(path: str, data: bytes, options: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The WAV file of a file of sound, and what it has; raises `OptionError` for a name of another
    kind ("-" is none)."""
    if path != "-" and not is_wav_name(path) and os.path.splitext(path)[1]:
        raise OptionError(f"{path}: sound is written as .wav")
    sound = decode_sound(data, **options)
    count, channels = sound.samples.shape
    return wav_bytes(sound), {"samples": count, "channels": channels, "rate": sound.rate}


def stretching(size: tuple[int, int] | None, native: tuple[int, int]) -> str | None:
    """Say that a size, in pixels, has another aspect ratio than the image, beyond rounding."""
    if size is None or 0 in size:
        return None
    fitting = round(size[0] * native[1] / native[0]), round(size[1] * native[0] / native[1])
    if abs(fitting[0] - size[1]) <= 1 or abs(fitting[1] - size[0]) <= 1:
        return None
    return (
        f"{size[0]}x{size[1]} stretches the image; {size[0]}x{max(1, fitting[0])} keeps its aspect "
        f"ratio"
    )


def decode_report(name: str, path: str, picture: Picture, elapsed_s: float) -> dict[str, Any]:
    """Describe an image that was decoded."""
    return {
        "input": name,
        "output": path,
        "width": picture.width,
        "height": picture.height,
        "channels": picture.channels,
        "colours": CHANNEL_NAMES[picture.channels],
        "bit_depth": picture.bit_depth,
        "elapsed_s": round(elapsed_s, 3),
    }
