"""The second reader's part for latent families, written from docs/format.md alone.

Slow and plain on purpose: one symbol after the other, one formula after the other.
"""

from decimal import Decimal, localcontext
from functools import cache
from itertools import pairwise

import numpy as np

from tests.reference_reader import File, RangeDecoder, Refused, parameters

NEIGHBOURS = {
    8: {0: (-2, -1), -1: (-2, 2), -2: (0, 0)},
    12: {0: (-2, -1), -1: (-2, 2), -2: (-2, 2)},
    16: {0: (-3, -1), -1: (-2, 2), -2: (-2, 2), -3: (-1, 1)},
    24: {0: (-3, -1), -1: (-3, 3), -2: (-3, 3), -3: (-3, 3)},
}


def read(file: File, sections: list) -> None:
    """Fill in the symbols, steps and planes of a file with these critical sections."""
    model = Model(file.header)
    alpha = file.header[3] in (2, 4)
    for prefix, networks, latents in [("", 2, 3), ("alpha.", 4, 5)][: 1 + alpha]:
        payload = next(payload for kind, payload in sections if kind == networks)
        sizes = {
            group: sum(int(np.prod(model.shapes[name])) for name in names)
            for group, names in model.groups.items()
        }
        symbols, steps = parameters(payload, sizes)
        values = model.values(symbols, steps)
        grids = model.grids([body for kind, body in sections if kind == latents], values)
        file.planes.append((model, values, grids))
        for group in symbols:
            file.symbols[prefix + group], file.steps[prefix + group] = symbols[group], steps[group]
        for number, grid in enumerate(grids):
            file.symbols[f"{prefix}grid.{number}"] = grid.ravel().tolist()


def picture(file: File) -> np.ndarray:
    """All samples at native size, (height, width, channels)."""
    header = file.header
    colours = [model.colours(values, grids) for model, values, grids in file.planes]
    parts = [colours[0] if header[3] > 2 else colours[0].mean(0, keepdims=True)]
    if len(colours) == 2:
        parts.append(colours[1].mean(0, keepdims=True))
    peak = 2 ** header[4] - 1
    samples = np.floor(np.concatenate(parts).clip(0, 1) * peak + 0.5)
    return samples.astype(int).transpose(1, 2, 0)


