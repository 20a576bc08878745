"""Conformance vectors of sound and clips, which `make_vectors.py` writes.

signals/NAME.inr decodes to symbols with the sha256 in NAME.json and to the samples in NAME.png: of
sound its channels one below the other, within 64; of a clip its frames one below the other, within
1 (8 bit) or 64 (16 bit). Readers of images refuse them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import inrcodec
from inrcodec.codec.format.bitstream import Header
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.nif import Nif
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.spinr import Spinr
from inrcodec.pixels import Picture
from inrcodec.signals.records import Clip, Sound, Timing, channels_as_rows

SOUND, CLIP = Timing(Fraction(8000)), Timing(Fraction(30000, 1001), 5)

QUICK: dict[str, Any] = {"model": "pe-siren", "effort": 1, "threads": 1}


def tones(count: int, rate: int) -> Sound:
    """Two channels of a few tones."""
    t = np.arange(count) / rate
    left = 9000 * np.sin(2 * np.pi * 440 * t) + 6000 * np.sin(2 * np.pi * 1210 * t + 1)
    right = 12000 * np.sin(2 * np.pi * 300 * t) * np.sin(2 * np.pi * 9 * t)
    return Sound(np.round(np.stack([left, right], 1)).astype(np.int16), rate)


def disc(count: int, side: int) -> Clip:
    """A bright disc that moves over a slope, (count, side, side, 3) uint8, 10 frames a second."""
    y, x = np.mgrid[:side, :side]
    frames = []
    for number in range(count):
        centre = side * (0.3 + 0.4 * number / count)
        near = np.clip(side / 4 - np.hypot(x - centre, y - side / 2) + 0.5, 0, 1)
        slope = np.stack([x, y, x + y], 2) * (100 / side)
        frames.append(slope + near[:, :, None] * (150, 90, 40))
    return Clip(np.round(np.stack(frames)).clip(0, 255).astype(np.uint8), Fraction(10))


def sheet(data: bytes) -> Picture:
    """What the image of a vector shows."""
    if inrcodec.info(data).kind == "sound":
        return Picture(channels_as_rows(inrcodec.decode_sound(data).sheet))
    return Picture(inrcodec.decode_clip(data).sheet)


def fitted() -> dict[str, Callable[[], bytes]]:
    """Names of the vectors that come of a fit, and how each is made."""
    return {
        "sound-fitted": lambda: inrcodec.encode(tones(900, 8000), target_size=500, **QUICK),
        "clip-fitted": lambda: inrcodec.encode(disc(6, 16), target_size=700, **QUICK),
    }


def files(
    folder: Path, refit: bool, random_file: Callable[[Header, CoordinateModel, float], bytes]
) -> dict[str, bytes]:
    """Names and bytes of all of them."""
    made = {}
    for name, encode in fitted().items():
        kept = folder / f"{name}.inr"
        made[name] = encode() if refit or not kept.exists() else kept.read_bytes()
    for name, (header, model) in random_networks().items():
        made[name] = random_file(header, model, 1e-6)
    return made


def random_networks() -> dict[str, tuple[Header, CoordinateModel]]:
    """Headers and networks of the vectors of random parameters."""
    networks: dict[str, tuple[Timing, CoordinateModel, int, int, int]] = {
        "sound-siren": (SOUND, Siren(9, 3, 0, 1, 1), 70, 1, 16),
        "sound-stereo-nif": (SOUND, Nif((7, 5), (4,), 6, 2, 2, 1), 50, 1, 16),
        "sound-spinr": (SOUND, Spinr(6, 3, 4, 1, 1), 41, 1, 16),
        "clip-siren": (CLIP, Siren(8, 2, 0, 1, 3), 9, 4, 8),
        "clip-alpha-16": (CLIP, Siren(7, 3, 2, 4, 3), 5, 8, 16),
        "clip-nif": (CLIP, Nif((8, 6), (5, 3), 4, 2, 3, 3), 6, 7, 8),
        "clip-spinr": (CLIP, Spinr(7, 4, 3, 3, 3), 7, 6, 8),
        "clip-one-frame": (replace(CLIP, frames=1), Siren(6, 2, 1, 3, 3), 5, 3, 8),
    }
    return {
        name: (_header(model, width, height, bit_depth, timing), model)
        for name, (timing, model, width, height, bit_depth) in networks.items()
    }


def _header(model: CoordinateModel, wide: int, high: int, bits: int, timing: Timing) -> Header:
    sizes = wide, high, model.channels, bits, model.family, model.dimensions
    return Header(*sizes, timing=timing)


def invalid(with_header: Callable[..., bytes]) -> Mapping[str, bytes]:
    """Files every reader must refuse, each for one reason; `with_header` makes a good image a file
    with other header fields."""
    sound = {"RATE": [8000, 1], "HEIGHT": 1, "BIT_DEPTH": 16, "CHANNELS": 1}
    return {
        "frames-without-rate": with_header(FRAMES=3),
        "frames-none": with_header(RATE=[25, 1], FRAMES=[3]),
        "rate-zero": with_header(RATE=[0, 1], FRAMES=3),
        "rate-not-lowest": with_header(RATE=[50, 2], FRAMES=3),
        "rate-a-number": with_header(RATE=25, FRAMES=3),
        "rate-three": with_header(RATE=[25, 1, 1], FRAMES=3),
        "clip-fourier": with_header(RATE=[25, 1], FRAMES=3, FAMILY=7, DIMENSIONS=[8, 2, 3]),
        "clip-grids": with_header(RATE=[25, 1], FRAMES=3, FAMILY=5, DIMENSIONS=[3, 8, 5, 3]),
        "sound-rows": with_header(**sound | {"HEIGHT": 2}),
        "sound-8-bit": with_header(**sound | {"BIT_DEPTH": 8}),
        "sound-channels": with_header(**sound | {"CHANNELS": 3}),
        "sound-fraction": with_header(**sound | {"RATE": [8000, 3]}),
    }
