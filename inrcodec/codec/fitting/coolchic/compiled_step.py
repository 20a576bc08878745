"""Bits, colours and all their gradients of an image or a window, in compiled kernels without torch.

Large arrays are made once for all steps of a fit: a step allocates little, and between two kernels
stand a few lines of numpy. `forward.py` computes the same in torch, for GPUs and machines without
the kernels; tests hold the two together.

The order of a step: in a window `surround`, then `soften` or `rounded`, `bits`, `colours`, `back`;
after that `by_latents` and
`by_parameters` have the gradients of  bits_worth * bits  and of what gave `back` its gradient.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from inrcodec.codec import native
from inrcodec.codec.coolchic.features import CHROMA_LEVEL, COLOURS
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic.compiled_bits import CompiledBits, Symbols
from inrcodec.codec.fitting.coolchic.compiled_colours import CompiledColours
from inrcodec.codec.fitting.coolchic.compiled_part import Part, Rooms
from inrcodec.codec.native import at, kernel
from inrcodec.codec.native.networks import Array
from inrcodec.codec.native.pool import bands_of, run


def serves(model: CoolChic) -> bool:
    """Whether there are kernels and they take the networks of a model with chroma, linear branches
    and convolutions, those of `coolchic`."""
    features = model.features
    arm = (model.arm_inputs, *model.arm_widths, 2)
    synthesis = (model.synthesis_inputs, *model.synthesis_widths, COLOURS)
    alike = features.linear_branches and features.chroma and features.upsampling == "separable"
    deep = model.levels > CHROMA_LEVEL and features.convolutions > 0
    return alike and deep and all(map(native.takes, (arm, synthesis)))


AT_ONCE = 1 << 16
"""Numbers that stay in a cache between two passes."""


class CompiledStep:
    """The steps of a fit on a part of an image, of a model that `serves`. `left_out` grids are of
    zeros. `by_latents` (one array a grid) and `by_parameters` (by name) are overwritten by each,
    and, as all that lies in `rooms`, by the steps of other parts of the same rooms."""

    def __init__(self, part: Part, left_out: Collection[int], rooms: Rooms) -> None:
        grids = part.model.grids
        self.taken = [grid for grid in range(len(grids)) if grid not in left_out]
        self._symbols = Symbols(part, self.taken, rooms)
        self.surround = self._symbols.surround
        self.bits = CompiledBits(part.model, self._symbols, rooms)
        self.colours = CompiledColours(part, self._symbols, rooms)
        self.by_latents = [rooms(shape, "by latents", k) for k, shape in enumerate(grids)]
        self.by_parameters: dict[str, Array] = {}
        self._slopes = [rooms(shape, "slopes", k) for k, shape in enumerate(grids)]

    def soften(
        self, latents: Sequence[Array], temperature: float, deviation: float, seeds: Sequence[int]
    ) -> None:
        """Take the latents softly rounded (synthesis.noisy_soft_round), each with its own noise."""
        bands = [(grid, band) for grid in self.taken for band in bands_of(*latents[grid].shape)]

        def work(k: int) -> None:
            grid, band = bands[k]
            columns, pitch = latents[grid].shape[1], self._symbols.padded[grid].shape[1]
            kernel("soften")(
                *band, columns, pitch, at(latents[grid]), temperature, deviation, seeds[grid],
                at(self._symbols[grid]), at(self._slopes[grid]),
            )  # fmt: skip

        run(work, len(bands))

    def rounded(self, latents: Sequence[Array]) -> None:
        """Take the latents rounded for good; `by_latents` are then those of the symbols."""
        for grid in self.taken:
            np.rint(latents[grid], out=self._symbols[grid])
            self._slopes[grid].fill(1)

    def back(self, parameters: Mapping[str, Array], by_colours: Array, bits_worth: float) -> None:
        """Fill `by_latents` and `by_parameters`, given the gradient by the colours (3, H, W) and
        what a bit is worth."""
        self.bits.back(bits_worth, self.by_latents, self.by_parameters)
        self.colours.back(parameters, by_colours, self.by_latents, self.by_parameters)

        def work(k: int) -> None:
            self.by_latents[self.taken[k]] *= self._slopes[self.taken[k]]

        run(work, len(self.taken))


def squared_error(made: Array, target: Array, scale: float) -> tuple[float, Array]:
    """The mean squared error of colours (3, H, W), and the gradient of `scale` times it, which
    takes the place of the colours."""
    ours, wanted = made.reshape(-1), target.reshape(-1)
    bands = bands_of(made.size, 1)
    squares = [0.0] * len(bands)

    def work(k: int) -> None:
        first, last = bands[k]
        for start in range(first, last, AT_ONCE):
            here = slice(start, min(start + AT_ONCE, last))
            part = ours[here]
            part -= wanted[here]
            squares[k] += float(np.vdot(part, part))
            part *= factor

    factor = np.float32(2 * scale / made.size)
    run(work, len(bands))
    return sum(squares) / made.size, made
