"""From a header to its coordinate network, within the limits of a decoder."""

from __future__ import annotations

from inrcodec.codec.entropy.quantized import check_parameters
from inrcodec.codec.format.header import Family, Header
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.diner import Diner
from inrcodec.codec.networks.fourier import FourierNet
from inrcodec.codec.networks.mfn import Mfn
from inrcodec.codec.networks.nif import Nif
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.spinr import Spinr
from inrcodec.codec.networks.wire import Wire
from inrcodec.errors import FormatError

DIMENSIONS = {
    Family.SIREN: 2,
    Family.PE_SIREN: 3,
    Family.FOURIER: 3,
    Family.MFN_FOURIER: 2,
    Family.MFN_GABOR: 2,
    Family.WIRE: 2,
    Family.DINER: 2,
    Family.SPINR: 3,
}
"""How many integers describe a network of each family; of NIF, more with each layer."""

FEWEST_NIF_DIMENSIONS = 4


def network_from(header: Header) -> CoordinateModel:
    """The network a header describes; raises `FormatError` or `LimitError`."""
    given = len(header.dimensions)
    expected = DIMENSIONS.get(header.family, max(FEWEST_NIF_DIMENSIONS, given))
    if given != expected:
        raise FormatError(
            f"{header.family.name} has {expected} dimensions, the header gives {given}"
        )
    model = _network(header)
    check_parameters(model.parameter_count, header.family.label)
    return model


def _network(header: Header) -> CoordinateModel:
    """The network of a header whose number of dimensions is right."""
    family, channels, axes = header.family, header.channels, header.axes
    if family == Family.NIF:
        return Nif.of_dimensions(header.dimensions, channels, axes)
    width, layers, *rest = header.dimensions
    if family in (Family.SIREN, Family.PE_SIREN):
        if rest == [0]:
            raise FormatError("PE_SIREN needs at least one frequency")
        return Siren(width, layers, rest[0] if rest else 0, channels, axes)
    if family == Family.SPINR:
        return Spinr(width, layers, rest[0], channels, axes)
    if family == Family.FOURIER:
        return FourierNet(width, layers, rest[0], channels)
    if family in (Family.MFN_FOURIER, Family.MFN_GABOR):
        return Mfn(width, layers, family == Family.MFN_GABOR, channels)
    if family == Family.WIRE:
        return Wire(width, layers, channels)
    if family == Family.DINER:
        return Diner(width, layers, header.width, header.height, channels)
    raise FormatError(f"{family.name} is no coordinate network")
