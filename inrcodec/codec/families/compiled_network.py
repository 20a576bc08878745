"""Files of coordinate networks for the compiled decoder core."""

from __future__ import annotations

from inrcodec.codec.families.compiled_image import CompiledImage, open_core
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.sections import Kind
from inrcodec.codec.native.core import Core
from inrcodec.codec.networks.families import network_from
from inrcodec.codec.networks.init_tables import Initialisation, named_initialisation
from inrcodec.errors import FormatError


def read_network(container: Container, init: Initialisation | None) -> CompiledImage:
    """Decode the parameters of a file, or as many as are there; see `families.read`."""
    header = container.header
    model, numbers = network_from(header), None
    parameters, layers = container.payload(Kind.PARAMETERS), container.payloads(Kind.LAYER)
    if header.init is not None:
        named = named_initialisation(header.init, model, [] if init is None else [init])
        numbers = None if named is None else named.numbers

    def opened() -> Core:
        image = open_core(header, numbers)
        image.parameters(0, parameters, Kind.PARAMETERS.name)
        for payload in layers:
            image.layer(payload, f"layer {payload[0]}" if payload else "an empty layer")
        return image

    decoded = opened()
    there = decoded.layers
    if container.complete and there < len(model.parts):
        raise FormatError(f"the file has no layer {there}")
    missing = f"layers {there} of {len(model.parts)}" if there < len(model.parts) else ""
    model = model.prefix(there)
    arrays = [(shape, False) for shape in model.shapes.values()]
    return CompiledImage(header, opened, decoded, [model.shapes], arrays, model.units, missing)
