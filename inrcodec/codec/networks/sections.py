"""The parameters of a coordinate network <-> sections of a file.

One PARAMETERS section, but for networks every prefix of which is an image (spinr.py): there
it holds the first layer, and a section LAYER each other one, so that a file without the last of
them is that of a smaller network.
"""

from __future__ import annotations

from dataclasses import replace

from inrcodec.codec.entropy.quantized import Quantized, least_payload
from inrcodec.codec.format.bitstream import Container, Kind
from inrcodec.codec.networks.base import CoordinateModel, Shapes
from inrcodec.errors import FormatError

SECTION_BYTES = 20
"""At most what a LAYER section takes beside its share of one payload: framing, number, the end of a
range coder stream."""


def overhead_bytes(model: CoordinateModel) -> int:
    """At most what the sections of a network take more than one payload."""
    return SECTION_BYTES * (len(model.parts) - 1)


def sections_of(model: CoordinateModel, network: Quantized) -> list[tuple[Kind, bytes]]:
    """The sections of a network, (kind, payload) in file order."""
    sections = []
    for number, shapes in enumerate(model.parts):
        payload = _part(network, shapes).to_bytes()
        count = sum(network.symbols[name].size for name in shapes)
        missing = least_payload(count) - len(payload)
        payload += bytes(4) * max(0, -(-missing // 4))  # words past the end of a stream are 0
        if number:
            sections.append((Kind.LAYER, bytes([number]) + payload))
        else:
            sections.append((Kind.PARAMETERS, payload))
    return sections


def read_sections(
    container: Container, model: CoordinateModel
) -> tuple[CoordinateModel, Quantized]:
    """The network and what is there of it: of one whose prefixes are images, the layers before
    the first that is missing. Raises `FormatError`."""
    first, *others = model.parts
    stored = Quantized.from_bytes(container.payload(Kind.PARAMETERS), first)
    layers: dict[int, bytes] = {}
    for payload in container.payloads(Kind.LAYER):
        number = payload[0] if payload else 0
        if not 1 <= number <= len(others) or (layers and number <= max(layers)):
            raise FormatError(f"layer {number} is not in order, repeats, or is none of the model")
        layers[number] = payload[1:]
    found = 0
    while found < len(others) and found + 1 in layers:
        found += 1
        part = Quantized.from_bytes(layers[found], others[found - 1])
        stored = replace(
            stored, symbols=stored.symbols | part.symbols, steps=stored.steps | part.steps
        )
    if found < len(others) and container.complete:
        raise FormatError(f"the file has no layer {found + 1}")
    return model.prefix(found + 1), stored


def _part(network: Quantized, shapes: Shapes) -> Quantized:
    """Some of the tensors of a network."""
    symbols = {name: network.symbols[name] for name in shapes}
    return Quantized(symbols, {name: network.steps[name] for name in shapes}, network.init)
