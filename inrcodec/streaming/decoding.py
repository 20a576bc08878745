"""What there is to see of a file that has arrived in part: the image, and a text of what it lacks.

No function here warns, so any number of threads may decode at once: `warnings.catch_warnings`
changes filters of the whole process. `_decode` is the one place of the streaming package that
decodes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence

import numpy as np

from inrcodec.codec.coolchic import render
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.planes import read_latents
from inrcodec.codec.decode import missing_layers, read_network
from inrcodec.codec.families import model_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.native.pool import kernel_threads
from inrcodec.codec.view import view_of
from inrcodec.pixels import Picture, Samples, psnr

END_OF_JPEG = b"\xff\xd9"
"""The marker EOI."""


def decode_runs(runs: Sequence[bytes], threads: int | None = None) -> tuple[Picture, str]:
    """Decode what has arrived of a file: its image, and a text of what the image lacks.

    `runs` are runs of bytes of the file: the first is its beginning, every other one begins with a
    section (`Receiver.runs` gives them). The text is empty if the image is whole. Raises
    `FormatError` for bytes that are no such file.
    """
    return _decode(list(runs), threads)


def _decode(runs: list[bytes], threads: int | None) -> tuple[Picture, str]:
    """Decode as `codec.decoder.decode_picture` does, but return what is missing, not warn of it."""
    container = bitstream.read_runs(runs)
    header, model = container.header, model_of(container.header)
    view = view_of(header.width, header.height, None, None, None)
    if isinstance(model, CoolChic):
        with kernel_threads(threads):
            latents = read_latents(container, model)
            missing = latents.missing
            planes = [render.Plane.of(plane) for plane in latents.planes]
            pixels = render.render(planes, header.channels, view, header.bit_depth)
    else:
        from inrcodec.codec.networks import render

        model, network = read_network(container, model)
        missing = missing_layers(container, model)
        values = network.values()
        pixels = render.render(model, values, view, header.bit_depth, threads, "cpu")
    return Picture(pixels, **container.metadata), missing


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
