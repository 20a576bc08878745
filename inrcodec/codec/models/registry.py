"""From a header to its network: the one place that knows every family."""

from __future__ import annotations

from inrcodec.codec.bitstream import Family, Header
from inrcodec.codec.models.siren import Siren
from inrcodec.errors import FormatError, LimitError

MAX_PARAMETERS = 1 << 22
"""Largest number of parameters of one network."""

MAX_PICTURE_MACS = 1 << 44
"""Most multiply-accumulates a whole picture may take at its own size: minutes on one core."""

Model = Siren


def model_of(header: Header) -> Model:
    """The network a header describes; raises `FormatError` or `LimitError`."""
    expected = {Family.SIREN: 2, Family.PE_SIREN: 3}[header.family]
    dimensions = header.dimensions
    if len(dimensions) != expected:
        raise FormatError(
            f"{header.family.name} has {expected} dimensions, the header gives {len(dimensions)}"
        )
    if header.family == Family.PE_SIREN and dimensions[2] == 0:
        raise FormatError("PE_SIREN needs at least one frequency")
    width, layers, frequencies = (*dimensions, 0)[:3]
    model = Siren(width, layers, frequencies, header.channels)
    if parameter_count(model) > MAX_PARAMETERS:
        raise LimitError(f"more than {MAX_PARAMETERS} parameters")
    if model.macs_per_pixel * header.width * header.height > MAX_PICTURE_MACS:
        raise LimitError(f"rendering takes more than {MAX_PICTURE_MACS} multiply-accumulates")
    return model


def parameter_count(model: Model) -> int:
    """Number of parameters of a network."""
    total = 0
    for shape in model.shapes.values():
        size = 1
        for side in shape:
            size *= side
        total += size
    return total
