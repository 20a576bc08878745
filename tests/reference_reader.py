"""A second reader, written from docs/format.md alone; shares no code with the package.

Slow and plain on purpose: it exists to show that the specification is enough.
"""

import math
import zlib
from dataclasses import dataclass, field

import msgpack
import zstandard


class Refused(Exception):
    """The bytes are not a file this reader accepts."""


@dataclass
class File:
    """A parsed file: header fields, symbols and step codes by tensor, metadata by section kind.

    In the latent families `symbols` are those of groups and grids of colour, then of alpha, and
    `planes` what reference_latents.py makes pixels from.
    """

    header: dict
    symbols: dict = field(default_factory=dict)
    steps: dict = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)
    planes: list = field(default_factory=list)


def read(data: bytes) -> File:
    if data[:4] != b"\x89NIF" or data[4:5] != b"\x01":
        raise Refused("signature or version")
    at, critical, sections = 5, data[:5], []
    while True:
        kind, payload, whole, intact = section(data, at)
        at += len(whole)
        if kind == 15:
            break
        if kind < 0x80:
            if kind not in (1, 2, 3, 4, 5) or not intact:
                raise Refused(f"critical section {kind}")
            critical += whole
        if intact:
            sections.append((kind, payload))
    if not intact or payload != zlib.crc32(critical).to_bytes(4, "little") or at != len(data):
        raise Refused("end")
    file = File(msgpack.unpackb(sections[0][1], strict_map_key=False))
    for kind, payload in sections:
        if kind in (0x80, 0x81, 0x82):
            file.metadata[kind] = zstandard.ZstdDecompressor().stream_reader(payload).read()
    critical = [(kind, payload) for kind, payload in sections if kind < 0x80]
    if file.header[5] > 2:
        from tests import reference_latents

        reference_latents.read(file, critical)
        return file
    if [kind for kind, _ in critical] != [1, 2]:
        raise Refused("order of sections")
    sizes = {name: math.prod(shape) for name, shape in shapes(file.header).items()}
    file.symbols, file.steps = parameters(dict(sections)[2], sizes)
    return file


def parameters(payload: bytes, sizes: dict):
    """(symbols, step codes) by name of a PARAMETERS payload with so many symbols by name."""
    symbols, steps = {}, {}
    coder = RangeDecoder(payload[8 * len(sizes) :])
    for i, (name, count) in enumerate(sizes.items()):
        code = payload[8 * i : 8 * i + 8]
        step, magnitude, decay, curvature = (
            int.from_bytes(code[i : i + 2], "little") for i in (0, 2, 4, 6)
        )
        cumulated, probabilities = prior(magnitude, decay, curvature)
        steps[name] = step
        symbols[name] = [
            coder.symbol(cumulated, probabilities) - magnitude if magnitude else 0
            for _ in range(count)
        ]
    return symbols, steps


def section(data: bytes, start: int):
    """(kind, payload, the whole section, whether its checksum is right)."""
    at, length, shift = start + 1, 0, 0
    while True:
        if at >= len(data) or shift > 28:
            raise Refused("length")
        length |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            break
    end = at + length + 4
    if end > len(data):
        raise Refused("cut short")
    intact = zlib.crc32(data[start : end - 4]) == int.from_bytes(data[end - 4 : end], "little")
    return data[start], data[at : at + length], data[start:end], intact


def shapes(header: dict) -> dict:
    width, layers, frequencies = [*header[6], 0][:3]
    out = {}
    for i in range(layers):
        out[f"weight.{i}"] = (width, width if i else 2 * (1 + 2 * frequencies))
        out[f"bias.{i}"] = (width,)
    return {**out, "weight.out": (header[3], width), "bias.out": (header[3],)}


def deficit(code: int) -> int:
    return ((2048 + (code & 2047)) << 20) >> (code >> 11)


def prior(magnitude: int, decay: int, curvature: int):
    ratio, shrink = 2**32 - deficit(decay), 2**32 - deficit(curvature)
    weight, half = 2**31, []
    for _ in range(magnitude + 1):
        half.append(weight + 2**12)
        weight = weight * ratio >> 32
        ratio = ratio * shrink >> 32
    free = 2**24 - (2 * magnitude + 1)
    total = 2 * sum(half) - half[0]
    share = [h * free // total for h in half]
    share[0] += free - (2 * sum(share) - share[0])
    probabilities = [share[abs(s)] + 1 for s in range(-magnitude, magnitude + 1)]
    cumulated = [0]
    for p in probabilities:
        cumulated.append(cumulated[-1] + p)
    return cumulated, probabilities


class RangeDecoder:
    def __init__(self, stream: bytes):
        if len(stream) % 4:
            raise Refused("stream length")
        self.words = [int.from_bytes(stream[i : i + 4], "little") for i in range(0, len(stream), 4)]
        self.lower, self.range = 0, 2**64 - 1
        self.point = self.word() << 32
        self.point |= self.word()

    def word(self) -> int:
        return self.words.pop(0) if self.words else 0

    def symbol(self, cumulated: list, probabilities: list) -> int:
        scale = self.range >> 24
        quantile = (self.point - self.lower) % 2**64 // scale
        if quantile >= 2**24:
            raise Refused("stream")
        low, high = 0, len(probabilities)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if cumulated[middle] <= quantile else (low, middle)
        self.lower = (self.lower + scale * cumulated[low]) % 2**64
        self.range = scale * probabilities[low]
        if self.range < 2**32:
            self.lower = self.lower * 2**32 % 2**64
            self.range *= 2**32
            self.point = (self.point * 2**32 | self.word()) % 2**64
        return low


def sample(file: File, x: int, y: int) -> list[int]:
    """The samples of one pixel at native size."""
    header = file.header
    if header[5] > 2:
        from tests import reference_latents

        return reference_latents.picture(file)[y, x].tolist()
    _, layers, frequencies = [*header[6], 0][:3]
    values = {
        name: [s * 2.0 ** (file.steps[name] / 1024 - 40) for s in symbols]
        for name, symbols in file.symbols.items()
    }
    hidden = []
    for c in ((2 * y + 1) / header[2] - 1, (2 * x + 1) / header[1] - 1):
        hidden += [c]
        hidden += [math.sin(math.pi * 1.4**i * c) for i in range(frequencies)]
        hidden += [math.cos(math.pi * 1.4**i * c) for i in range(frequencies)]
    for layer in [*range(layers), "out"]:
        weight, bias = values[f"weight.{layer}"], values[f"bias.{layer}"]
        n = len(hidden)
        hidden = [
            sum(w * h for w, h in zip(weight[i * n : i * n + n], hidden, strict=True)) + b
            for i, b in enumerate(bias)
        ]
        if layer != "out":
            hidden = [math.sin(z) for z in hidden]
    peak = 2 ** header[4] - 1
    return [math.floor((min(1, max(-1, v)) + 1) * peak / 2 + 0.5) for v in hidden]
