"""Pixels -> bytes, with the model family the options name.

job = encoding(picture, EncodeOptions(bpp=0.3))
for progress in job:
    ...                      # break at any time
data = job.finish()
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from inrcodec.codec.fitting.losses import tuned
from inrcodec.codec.fitting.plan import chosen
from inrcodec.codec.options import COORDINATE_MODELS, EncodeOptions
from inrcodec.codec.progress import Progress
from inrcodec.pixels import Picture


class Encoding(Protocol):
    """One encode in progress. Iterate for `Progress`, then `finish()`; or `finish()` early."""

    def __iter__(self) -> Iterator[Progress]:
        """Fit, reporting progress a few times a second."""
        ...

    def finish(self) -> bytes:
        """The file holding the best of what was fitted so far."""
        ...


def encoding(picture: Picture, options: EncodeOptions) -> Encoding:
    """Start encoding a picture. Raises `OptionError`, or `RateError` for a size out of reach."""
    options = chosen(options, picture)
    options = tuned(options, picture.width, picture.height)
    if options.model in COORDINATE_MODELS:
        from inrcodec.codec.fitting.networks.encoder import CoordinateEncoding

        return CoordinateEncoding(picture, options)
    from inrcodec.codec.fitting.coolchic.encoder import LatentEncoding

    return LatentEncoding(picture, options)
