"""The context network of the latents: a small integer perceptron, exact on every machine.

From the decoded neighbours of a symbol it predicts the mean and the scale of the symbol's
distribution. The decoder has to reach the very same two integers as the encoder, so everything
is integer arithmetic with int32 semantics: no accumulator can leave 32 bits (see `MAX_ROW`). The
integers travel through float64 matrix products, which are exact below 2^53 whatever the order of
summation. docs/format.md states the arithmetic; the design follows COOL-CHIC (Ladune et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import LimitError

WEIGHT_FRACTION = 8
"""Weights and biases are multiples of 2^-8."""

ACTIVATION_FRACTION = 5
"""Inputs and hidden activations are multiples of 2^-5."""

MEAN_FRACTION = 4
"""Means are multiples of 1/16."""

SCALES_PER_OCTAVE = 8
"""Scales are b = 2^(-4 + i / 8) for a scale index i."""

SCALES = 128
"""Number of scales: 2^-4 .. 2^11.875."""

SCALE_OFFSET = 4 * SCALES_PER_OCTAVE
"""Scale index of b = 1."""

SMALLEST_LOG_SCALE = -4.0
LARGEST_LOG_SCALE = SMALLEST_LOG_SCALE + (SCALES - 1) / SCALES_PER_OCTAVE
"""Range of log2 of a scale."""

MAX_INPUT = 1023
"""Symbols are clamped to -1023 .. 1023 before the network sees them."""

MAX_ACTIVATION = 32767
"""Hidden activations are clamped to 0 .. 32767."""

MAX_ROW = 65280
"""Largest sum of |weights| that lead to one output (255 in real terms), linear branch included."""

MAX_BIAS = 1 << 17
"""Largest |bias|, level bias included (512 in real terms).

