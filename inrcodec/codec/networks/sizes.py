"""Which network of a coordinate family a size in bytes calls for.

Every family is a ladder: one width fixes a network, and the widest whose parameters fit is taken.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

from inrcodec.codec.entropy.prior import PRIOR_BYTES
from inrcodec.codec.limits import MAX_WORK_S
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.diner import Diner
from inrcodec.codec.networks.encoding import ENCODING_BASE, MAX_FREQUENCIES
from inrcodec.codec.networks.fourier import FourierNet
from inrcodec.codec.networks.mfn import Mfn
from inrcodec.codec.networks.nif import Nif
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.spinr import Spinr
from inrcodec.codec.networks.wire import Wire
from inrcodec.codec.networks.work import own_size_s
from inrcodec.pixels import Picture
from inrcodec.signals.records import Timing

BITS_PER_PARAMETER = 4.8
"""Where a network of the right size ends up after quantisation; measured on Kodak."""

BITS_OF_SOUND, LAYERS_OF_SOUND = 7.0, 4
"""The same of sound, and its most layers: high frequencies leave less room for rounding. A second
of speech at 16 kHz in 8000 bytes, effort 3: 9.6 dB (SNR) with 4.8 bits and 6 layers, 13.9 and 14.7
with 7 bits and 5 or 4 layers, 9.1 with 10 bits."""

LARGEST_WIDTH = 256
"""Widest network chosen on its own: 400k parameters; beyond it a step takes seconds on a laptop."""

FINEST_PERIOD = 5.0
"""Pixels in half a period of the finest encoding frequency (16 frequencies at 768 pixels)."""

LAYERS_OF_PARAMETERS = ((300, 2), (2000, 3), (6000, 4), (12000, 5), (math.inf, 6))
"""Sine layers of a network with at most so many parameters; measured on Kodak."""

NIF_SHAPE = (1.0, 0.38, 0.22, 0.13)
"""Widths of its layers beside that of the first, about those of the paper."""

NIF_MODULATORS = ((2000, ()), (20000, (16, 8)), (math.inf, (64, 16, 8)))
"""Widths of the modulator of a NIF of at most so many parameters, as in the paper."""

MODULATOR_FREQUENCIES = 4

DINER_WIDTH, DINER_LAYERS = 64, 2
"""Sizes of the network behind the table of DINER."""

PARAMETERS_PER_FREQUENCY = 80
"""A network has an encoding frequency for every so many parameters: a rough guess."""

PAYLOAD_OVER_PRIORS = 3
"""The priors of its tensors take at most this part of a payload: a rough guess."""


class ImageShape(NamedTuple):
    """Size of an image in pixels and its number of channels, by which network sizes go; of a clip
    that of a frame and how many there are. `axes` as those of a model."""

    width: int
    height: int
    channels: int
    axes: int = 2
    frames: int = 1

    @classmethod
    def of(cls, picture: Picture, timing: Timing | None = None) -> ImageShape:
        """The shape of a picture, or of the signal of which it is the sheet."""
        if timing is None:
            return cls(picture.width, picture.height, picture.channels)
        frames = timing.frames or 1
        height = picture.height // frames
        return cls(picture.width, height, picture.channels, timing.axes, frames)

    @property
    def side(self) -> int:
        """The longer side in pixels."""
        return max(self.width, self.height)


Ladder = Callable[[int, int, int, ImageShape], CoordinateModel]
"""(width, layers, frequencies of the encoding, shape of the image) -> network."""


def _nif(width: int, layers: int, frequencies: int, shape: ImageShape) -> Nif:
    """A NIF with the proportions of the paper and at most so many `layers`."""
    widths = tuple(max(1, round(width * share)) for share in NIF_SHAPE[:layers])
    rough = shape.axes * (1 + 2 * frequencies) * width + sum(
        math.prod(p) for p in itertools.pairwise(widths)
    )
    modulator = next(chosen for most, chosen in NIF_MODULATORS if rough <= most)
    few = min(frequencies, MODULATOR_FREQUENCIES)
    return Nif(widths, modulator, frequencies, few, shape.channels, shape.axes)


LADDERS: dict[str, Ladder] = {
    "siren": lambda w, n, f, p: Siren(w, n, 0, p.channels, p.axes),
    "pe-siren": lambda w, n, f, p: Siren(w, n, f, p.channels, p.axes),
    "nif": _nif,
    "spinr": lambda w, n, f, p: Spinr(w, n, f, p.channels, p.axes),
    "fourier": lambda w, n, f, p: FourierNet(w, n, max(1, w // 2), p.channels, p.side),
    "mfn-fourier": lambda w, n, f, p: Mfn(w, n, False, p.channels, p.side),
    "mfn-gabor": lambda w, n, f, p: Mfn(w, n, True, p.channels, p.side),
    "wire": lambda w, n, f, p: Wire(w, n, p.channels),
    "diner": lambda w, n, f, p: Diner(DINER_WIDTH, DINER_LAYERS, p.width, p.height, p.channels),
}


def smallest_network(shape: ImageShape, family: str) -> CoordinateModel:
    """The smallest network of a family."""
    return LADDERS[family](1, 1, 1, shape)


def network_for(shape: ImageShape, family: str, payload_bytes: int) -> CoordinateModel:
    """A network whose quantised parameters take about `payload_bytes`."""
    return network_of(shape, family, payload_bytes * 8 / _bits_of(shape))


def _bits_of(shape: ImageShape) -> float:
    """Bits of a parameter after quantisation."""
    return BITS_OF_SOUND if shape.axes == 1 else BITS_PER_PARAMETER


def network_of(shape: ImageShape, family: str, wanted: float) -> CoordinateModel:
    """A network of about so many parameters, or of as many as decoders allow."""
    payload_bytes = wanted * _bits_of(shape) / 8
    layers = next(layers for most, layers in LAYERS_OF_PARAMETERS if wanted <= most)
    layers = min(layers, LAYERS_OF_SOUND) if shape.axes == 1 else layers
    finest = shape.side / FINEST_PERIOD
    wavelengths = 1 + round(math.log(max(1.0, finest)) / math.log(ENCODING_BASE))
    affordable = int(wanted / PARAMETERS_PER_FREQUENCY) + 1
    frequencies = max(1, min(MAX_FREQUENCIES, wavelengths, affordable))

    def rung(width: int) -> CoordinateModel:
        return LADDERS[family](width, layers, frequencies, shape)

    def is_allowed(model: CoordinateModel) -> bool:
        return own_size_s(model, shape.width, shape.height, shape.frames) <= MAX_WORK_S

    while layers > 1 and PRIOR_BYTES * len(rung(1).shapes) > payload_bytes / PAYLOAD_OVER_PRIORS:
        layers -= 1
    width, model = 1, rung(1)
    while width < LARGEST_WIDTH:
        wider = rung(width + 1)
        if wider.parameter_count > wanted or not is_allowed(wider):
            break
        width, model = width + 1, wider
    even = rung((width + 3) // 8 * 8) if width >= 32 else model
    return even if is_allowed(even) else model


def bpp_of_quality(quality: int) -> float:
    """Bits per pixel of a quality: 0.03 at 1, 3 at 100, even ratios between."""
    return float(0.03 * 100 ** ((quality - 1) / 99))