class Model:
    """Sizes that follow from the header, and the arithmetic of one plane."""

    def __init__(self, header: dict):
        if 7 in header:
            raise Refused("this reader has no trained starts")
        self.width, self.height, self.family = header[1], header[2], header[5]
        self.slice_side = header.get(8)
        levels, neighbours, arm, synthesis = header[6]
        self.levels, self.first_chroma = levels, min(1, levels - 1)
        ours = self.family == 5
        chroma = list(range(self.first_chroma, levels)) if ours else []
        self.level_of = [*range(levels), *chroma, *chroma]
        self.chroma_levels = len(chroma)
        rows = NEIGHBOURS[neighbours]
        self.neighbours = [(0, -c) for c in range(1, 1 - rows[0][0])]
        self.neighbours += [
            (row, c) for row, (low, high) in rows.items() if row for c in range(low, high + 1)
        ]
        inputs = neighbours + 6 * ours
        features = levels + 2 * ours
        shapes = {
            "arm.weight.0": (arm, inputs),
            "arm.bias.0": (arm,),
            "arm.weight.1": (arm, arm),
            "arm.bias.1": (arm,),
            "arm.weight.out": (2, arm),
            "arm.bias.out": (2,),
            "arm.linear": (2, inputs) if ours else (0,),
            "arm.level": (len(self.level_of), arm) if ours else (0,),
            "up.kernel": {3: (0,), 4: (8, 8), 5: (levels - 1, 4)}[self.family],
            "up.gain": (2, self.chroma_levels),
            "synthesis.weight.0": (synthesis, features),
            "synthesis.bias.0": (synthesis,),
            "synthesis.weight.1": (synthesis, synthesis) if self.family == 3 else (0,),
            "synthesis.bias.1": (synthesis,) if self.family == 3 else (0,),
            "synthesis.weight.out": (3, synthesis),
            "synthesis.bias.out": (3,),
            "synthesis.linear": (3, features) if ours else (0,),
        }
        for i in range(2 * (self.family > 3)):
            shapes |= {f"conv.weight.{i}": (3, 3, 3, 3), f"conv.bias.{i}": (3,)}
        self.shapes = {name: shape for name, shape in shapes.items() if 0 not in shape}
        names = {
            "arm.weight": ["weight.0", "weight.1", "weight.out", "linear"],
            "arm.bias": ["bias.0", "bias.1", "bias.out", "level"],
            "up": ["kernel", "gain"],
            "synthesis.weight": ["weight.0", "weight.1", "weight.out", "linear"],
            "synthesis.bias": ["bias.0", "bias.1", "bias.out"],
            "conv": ["weight.0", "bias.0", "weight.1", "bias.1"],
        }
        self.groups = {}
        for group, members in names.items():
            full = [f"{group.split('.')[0]}.{member}" for member in members]
            there = [name for name in full if name in self.shapes]
            if there:
                self.groups[group] = there

    def values(self, symbols: dict, steps: dict) -> dict:
        """Tensors by name, residual layers with their diagonal."""
        values = {}
        for group, names in self.groups.items():
            flat = np.array(symbols[group]) * 2.0 ** (steps[group] / 1024 - 40)
            for name in names:
                shape = self.shapes[name]
                size = int(np.prod(shape))
                values[name], flat = flat[:size].reshape(shape), flat[size:]
                if self.family < 5 and name.split(".")[1:] in (["weight", "0"], ["weight", "1"]):
                    square = shape[0] == shape[1] and not name.startswith("conv")
                    values[name] = values[name] + np.eye(shape[0]) if square else values[name]
        return values

    def shape(self, level: int) -> tuple:
        """Rows and columns of the grids of a level."""
        return -(-self.height // 2**level), -(-self.width // 2**level)

    def grids(self, payloads: list, values: dict) -> list:
        """The symbols of every grid."""
        grids = [np.zeros(self.shape(level), int) for level in self.level_of]
        for payload in payloads:
            if payload[0] >= 128:
                self.joint(payload, grids, values)
                continue
            number, at, slice_number, shift = payload[0], 1, 0, 0
            while self.slice_side:
                slice_number |= (payload[at] & 127) << shift
                at, shift = at + 1, shift + 7
                if payload[at - 1] < 128:
                    break
            rows, columns = grids[number].shape
            side = self.slice_side or max(rows, columns)
            across = -(-columns // side)
            top, left = slice_number // across * side, slice_number % across * side
            area = (top, min(rows, top + side), left, min(columns, left + side))
            self.decode(number, area, RangeDecoder(payload[at:]), grids, values)
        return grids

    def joint(self, payload: bytes, grids: list, values: dict) -> None:
        """Decode the grids of a joint section, one after the other by one coder."""
        count = payload[0] - 128
        order = sorted(range(len(grids)), key=lambda grid: (-self.level_of[grid], grid))
        behind = 1 + -(-count // 8)
        coder = RangeDecoder(payload[behind:])
        for place, number in enumerate(order[:count]):
            if payload[1 + place // 8] >> place % 8 & 1:
                rows, columns = grids[number].shape
                self.decode(number, (0, rows, 0, columns), coder, grids, values)

    def decode(
        self, number: int, area: tuple, coder: RangeDecoder, grids: list, values: dict
    ) -> None:
        """Decode the next symbols of a stream into their area of a grid."""
        top, bottom, left, right = area
        grid = grids[number]
        k = 1
        while any(dc + k * dr >= 0 for dr, dc in self.neighbours if dr < 0):
            k += 1
        waves: dict = {}
        for r in range(bottom - top):
            for c in range(right - left):
                waves.setdefault(c + k * r, []).append((top + r, left + c))
        for t in sorted(waves):
            coded = []
            for r, c in waves[t]:
                inputs = []
                for dr, dc in self.neighbours:
                    inside = top <= r + dr < bottom and left <= c + dc < right
                    inputs.append(grid[r + dr, c + dc] if inside else 0)
                inputs += self.sides(number, r, c, grids)
                mean, scale = self.distribution(inputs, number, values)
                shift = max(0, (scale - 41) >> 3)
                cumulated, probabilities = table(scale, (mean + 8) & 15)
                coded.append([coder.symbol(cumulated, probabilities), (mean + 8) >> 4, shift])
            for one in coded:
                one.append(uniform(coder, one[2]) if one[2] and one[0] < 64 else 0)
            for (r, c), (entry, centre, shift, low) in zip(waves[t], coded, strict=True):
                if entry == 64:
                    grid[r, c] = uniform(coder, 16) - 32768
                else:
                    symbol = centre + (entry - 32 << shift) + low
                    grid[r, c] = (symbol + 32768) % 65536 - 32768

    def sides(self, number: int, r: int, c: int, grids: list) -> list:
        """The inputs of a symbol from grids before."""
        if self.family < 5:
            return []
        row, column = r >> 1, c >> 1
        beside = (row + 1 if r % 2 else row - 1, column + 1 if c % 2 else column - 1)
        inputs = [0] * 6
        if self.level_of[number] < self.levels - 1:
            coarser = grids[number + 1]
            for i, (y, x) in enumerate(
                [(row, column), (beside[0], column), (row, beside[1]), beside]
            ):
                if 0 <= y < coarser.shape[0] and 0 <= x < coarser.shape[1]:
                    inputs[i] = coarser[y, x]
        if number >= self.levels:
            inputs[4] = grids[self.level_of[number]][r, c]
        if number >= self.levels + self.chroma_levels:
            inputs[5] = grids[number - self.chroma_levels][r, c]
        return inputs

    def distribution(self, inputs: list, number: int, values: dict) -> tuple[int, int]:
        """Mean in sixteenths and scale index of a symbol."""

        def integers(name: str) -> np.ndarray:
            return np.rint(values[f"arm.{name}"] * 256).astype(np.int64)

        x = np.clip(np.array(inputs, np.int64), -1023, 1023) * 32
        bias = integers("bias.0") + (integers("level")[number] if self.family == 5 else 0)
        h = ((integers("weight.0") @ x + 32 * bias + 128) >> 8).clip(0, 32767)
        h = ((integers("weight.1") @ h + 32 * integers("bias.1") + 128) >> 8).clip(0, 32767)
        out = integers("weight.out") @ h + 32 * integers("bias.out")
        if self.family == 5:
            out = out + integers("linear") @ x
        mean = int(np.clip((out[0] + 256) >> 9, -524272, 524272))
        return mean, int(np.clip(((out[1] + 512) >> 10) + 32, 0, 127))

    def colours(self, values: dict, grids: list) -> np.ndarray:
        """(3, height, width), unclipped."""
        n, c, last = self.chroma_levels, self.first_chroma, self.levels - 1
        if self.family == 5:
            levels = [*range(self.levels), *range(c, self.levels), *range(c, self.levels)]
            grids = [
                grid * 2.0 ** -min(level, 2) for level, grid in zip(levels, grids, strict=True)
            ]

        def chroma_of(level: int) -> np.ndarray:
            gain = values["up.gain"][:, level - c]
            pair = [grids[self.levels + p * n + level - c] for p in (0, 1)]
            return np.stack([gain[p] * pair[p] for p in (0, 1)])

        stack = grids[last][None].astype(float)
        chroma = chroma_of(last) if n else np.zeros((0, *stack.shape[1:]))
        for level in range(last - 1, -1, -1):
            rows, columns = self.shape(level)
            both = np.concatenate([stack, chroma])
            both = np.stack([self.doubled(x, level, values) for x in both])[:, :rows, :columns]
            stack, chroma = both[: len(stack)], both[len(stack) :]
            if n and level >= c:
                chroma = chroma + chroma_of(level)
            stack = np.concatenate([grids[level][None], stack])
        v = np.concatenate([stack, chroma])
        h = v
        for i in range(1 + (self.family == 3)):
            weight, bias = values[f"synthesis.weight.{i}"], values[f"synthesis.bias.{i}"]
            h = np.maximum(0, np.einsum("of,fyx->oyx", weight, h) + bias[:, None, None])
        colour = np.einsum("of,fyx->oyx", values["synthesis.weight.out"], h)
        colour = colour + values["synthesis.bias.out"][:, None, None]
        if self.family == 5:
            colour = colour + np.einsum("of,fyx->oyx", values["synthesis.linear"], v)
        for i in range(2 * (self.family > 3)):
            padded = np.pad(colour, ((0, 0), (1, 1), (1, 1)), "edge")
            total = values[f"conv.bias.{i}"][:, None, None]
            for y in range(3):
                for x in range(3):
                    weight = values[f"conv.weight.{i}"][:, :, y, x]
                    part = padded[:, y : y + self.height, x : x + self.width]
                    total = total + np.einsum("op,pyx->oyx", weight, part)
            colour = colour + total
        return colour + 0.5

    def doubled(self, x: np.ndarray, level: int, values: dict) -> np.ndarray:
        """A grid twice as fine, for the step to `level`."""
        if self.family != 4:
            taps = [-0.03515625, 0.26171875, 0.87890625, -0.10546875]
            if self.family == 5:
                taps = values["up.kernel"][level]
            return doubled_rows(doubled_rows(x, taps).T, taps).T
        kernel, (rows, columns) = values["up.kernel"], x.shape
        out = np.zeros((2 * rows, 2 * columns))
        for r, c in np.ndindex(*out.shape):
            for i in range(r // 2 - 3, r // 2 + 4):
                for j in range(c // 2 - 3, c // 2 + 4):
                    y, z = r - 2 * i + 3, c - 2 * j + 3
                    if 0 <= y < 8 and 0 <= z < 8:
                        near = x[min(max(i, 0), rows - 1), min(max(j, 0), columns - 1)]
                        out[r, c] += kernel[y, z] * near
        return out


def doubled_rows(x: np.ndarray, taps: list) -> np.ndarray:
    """Twice as many rows."""
    rows = len(x)
    out = np.zeros((2 * rows, x.shape[1]))
    for i in range(rows):
        for k in range(4):
            out[2 * i] += taps[k] * x[min(max(i - 2 + k, 0), rows - 1)]
            out[2 * i + 1] += taps[k] * x[min(max(i + 2 - k, 0), rows - 1)]
    return out


def uniform(coder: RangeDecoder, bits: int) -> int:
    """A number of so many equally likely bits."""
    step = 1 << 24 - bits
    return coder.symbol(range(0, 1 << 24, step), [step] * (1 << bits))


@cache
def table(scale: int, g: int) -> tuple[list, list]:
    """(cumulated, probabilities) of the 65 entries."""

    def exp(x: int) -> int:
        with localcontext() as context:
            context.prec = 40
            return round(2**31 * (-x / Decimal(2) ** (Decimal(scale) / 8)).exp())

    e = max(0, (scale - 41) >> 3)
    near, far = [2**31], [2**31]
    for _ in range(16):
        near.append(near[-1] * exp(1) >> 31)
    for _ in range(32):
        far.append(far[-1] * exp(16 * 2**e) >> 31)
    above = exp(16 * 2**e - 16) * near[16 - g] >> 31
    left = [near[g] * far[-q] >> 32 for q in range(-32, 1)]
    left += [2**31 - (above * far[q - 1] >> 32) for q in range(1, 33)]
    cum = [x * (2**24 - 65) >> 31 for x in left]
    probabilities = [b - a + 1 for a, b in pairwise(cum)]
    probabilities.append(2**24 - sum(probabilities))
    cumulated = [sum(probabilities[:i]) for i in range(65)]
    return cumulated, probabilities
