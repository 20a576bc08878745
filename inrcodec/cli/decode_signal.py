"""What `inrcodec decode` does with a file of sound or of a clip."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inrcodec.cli import console
from inrcodec.errors import InrCodecError, OptionError, OutputError

if TYPE_CHECKING:
    from inrcodec.codec.format.header import Header
    from inrcodec.signals.records import Clip

HEAD_BYTES = 512
"""Bytes of the beginning of a file in which its header ends, whatever it holds."""

NUMBER = re.compile(r"%(0\d{1,2})?d")
"""Where the number of a frame stands in a name, as in frames/%03d.png."""

OF_KIND = {"sound": ("rate",), "clip": ("frames", "size", "scale", "crop", "bit_depth")}
COMMON = ("threads", "device", "max_pixels", "max_work")
"""Options that a decode of each kind takes, and those that all take."""


def kind_of(name: str) -> str:
    """What a file holds, "image", "sound" or "clip", as far as a look at its beginning tells:
    "image" for what cannot be read, and for stdin."""
    from inrcodec.codec.format import bitstream

    if name == "-" or not os.path.isfile(name):
        return "image"
    try:
        with open(name, "rb") as file:
            timing = bitstream.read(file.read(HEAD_BYTES)).header.timing
    except (OSError, InrCodecError):
        return "image"
    return "image" if timing is None else timing.kind


def decode_signal(
    name: str, path: str, data: bytes, header: Header, view: dict[str, Any], force: bool
) -> dict[str, Any]:
    """Decode a file that holds no image, and write it as `path` says; return the report. Raises
    `OptionError` for an option or a name of another kind."""
    started = time.monotonic()
    kind = header.timing.kind if header.timing else "image"
    known = (*OF_KIND[kind], *COMMON)
    for option, value in view.items():
        if value is not None and option not in known:
            raise OptionError(f"{name}: --{option.replace('_', '-')} is not for a file of {kind}")
    options = {key: view[key] for key in known if key in view}
    if kind == "sound":
        report = _decode_sound(path, data, options, force)
    else:
        report = _decode_clip(path, data, options, force)
    elapsed_s = round(time.monotonic() - started, 3)
    return {"input": name, "output": path, "kind": kind, **report, "elapsed_s": elapsed_s}


def _decode_sound(path: str, data: bytes, options: dict[str, Any], force: bool) -> dict[str, Any]:
    """Write a WAV file."""
    from inrcodec.codec.decode import decode_sound
    from inrcodec.signals.wav import is_wav_name, wav_bytes

    if path != "-" and not is_wav_name(path) and os.path.splitext(path)[1]:
        raise OptionError(f"{path}: sound is written as .wav")
    sound = decode_sound(data, **options)
    console.write_output(path, wav_bytes(sound), force=force)
    count, channels = sound.samples.shape
    return {"samples": count, "channels": channels, "rate": sound.rate}


def _decode_clip(path: str, data: bytes, options: dict[str, Any], force: bool) -> dict[str, Any]:
    """Write an animation, or a file of every frame."""
    from inrcodec.codec.decode import decode_clip
    from inrcodec.images import writing
    from inrcodec.images.clips import animation_bytes, check_animation

    kind = writing.image_format(path)
    numbered = NUMBER.search(os.path.basename(path))
    if not numbered:
        check_animation(kind)
    clip = decode_clip(data, **options)
    if numbered:
        _write_frames(path, clip, kind, force)
    else:
        console.write_output(path, animation_bytes(clip, kind), force=force)
    count, height, width, channels = clip.frames.shape
    return {
        "frames": count,
        "width": width,
        "height": height,
        "channels": channels,
        "rate": float(clip.rate),
    }


def _write_frames(path: str, clip: Clip, kind: str, force: bool) -> None:
    """Write every frame; its number, from 1 on, takes the place of %d in the name."""
    from inrcodec.images import writing
    from inrcodec.images.clips import frames_of

    folder, base = os.path.split(path)
    names = [
        os.path.join(folder, NUMBER.sub(lambda m, k=k: m[0] % k, base))  # type: ignore[misc]
        for k in range(1, len(clip.frames) + 1)
    ]
    there = next((each for each in names if Path(each).exists()), None)
    if there is not None and not force:
        raise OutputError(f"{there}: exists already; use --force to replace it")
    for each, frame in zip(names, frames_of(clip), strict=True):
        console.write_output(each, writing.image_bytes(frame, kind), force=force)


def measures(report: dict[str, Any]) -> str:
    """What a signal has, for a person."""
    if report["kind"] == "sound":
        seconds = report["samples"] / report["rate"]
        what = f"{report['samples']} samples at {report['rate']} Hz, {seconds:.2f} s of sound"
    else:
        size = f"{report['width']} x {report['height']}"
        what = f"{report['frames']} frames of {size}, {report['rate']:g} a second"
    return f"{what}, {report['elapsed_s']:.2f} s"


def refuse_options(name: str, view: dict[str, Any]) -> None:
    """Raise `OptionError` for options of other signals with a file of an image."""
    for option in ("rate", "frames"):
        if view[option] is not None:
            raise OptionError(f"{name}: --{option} is not for a file of an image")
