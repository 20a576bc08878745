"""From a header to its network: the one place that knows every family."""

from __future__ import annotations

import math

from inrcodec.codec.coolchic.model import BUILDERS, CoolChic
from inrcodec.codec.format.header import LATENT_FAMILIES, Family, Header
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.diner import Diner
from inrcodec.codec.networks.fourier import FourierNet
from inrcodec.codec.networks.mfn import Mfn
from inrcodec.codec.networks.nif import Nif
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.spinr import Spinr
from inrcodec.codec.networks.wire import Wire
from inrcodec.errors import FormatError, LimitError

MAX_PARAMETERS = 1 << 22
"""Largest number of parameters of one network."""

MAX_PICTURE_WORK = 1 << 44
"""Most `work_per_pixel` of a whole picture at its own size: minutes on one core."""

NEURON_MACS = 256
"""What the sine, exponential or memory of one neuron costs beside a multiply-accumulate."""

MAX_LATENT_PIXELS = 1 << 25
"""Most pixels of a picture of latent grids, which are decoded as a whole: a minute on one core."""

DIMENSIONS = {
    Family.SIREN: 2,
    Family.PE_SIREN: 3,
    Family.COOLCHIC_V1: 4,
    Family.COOLCHIC_V2: 4,
    Family.COOLCHIC: 4,
    Family.FOURIER: 3,
    Family.MFN_FOURIER: 2,
    Family.MFN_GABOR: 2,
    Family.WIRE: 2,
    Family.DINER: 2,
    Family.SPINR: 3,
}
"""How many integers describe a model of each family; of NIF, as many as it has layers and more."""

FEWEST_NIF_DIMENSIONS = 4

Model = CoordinateModel | CoolChic


def model_of(header: Header) -> Model:
    """The model a header describes; raises `FormatError` or `LimitError`."""
    dimensions = header.dimensions
    expected = DIMENSIONS.get(header.family, max(FEWEST_NIF_DIMENSIONS, len(dimensions)))
    if len(dimensions) != expected:
        raise FormatError(
            f"{header.family.name} has {expected} dimensions, the header gives {len(dimensions)}"
        )
    pixels = header.width * header.height
    model: Model
    if header.family in LATENT_FAMILIES:
        if pixels > MAX_LATENT_PIXELS:
            raise LimitError(
                f"{pixels} pixels; the limit of {header.family.name} is {MAX_LATENT_PIXELS}"
            )
        levels, neighbours, arm_width, synthesis_width = dimensions
        model = BUILDERS[header.family](
            header.width,
            header.height,
            levels=levels,
            neighbours=neighbours,
            arm_width=arm_width,
            synthesis_width=synthesis_width,
        )
    else:
        model = _coordinate_model(header)
    if (count := parameter_count(model)) > MAX_PARAMETERS:
        raise LimitError(
            f"{count} parameters of {header.family.label}; the limit is {MAX_PARAMETERS}"
        )
    if not isinstance(model, CoolChic) and work_per_pixel(model) * pixels > MAX_PICTURE_WORK:
        raise LimitError(
            f"a network of {count} parameters is too much work for {pixels} pixels: "
            f"{work_per_pixel(model)} multiply-accumulates each"
        )
    return model


def work_per_pixel(model: CoordinateModel) -> int:
    """Multiply-accumulates a pixel, and what its neurons cost in such: a neuron is a number in a
    tensor of one dimension, a feature of `fourier` is two."""
    neurons = sum(shape[0] for shape in model.shapes.values() if len(shape) == 1)
    neurons += 2 * model.shapes.get("features", (0,))[0]
    return model.macs_per_pixel + NEURON_MACS * neurons


def _coordinate_model(header: Header) -> CoordinateModel:
    """The network of a family without latents whose number of dimensions is right."""
    family, channels = header.family, header.channels
    if family == Family.NIF:
        return Nif.of_dimensions(header.dimensions, channels)
    width, layers, *rest = header.dimensions
    if family in (Family.SIREN, Family.PE_SIREN):
        if rest == [0]:
            raise FormatError("PE_SIREN needs at least one frequency")
        return Siren(width, layers, rest[0] if rest else 0, channels)
    if family == Family.SPINR:
        return Spinr(width, layers, rest[0], channels)
    if family == Family.FOURIER:
        return FourierNet(width, layers, rest[0], channels)
    if family in (Family.MFN_FOURIER, Family.MFN_GABOR):
        return Mfn(width, layers, family == Family.MFN_GABOR, channels)
    if family == Family.WIRE:
        return Wire(width, layers, channels)
    return Diner(width, layers, header.width, header.height, channels)


def parameter_count(model: Model) -> int:
    """Number of parameters of a model's networks."""
    return sum(math.prod(shape) for shape in model.shapes.values())
