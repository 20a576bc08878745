"""What a job of an encode does with one image, and what is reported of a file that was encoded."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import inrcodec
from inrcodec.batch.running import Source
from inrcodec.errors import ImageWarning, warn
from inrcodec.images.graphics import is_graphic
from inrcodec.images.reading import as_picture
from inrcodec.pixels import Picture, psnr

GRAPHIC = "large flat areas, as in graphics, suit lossless WebP or PNG better"
UNFITTED = "; the networks of effort 0 know photographs only: use -e 1 or more"


def graphic_note(options: Mapping[str, Any]) -> str:
    """What to say of a graphic that is encoded with these options."""
    return GRAPHIC + UNFITTED if options["effort"] == 0 else GRAPHIC


def encoded(
    sources: Sequence[Source], path: str, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """Encode the bytes of an image file, the only source; return the file and its report.

    Raises what `inrcodec.encode` raises; warns of what it warns of, and of a graphic.
    """
    started, (source,) = time.monotonic(), sources
    picture = as_picture(source.data)
    if is_graphic(picture):
        warn(graphic_note(options), ImageWarning)
    limit = options["time_limit"]
    keep_memory(picture, options)
    if limit is not None:  # reading the image and loading torch count
        options = {**options, "time_limit": max(0.1, limit - (time.monotonic() - started))}
    job, steps = inrcodec.encoding(picture, **options), 0
    for progress in job:
        steps = progress.step
    data = job.finish()
    del job  # its memory, before the file is decoded
    elapsed = time.monotonic() - started
    return data, encode_report(source.name, path, picture, data, options, steps, elapsed)


def keep_memory(picture: Picture, options: Mapping[str, Any]) -> None:
    """Have this process keep the memory that a fit frees; without a fit there is none."""
    if options["effort"] or options["time_limit"] is not None:
        from inrcodec.codec.runtime import keep_freed_memory

        keep_freed_memory(picture.width * picture.height)


def encode_report(
    name: str,
    path: str,
    picture: Picture,
    data: bytes,
    options: Mapping[str, Any],
    steps: int,
    elapsed_s: float,
) -> dict[str, Any]:
    """Describe a file by what comes out of it: its bytes, and the pixels that it decodes to."""
    given = options["init"] if options["init"] not in ("random", "meta") else None
    decoded = inrcodec.decode(
        data, threads=options["threads"], device=options["device"], init=given
    )
    about = inrcodec.info(data)
    return {
        "input": name,
        "output": path,
        "size_bytes": len(data),
        "bits_per_pixel": about.bits_per_pixel,
        "psnr_db": psnr(picture.pixels, decoded),
        "model": about.model,
        "dimensions": about.dimensions,
        "parameters": about.parameters,
        "steps": steps,
        "elapsed_s": round(elapsed_s, 3),
    }
