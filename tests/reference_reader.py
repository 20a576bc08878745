"""A second reader, written from docs/format.md alone; shares no code with the package.

Slow and plain on purpose: it exists to show that the specification is enough.
"""

import cmath
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
            if kind not in (1, 2, 3, 4, 5, 6) or not intact:
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
    if file.header[5] in (3, 4, 5):
        from tests import reference_latents

        reference_latents.read(file, critical)
        return file
    sizes = {name: math.prod(shape) for name, shape in shapes(file.header).items()}
    if file.header[5] == 12:
        if [kind for kind, _ in critical] != [1, 2] + [6] * (file.header[6][1] - 1):
            raise Refused("order of sections")
        for number, (_, payload) in enumerate(critical[1:]):
            if number and payload[0] != number:
                raise Refused("order of layers")
            own = {n: s for n, s in sizes.items() if part_of(n) == number}
            symbols, steps = parameters(payload[bool(number) :], own)
            file.symbols |= symbols
            file.steps |= steps
        return file
    if [kind for kind, _ in critical] != [1, 2]:
        raise Refused("order of sections")
    file.symbols, file.steps = parameters(dict(sections)[2], sizes)
    return file


def part_of(name: str) -> int:
    """The layer of a tensor of SPINR; the output bias is part of the first."""
    layer = name.split(".")[1]
    return 0 if layer == "out" else int(layer)


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


def layers(prefix: str, widths: list, inputs: int, outputs: int) -> dict:
    out = {}
    for i, width in enumerate(widths):
        out[f"{prefix}weight.{i}"] = (width, inputs)
        out[f"{prefix}bias.{i}"] = (width,)
        inputs = width
    return {**out, f"{prefix}weight.out": (outputs, inputs), f"{prefix}bias.out": (outputs,)}


def shapes(header: dict) -> dict:
    family, dimensions, colours = header[5], header[6], header[3]
    if family == 6:
        first, second, count, *widths = dimensions
        out = {}
        if count:
            out = layers("modulator.", widths[:count], axes(header) * (1 + 2 * second), 1)
        return out | layers("", widths[count:], axes(header) * (1 + 2 * first), colours)
    width, depth, frequencies = [*dimensions, 0][:3]
    if family == 7:
        features = {"features": (frequencies, 2)}
        return features | layers("", [width] * depth, 2 * frequencies, colours)
    if family == 11:
        return {"table": (header[2], header[1], 2)} | layers("", [width] * depth, 2, colours)
    if family == 10:
        out = layers("", [width] * depth, 2, colours)
        real = ("weight.0", "bias.0", "bias.out")
        return {name: s if name in real else (2, *s) for name, s in out.items()}
    if family in (8, 9):
        out = {}
        for i in range(depth):
            out |= {f"frequency.{i}": (width, 2), f"phase.{i}": (width,)}
            if family == 9:
                out |= {f"centre.{i}": (width, 2), f"sharpness.{i}": (width,)}
            if i:
                out |= {f"weight.{i}": (width, width), f"bias.{i}": (width,)}
        return {**out, "weight.out": (colours, width), "bias.out": (colours,)}
    if family == 12:
        out = {}
        for i in range(depth):
            inputs = width if i else axes(header) * (1 + 2 * frequencies)
            out |= {f"weight.{i}": (width, inputs), f"bias.{i}": (width,)}
            out |= {f"head.{i}": (colours, width)} | ({} if i else {"bias.out": (colours,)})
        return out
    return layers("", [width] * depth, axes(header) * (1 + 2 * frequencies), colours)


def axes(header: dict) -> int:
    """How many coordinates a sample has: 2 of an image, 1 of sound, 3 of a clip."""
    if 9 not in header:
        return 2
    if header[5] not in (1, 2, 6, 12):
        raise Refused("family of images alone")
    return 3 if 10 in header else 1


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


def sample(file: File, x: int, y: int, frame: int = 0) -> list[int]:
    """The samples of one pixel at native size; of sound x is the number of the sample."""
    header = file.header
    if header[5] in (3, 4, 5):
        from tests import reference_latents

        return reference_latents.picture(file)[y, x].tolist()
    values = {
        name: [k * 2.0 ** (file.steps[name] / 1024 - 40) for k in symbols]
        for name, symbols in file.symbols.items()
    }
    if 7 in header:
        add_start(header, values)
    at = (2 * y + 1) / header[2] - 1, (2 * x + 1) / header[1] - 1
    if axes(header) == 1:
        at = at[1:]
    if axes(header) == 3:
        at = (2 * frame + 1 - header[10]) / max(header[1], header[2]), *at
    peak = 2 ** header[4] - 1
    colour = COLOURS.get(header[5], siren)(header, values, at, (x, y))
    return [math.floor((min(1, max(-1, v)) + 1) * peak / 2 + 0.5) for v in colour]


