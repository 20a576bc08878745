"""What there is to see of a file that has arrived in part: the image, and a text of what it lacks.

No function here warns, so any number of threads may decode at once: a filter of warnings is that of
the whole process. This is the one place of the streaming package that decodes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence

import numpy as np

from inrcodec.codec.decode import decode_quietly
from inrcodec.codec.limits import MAX_WORK_S
from inrcodec.pixels import MAX_PIXELS, Picture, Samples, psnr

END_OF_JPEG = b"\xff\xd9"
"""The marker EOI."""


def decode_runs(
    runs: Sequence[bytes],
    threads: int | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    max_work: float = MAX_WORK_S,
) -> tuple[Picture, str]:
    """Decode what has arrived of a file: its image, and a text of what the image lacks.

    `runs` are runs of bytes of the file: the first is its beginning, every other one begins with a
    section (`Receiver.runs` gives them). The text is empty if the image is whole. `max_pixels` and
    `max_work` are those of `inrcodec.decode_picture`. Raises `FormatError` for bytes that are no
    such file, `LimitError` for one beyond the limits.
    """
    decoded = decode_quietly(list(runs), threads=threads, max_pixels=max_pixels, max_work=max_work)
    return decoded.picture, decoded.missing


def decode_jpeg_prefix(prefix: bytes) -> Samples | None:
    """Decode the beginning of a JPEG, closed by an end marker: (height, width, channels) samples,
    or None where the beginning is too short to show anything."""
    from PIL import Image

    try:
        pixels = np.asarray(Image.open(io.BytesIO(prefix + END_OF_JPEG)))
    except (OSError, SyntaxError):  # what Pillow raises for a file cut short
        return None
    return pixels.reshape(*pixels.shape[:2], -1)


class Psnr:
    """Rates what has arrived of one file: the PSNR of its image against `original`, in dB.

    `decode` turns runs into samples, or None if there is nothing to see, which rates as NaN. Each
    state of the file is decoded once.
    """

    def __init__(
        self, original: Samples, decode: Callable[[tuple[bytes, ...]], Samples | None]
    ) -> None:
        self._original, self._decode = original, decode
        self._known: dict[tuple[bytes, ...], float] = {}

    def __call__(self, runs: tuple[bytes, ...]) -> float:
        """Return the PSNR of what these runs show."""
        if runs not in self._known:
            pixels = self._decode(runs)
            self._known[runs] = math.nan if pixels is None else psnr(self._original, pixels)
        return self._known[runs]