An accumulator, its rounding constant and every partial sum of it, in any order, is then at most
65280 x 32767 + 2^17 x 2^5 + 2^9 = 2143224576 < 2^31 in magnitude.
"""

MAX_MEAN = 32767 << MEAN_FRACTION
"""Largest |mean|, in sixteenths."""

MAX_REACH = 8
"""Neighbours lie at most this many rows and columns away."""

PARENTS = 4
"""Symbols of the next coarser grid that serve as inputs."""

Integers = NDArray[np.int32]
Floats = NDArray[np.float64]

_CHUNK = 2048


@dataclass(frozen=True, slots=True, eq=False)
class IntegerArm:
    """A network of integers: neighbours and side inputs in, mean and scale of a symbol out.

    `neighbours` are (row, column) offsets of symbols already decoded; `sides` further inputs follow
    them: symbols of grids decoded before, such as the four of `parent_maps`. `weights[i]` has shape
    (outputs, inputs), `biases[i]` (outputs,); the last pair has two outputs, mean and log2 of the
    scale. `linear`, shape (2, inputs), leads from the inputs straight to the outputs. `level_bias`,
    shape (levels, width), is added to the first bias for the grids of a level. Raises `LimitError`
    for shapes that do not fit together, neighbours that are not causal and numbers beyond `MAX_ROW`
    and `MAX_BIAS`.
    """

    neighbours: tuple[tuple[int, int], ...]
    sides: int
    weights: tuple[Integers, ...]
    biases: tuple[Integers, ...]
    linear: Integers | None = None
    level_bias: Integers | None = None

    def __post_init__(self) -> None:
        for row, column in self.neighbours:
            causal = row < 0 or (row == 0 and column < 0)
            if not causal or row < -MAX_REACH or abs(column) > MAX_REACH:
                raise LimitError(f"({row}, {column}) is not a neighbour decoded before its symbol")
        self._check_shapes()
        self._check_sums()

    @property
    def inputs(self) -> int:
        """Number of inputs: the neighbours and the sides."""
        return len(self.neighbours) + self.sides

    def biases_of(self, level: int) -> tuple[Integers, ...]:
        """The biases for a grid of this level. Raises `LimitError` for one without a level bias."""
        if self.level_bias is None:
            return self.biases
        if not 0 <= level < len(self.level_bias):
            known = len(self.level_bias)
            raise LimitError(f"the context network knows {known} levels, not {level}")
        return (self.biases[0] + self.level_bias[level], *self.biases[1:])

    def distribution(self, inputs: NDArray[np.integer], level: int) -> tuple[Integers, Integers]:
        """Means in sixteenths and scale indices, both (n,), for input symbols of shape (n, K)."""
        evaluator = Evaluator(self, level, _CHUNK)
        mean, scale = np.empty((2, len(inputs)), np.int32)
        for start in range(0, len(inputs), _CHUNK):
            part = slice(start, min(start + _CHUNK, len(inputs)))
            evaluator.resize(part.stop - part.start)
            np.clip(inputs[part].T, -MAX_INPUT, MAX_INPUT, out=evaluator.inputs, casting="unsafe")
            mean[part], scale[part] = evaluator.run()
        return mean, scale

    def _check_shapes(self) -> None:
        if not self.weights or len(self.weights) != len(self.biases):
            raise LimitError("a context network needs one bias for each of its weight matrices")
        width = self.inputs
        for weight, bias in zip(self.weights, self.biases, strict=True):
            if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
                raise LimitError(f"a layer on {width} values has weights of shape {weight.shape}")
            width = len(weight)
        if width != 2:
            raise LimitError(f"a context network has 2 outputs, not {width}")
        if self.linear is not None and self.linear.shape != (2, self.inputs):
            raise LimitError(f"a linear branch of shape {self.linear.shape}")
        if self.level_bias is not None:
            hidden = len(self.weights) > 1
            if not hidden or self.level_bias.shape[1:] != self.biases[0].shape:
                raise LimitError(f"level biases of shape {self.level_bias.shape}")

    def _check_sums(self) -> None:
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            rows = np.abs(weight.astype(np.int64)).sum(1)
            peaks = np.abs(bias.astype(np.int64))
            if i == len(self.weights) - 1 and self.linear is not None:
                rows += np.abs(self.linear.astype(np.int64)).sum(1)
            if i == 0 and self.level_bias is not None:
                peaks = np.abs(bias.astype(np.int64) + self.level_bias.astype(np.int64))
            if rows.max(initial=0) > MAX_ROW or peaks.max(initial=0) > MAX_BIAS:
                raise LimitError(f"layer {i} of a context network could overflow 32 bits")


class Evaluator:
    """The network for up to `capacity` symbols at once, in buffers allocated once.

    Set the number of symbols with `resize`, write clamped symbols to `inputs`, shape (K, n), and
    call `run`. Fixed-point shifts are folded into the matrices as powers of two and rounding
    constants into the biases, so a shift is a `floor`. Raises as `IntegerArm.biases_of`.
    """

    inputs: Floats

    def __init__(self, arm: IntegerArm, level: int, capacity: int) -> None:
        self._matrices = _hidden_matrices(arm, level)
        self._output = _output_matrix(arm)
        self._arm_inputs = arm.inputs
        block = arm.inputs + 1 + (len(arm.biases[-2]) if self._matrices else 0)
        rows = [len(matrix) + 1 for matrix in self._matrices[:-1]]
        self._memory = [(n, np.empty(capacity * n)) for n in (block, *rows, 2)]
        self._integers = np.empty(2 * capacity, np.int32)
        top = np.array([[MAX_MEAN], [SCALES - 1]], np.float64)
        self._low, self._high = top * [[-1], [0]], top
        self.resize(capacity)

    def resize(self, n: int) -> None:
        """Prepare for n symbols, n <= capacity; `inputs` becomes a new view, to be filled."""
        block, *hidden, output = (
            memory[: rows * n].reshape(rows, n) for rows, memory in self._memory
        )
        width = self._arm_inputs
        self.inputs = block[:width]
        block[width] = 1
        self._layers = []
        source = block[: width + 1]
        for matrix, target in zip(self._matrices, [*hidden, block[width + 1 :]], strict=False):
            target[len(matrix) :] = 1
            self._layers.append((matrix, source, target[: len(matrix)]))
            source = target
        self._last = block
        self._result = output
        self._indices = self._integers[: 2 * n].reshape(2, n)

    def run(self) -> Integers:
        """Means in sixteenths and scale indices, shape (2, n), valid until the next call."""
        for matrix, source, target in self._layers:
            np.matmul(matrix, source, out=target)
            np.floor(target, out=target)
            np.clip(target, 0.0, float(MAX_ACTIVATION), out=target)
        result = self._result
        np.matmul(self._output, self._last, out=result)
        np.floor(result, out=result)
        np.clip(result, self._low, self._high, out=result)
        np.copyto(self._indices, result, casting="unsafe")
        return self._indices


def _hidden_matrices(arm: IntegerArm, level: int) -> list[Floats]:
    """Hidden layers as matrices on [inputs, 1]: floor(M v) is (accumulator + 128) >> 8."""
    matrices = []
    biases = arm.biases_of(level)
    for i, (weight, bias) in enumerate(zip(arm.weights[:-1], biases[:-1], strict=True)):
        total = bias.astype(np.float64)
        unit = 2.0**-WEIGHT_FRACTION
        if i == 0:
            unit *= 2**ACTIVATION_FRACTION
        offset = total * 2.0 ** (ACTIVATION_FRACTION - WEIGHT_FRACTION) + 0.5
        matrices.append(np.column_stack([weight * unit, offset]))
    return matrices


def _output_matrix(arm: IntegerArm) -> Floats:
    """The outputs as a matrix on [inputs, 1, last hidden layer], in sixteenths and scale steps."""
    direct = np.zeros((2, arm.inputs)) if arm.linear is None else arm.linear.astype(np.float64)
    last = arm.weights[-1].astype(np.float64)
    if len(arm.weights) == 1:
        direct, last = direct + last, last[:, :0]
    fraction = 2.0 ** -(WEIGHT_FRACTION + ACTIVATION_FRACTION)
    units = np.array([[2**MEAN_FRACTION], [SCALES_PER_OCTAVE]]) * fraction
    inputs, biases = (part * 2**ACTIVATION_FRACTION for part in (direct, arm.biases[-1][:, None]))
    rounding = np.array([[0.5], [SCALE_OFFSET + 0.5]])
    return np.hstack([inputs * units, biases * units + rounding, last * units])


def parent_maps(parent: Integers | None, height: int, width: int) -> Integers:
    """The four parents of every symbol of a (height, width) grid, shape (4, height, width).

    For the symbol (r, c): the nearest coarse symbol (r >> 1, c >> 1), its nearer vertical
    neighbour (the row above for even r, below for odd r), its nearer horizontal one, and the
    diagonal of both. Symbols outside the coarse grid, and all without one (None), are 0.
    """
    maps = np.zeros((PARENTS, height, width), np.int32)
    if parent is None:
        return maps
    padded = np.zeros((height // 2 + 3, width // 2 + 3), np.int32)
    known = parent[: height // 2 + 2, : width // 2 + 2]
    padded[1 : 1 + known.shape[0], 1 : 1 + known.shape[1]] = known
    rows, columns = _nearest(height), _nearest(width)
    for i, j in np.ndindex(2, 2):
        maps[2 * j + i] = padded.take(rows[i], axis=0).take(columns[j], axis=1)
    return maps


def _nearest(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Along one axis: padded index of the nearest coarse symbol and of the next nearest."""
    index = np.arange(size)
    nearest = (index >> 1) + 1
    return nearest, nearest + np.where(index & 1, 1, -1)