def add_start(header: dict, values: dict) -> None:
    if header[7] != [1, 0]:
        raise Refused("this reader has no trained starts")
    for name, numbers in values.items():
        angles = "phase." if header[5] in (8, 9) else "bias."
        if header[5] in (7, 10) or angles not in name or name.endswith("out"):
            continue
        for j in range(len(numbers)):
            numbers[j] += math.pi * (2 * ((j + 0.5) * (math.sqrt(5) - 1) / 2 % 1) - 1)


def product(matrix: list, vector: list) -> list:
    n = len(vector)
    rows = [matrix[i : i + n] for i in range(0, len(matrix), n)]
    return [sum(w * v for w, v in zip(row, vector, strict=True)) for row in rows]


def affine(values: dict, layer: object, inputs: list) -> list:
    made = product(values[f"weight.{layer}"], inputs)
    return [m + b for m, b in zip(made, values[f"bias.{layer}"], strict=True)]


def encoding(at: tuple, frequencies: int) -> list:
    out = []
    for c in at:
        out += [c]
        out += [math.sin(math.pi * 1.4**i * c) for i in range(frequencies)]
        out += [math.cos(math.pi * 1.4**i * c) for i in range(frequencies)]
    return out


def network(values: dict, inputs: list, activation) -> list:
    for layer in range(sum(name.startswith("weight.") for name in values) - 1):
        inputs = [activation(z) for z in affine(values, layer, inputs)]
    return affine(values, "out", inputs)


def siren(header: dict, values: dict, at: tuple, pixel: tuple) -> list:
    return network(values, encoding(at, [*header[6], 0][2]), math.sin)


def nif(header: dict, values: dict, at: tuple, pixel: tuple) -> list:
    first, second, count = header[6][:3]
    scale = 1.0
    if count:
        own = {n[10:]: v for n, v in values.items() if n.startswith("modulator.")}
        scale += network(own, encoding(at, second), math.sin)[0]
    main = {n: v for n, v in values.items() if not n.startswith("modulator.")}
    return network(main, encoding(at, first), lambda z: math.sin(scale * z))


def fourier(header: dict, values: dict, at: tuple, pixel: tuple) -> list:
    phases = [2 * math.pi * p for p in product(values["features"], list(at))]
    inputs = [math.sin(p) for p in phases] + [math.cos(p) for p in phases]
    return network(values, inputs, lambda z: max(0.0, z))


def multiplicative(header: dict, values: dict, at: tuple, pixel: tuple) -> list:
    width, depth = header[6]
    hidden = []
    for i in range(depth):
        phases = product(values[f"frequency.{i}"], list(at))
        gates = [math.sin(p + q) for p, q in zip(phases, values[f"phase.{i}"], strict=True)]
        if header[5] == 9:
            for k in range(width):
                centre = values[f"centre.{i}"][2 * k : 2 * k + 2]
                distance = sum((a - b) ** 2 for a, b in zip(at, centre, strict=True))
                gates[k] *= math.exp(-(values[f"sharpness.{i}"][k] ** 2) * distance)
        made = affine(values, i, hidden) if i else [1.0] * width
        hidden = [m * g for m, g in zip(made, gates, strict=True)]
    return affine(values, "out", hidden)


def wavelets(header: dict, values: dict, at: tuple, pixel: tuple) -> list:
    hidden = affine(values, 0, list(at))
    for i in [*range(1, header[6][1]), None]:
        hidden = [cmath.exp(1j * u - (abs(u) / 2) ** 2) for u in hidden]
        name = "out" if i is None else i
        matrix = values[f"weight.{name}"]
        half = len(matrix) // 2
        matrix = [complex(a, b) for a, b in zip(matrix[:half], matrix[half:], strict=True)]
        bias = values[f"bias.{name}"]
        if i is not None:
            half = len(bias) // 2
            bias = [complex(a, b) for a, b in zip(bias[:half], bias[half:], strict=True)]
        hidden = [m + b for m, b in zip(product(matrix, hidden), bias, strict=True)]
    return [complex(h).real for h in hidden]


def diner(header: dict, values: dict, at: tuple, pixel: tuple) -> list:
    row = 2 * (pixel[1] * header[1] + pixel[0])
    rest = {name: value for name, value in values.items() if name != "table"}
    return network(rest, values["table"][row : row + 2], math.sin)


def progressive(header: dict, values: dict, at: tuple, pixel: tuple) -> list:
    colour, hidden = values["bias.out"], encoding(at, header[6][2])
    for layer in range(header[6][1]):
        hidden = [math.sin(z) for z in affine(values, layer, hidden)]
        added = product(values[f"head.{layer}"], hidden)
        colour = [c + a for c, a in zip(colour, added, strict=True)]
    return colour


COLOURS = {6: nif, 7: fourier, 8: multiplicative, 9: multiplicative, 10: wavelets, 11: diner}
COLOURS |= {12: progressive}
