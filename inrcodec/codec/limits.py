"""What a caller lets one decode cost: pixels, and work.

Work is counted in seconds of one core. What an operation takes was measured on a core of a server
with AVX-512 and compiled kernels (benchmarks/speed/decode_work.py) and is written down here and
beside each family, so the same file and view count the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from inrcodec import checks
from inrcodec.codec.view import View
from inrcodec.errors import LimitError
from inrcodec.pixels import MAX_PIXELS

MAX_WORK_S = 60.0
"""Most work of a decode without being asked, in seconds of one core. An image of latent grids of
the largest size and of the most costly networks that an encoder chooses, with alpha, takes 45."""

MOST_WORK_S = 1e9

NANOSECOND = 1e-9

MAC = 0.026 * NANOSECOND
"""A multiply-accumulate of a matrix product in float32."""

PIXEL = 25 * NANOSECOND
"""Scaling, clipping and rounding the samples of a pixel."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most `pixels` that an image may have, and a view of it, and the most `work_s` that
    decoding it may take, in seconds of one core."""

    pixels: int = MAX_PIXELS
    work_s: float = MAX_WORK_S

    @classmethod
    def of(cls, max_pixels: object = None, max_work: object = None) -> Limits:
        """The limits that options ask for, the usual ones for None; raises `OptionError`."""
        return cls(
            checks.whole(
                "max_pixels", MAX_PIXELS if max_pixels is None else max_pixels, 1, MAX_PIXELS
            ),
            checks.real("max_work", MAX_WORK_S if max_work is None else max_work, 0, MOST_WORK_S),
        )

    def check_pixels(self, view: View) -> None:
        """Raise `LimitError` if the image or the view has too many pixels."""
        sizes = ("image", *view.native, view.native_frames), ("view", *view.crop[2:], view.frames)
        for name, width, height, frames in sizes:
            if width * height * frames > self.pixels:
                many = f"{frames} x " if frames > 1 else ""
                raise LimitError(
                    f"the {name} has {many}{width} x {height} pixels; the limit is {self.pixels} "
                    "(max_pixels, --max-pixels)"
                )

    def check_work(self, work_s: float) -> None:
        """Raise `LimitError` for more work than is allowed."""
        if work_s > self.work_s:
            raise LimitError(
                f"this would take about {work_s:.3g} seconds of one core; the limit is "
                f"{self.work_s:g} (max_work, --max-work)"
            )
