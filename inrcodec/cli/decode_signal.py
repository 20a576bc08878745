"""What `inrcodec decode` does with a file of sound or of a clip."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inrcodec.cli import console
from inrcodec.errors import InrCodecError, OutputError

if TYPE_CHECKING:
    from inrcodec.codec.format.header import Header
    from inrcodec.signals.records import Clip

HEAD_BYTES = 512
"""Bytes of the beginning of a file in which its header ends, whatever it holds."""

NUMBER = re.compile(r"%(0\d{1,2})?d")
"""Where the number of a frame stands in a name, as in frames/%03d.png."""


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
    from inrcodec.batch.decoding import options_of, sound_file

    started = time.monotonic()
    kind = header.timing.kind if header.timing else "image"
    options = options_of(kind, view, name)
    if kind == "sound":
        wav, report = sound_file(path, data, options)
        console.write_output(path, wav, force=force)
    else:
        report = _decode_clip(path, data, options, force)
    elapsed_s = round(time.monotonic() - started, 3)
    return {"input": name, "output": path, "kind": kind, **report, "elapsed_s": elapsed_s}


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
    """What came out of a file, for a person."""
    if "kind" not in report:
        size = f"{report['width']} x {report['height']} {report['colours']}"
        what = f"{size}, {report['bit_depth']} bit"
    elif report["kind"] == "sound":
        seconds = report["samples"] / report["rate"]
        what = f"{report['samples']} samples at {report['rate']} Hz, {seconds:.2f} s of sound"
    else:
        size = f"{report['width']} x {report['height']}"
        what = f"{report['frames']} frames of {size}, {report['rate']:g} a second"
    return f"{what}, {report['elapsed_s']:.2f} s"
