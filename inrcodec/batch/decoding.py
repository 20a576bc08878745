"""What a job of a decode does with one file, and what is reported of an image that was decoded."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from inrcodec.batch.making import Source
from inrcodec.codec.decode import check_kind, decode_picture
from inrcodec.codec.format import bitstream
from inrcodec.errors import ImageWarning, warn
from inrcodec.images import writing
from inrcodec.pixels import CHANNEL_NAMES, Picture


def decoded(
    sources: Sequence[Source], path: str, view: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """Decode the bytes of a file, the only source; return the image file, in the format of its
    name, and its report.

    Raises what `inrcodec.decode_picture` raises, and `OptionError` for a format that cannot hold
    the image; warns where the size asked for stretches it.
    """
    started, (source,) = time.monotonic(), sources
    header = bitstream.read(source.data).header
    check_kind(header, "image")
    stretched = stretching(view["size"], (header.width, header.height))
    if stretched is not None:
        warn(stretched, ImageWarning)
    kind = writing.image_format(path)
    writing.check_format(kind, header.channels, view["bit_depth"] or header.bit_depth)
    picture = decode_picture(source.data, **view)
    data = writing.image_bytes(picture, kind)
    return data, decode_report(source.name, path, picture, time.monotonic() - started)


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
