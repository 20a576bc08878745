"""What there is to see of a file that has arrived in part: the image, and a text of what it lacks.

No function here warns, so any number of threads may decode at once: a filter of warnings is that of
the whole process. This is the one place of the streaming package that decodes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence

import numpy as np

from inrcodec.codec.decode import check_cost, check_kind, decode_quietly
from inrcodec.codec.format import bitstream
from inrcodec.codec.limits import Limits
from inrcodec.codec.view import view_of
from inrcodec.errors import FormatError, KindError, LimitError
from inrcodec.pixels import Picture, Samples, psnr

HEAD_BYTES = 512
"""Bytes of the beginning of a file in which its header ends, whatever it holds."""

END_OF_JPEG = b"\xff\xd9"
"""The marker EOI."""


def decode_runs(
    runs: Sequence[bytes],
    threads: int | None = None,
    *,
    max_pixels: int | None = None,
    max_work: float | None = None,
) -> tuple[Picture, str]:
    """Decode what has arrived of a file: its image, and a text of what the image lacks.

    `runs` are runs of bytes of the file: the first is its beginning, every other one begins with a
    section (`Receiver.runs` gives them). The text is empty if the image is whole. `max_pixels` and
    `max_work` are those of `inrcodec.decode_picture` (None: its defaults). Raises `FormatError` for
    bytes that are no such file, `LimitError` for one beyond the limits.
    """
    decoded = decode_quietly(list(runs), threads=threads, max_pixels=max_pixels, max_work=max_work)
    return decoded.picture, decoded.missing


def limits_of(max_pixels: int | None, max_work: float | None) -> Limits:
    """The limits that options of a client ask for, which knows no codec: those of
    `inrcodec.decode_picture` for None. Raises `OptionError`."""
    return Limits.of(max_pixels, max_work)


def check_head(beginning: bytes, limits: Limits) -> None:
    """Raise `LimitError` if the header, at the beginning of a file, tells of an image beyond the
    limits, and `KindError` if it tells of sound or a clip. What is no such beginning, or too short,
    is the decoder's matter."""
    try:
        container = bitstream.read(beginning[:HEAD_BYTES])
        header = container.header
        check_kind(header, "image")
        view = view_of(header.width, header.height, None, None, None)
        check_cost(container, view, limits)
    except (KindError, LimitError):
        raise
    except FormatError:
        return


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
