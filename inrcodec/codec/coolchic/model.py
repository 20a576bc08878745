"""The COOL-CHIC family: pyramids of integer latent grids and three tiny networks.

    grid of level l   ceil(H / 2^l) x ceil(W / 2^l) symbols
    ARM               causal neighbours and symbols of grids before -> mean, log2 scale of a symbol
    upsampling        coarsest grid x2, joined by the next grid, x2, ... -> (inputs, H, W)
    synthesis         1x1 network (inputs -> ... -> 3), then residual 3x3 convolutions -> colours

Three members share this description, the fit and the file format (docs/format.md):

- `coolchic-v1` (Ladune et al., ICCV 2023): 7 grids, 12 neighbours, ARM 12-12, bicubic upsampling,
  synthesis 12-12; hidden layers with as many outputs as inputs are residual;
- `coolchic-v2` (Leguay et al., MMSP 2023): 24 neighbours, ARM 24-24, one learned 8x8 upsampling
  kernel, synthesis 40, two residual 3x3 convolutions;
- `coolchic`, ours: two chroma pyramids beside the main one, from level 2 up, each the sum of its
  upsampled grids; an ARM of 16 neighbours, 4 symbols of the next coarser grid and the symbols of
  the other pyramids at the same place, with a bias for every grid; linear branches beside both
  networks; a learned separable upsampling kernel per level; a trained start (../meta.py).

Nothing here imports torch. What computes is in `grids.py` (torch) and `../arm.py` (integers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.neighbours import NEIGHBOURS, Offsets
from inrcodec.codec.entropy.arm import WEIGHT_FRACTION, IntegerArm
from inrcodec.codec.format.header import Family
from inrcodec.errors import FormatError, LimitError

LEVELS = 7
COLOURS = 3
PARENTS = 4
CHROMA_LEVEL = 1
MAX_LEVELS, MAX_WIDTH = 10, 64

Arrays = Mapping[str, NDArray[Any]]

BICUBIC = (-0.03515625, 0.26171875, 0.87890625, -0.10546875)
"""Taps of a x2 bicubic kernel (a = -0.75) on rows i - 2 .. i + 1 for output row 2 i; mirrored for
2 i + 1."""

CHROMA_COLOURS = np.array([[0, -0.344136, 1.772], [1.402, -0.714136, 0]])
"""RGB of a unit of Cb and of Cr (ITU-R BT.601)."""

COMPLEXITIES = {
    "highest": {"neighbours": 24, "arm_width": 24, "synthesis_width": 40},
    "high": {"neighbours": 16, "arm_width": 16, "synthesis_width": 32},
    "medium": {"neighbours": 8, "arm_width": 10, "synthesis_width": 16},
    "low": {"neighbours": 8, "arm_width": 4, "synthesis_width": 6},
}
"""Sizes of the tiers of `coolchic`: about 3600, 2000, 1000 and 500 multiply-accumulates
a pixel."""

WIDE = "highest"
"""The tier whose start is that of `high`, widened."""


def grain(level: int) -> float:
    """What a symbol of a grid of `coolchic` counts where it joins the finer ones. It moves 4^level
    pixels, so it is worth steps finer than theirs; below a quarter, fine grids mend what a coarse
    one leaves for fewer bits."""
    return float(2.0 ** -min(level, 2))


@dataclass(frozen=True)
class CoolChic:
    """Sizes of one model. `width`, `height` are the picture's, in pixels.

    Grids are numbered: the main pyramid from level 0 up, then, if `chroma`, two more pyramids from
    `CHROMA_LEVEL` up. `chroma` also stands for the rest of what `coolchic` adds to its ancestors.
    """

    family: Family
    width: int
    height: int
    levels: int
    neighbours: int
    arm_widths: tuple[int, ...]
    synthesis_widths: tuple[int, ...]
    convolutions: int
    chroma: bool
    upsampling: str

    def __post_init__(self) -> None:
        if self.neighbours not in NEIGHBOURS:
            raise FormatError(f"{self.neighbours} neighbours; known: {sorted(NEIGHBOURS)}")
        if not 1 <= self.levels <= MAX_LEVELS:
            raise LimitError(f"{self.levels} latent grids; the limit is {MAX_LEVELS}")
        for width in self.arm_widths + self.synthesis_widths:
            if not 1 <= width <= MAX_WIDTH:
                raise LimitError(f"network width {width} is outside [1, {MAX_WIDTH}]")

    @property
    def dimensions(self) -> tuple[int, ...]:
        """What the header stores: levels, neighbours, ARM width, synthesis width."""
        return (self.levels, self.neighbours, self.arm_widths[0], self.synthesis_widths[0])

    @property
    def complexity(self) -> str | None:
        """The tier of `coolchic` that has these sizes."""
        for name, sizes in COMPLEXITIES.items():
            if self.family == Family.COOLCHIC and self.dimensions == (LEVELS, *sizes.values()):
                return name
        return None

    @property
    def offsets(self) -> Offsets:
        """The causal neighbourhood."""
        return NEIGHBOURS[self.neighbours]

    @cached_property
    def grid_levels(self) -> tuple[int, ...]:
        """The level of every grid."""
        chroma = range(min(CHROMA_LEVEL, self.levels - 1), self.levels) if self.chroma else ()
        return (*range(self.levels), *chroma, *chroma)

    @cached_property
    def grids(self) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of every grid."""
        return tuple((-(-self.height >> n), -(-self.width >> n)) for n in self.grid_levels)

    @cached_property
    def coding_order(self) -> tuple[int, ...]:
        """Grid numbers coarse to fine, the main pyramid first at each level."""
        return tuple(sorted(range(len(self.grids)), key=lambda i: (-self.grid_levels[i], i)))

    def parent(self, grid: int) -> int | None:
        """The next coarser grid of the same pyramid."""
        return None if self.grid_levels[grid] == self.levels - 1 else grid + 1

    def chroma_grids(self, level: int) -> tuple[int, int]:
        """The two chroma grids of a level."""
        first = self.levels + level - self.grid_levels[self.levels]
        return first, first + (len(self.grids) - self.levels) // 2

    def unit(self, grid: int) -> float:
        """What a symbol of a grid counts where it joins the finer ones."""
        return grain(self.grid_levels[grid]) if self.chroma else 1.0

    def companions(self, grid: int) -> tuple[int | None, int | None]:
        """The grids of this level in the pyramids before: main, first chroma."""
        if grid < self.levels:
            return None, None
        chroma = (len(self.grids) - self.levels) // 2
        first = grid < self.levels + chroma
        return self.grid_levels[grid], None if first else grid - chroma

    @property
    def sides(self) -> int:
        """Inputs of the ARM from grids before: parents, then companions."""
        return PARENTS + 2 if self.chroma else 0

    @property
    def arm_inputs(self) -> int:
        """Inputs of the ARM."""
        return self.neighbours + self.sides

    @property
    def units(self) -> dict[str, float]:
        """1 for every parameter that colours depend on: a damaged ARM could not decode at all."""
        return {name: 1.0 for name in self.shapes if not name.startswith("arm")}

    @property
    def features(self) -> int:
        """Inputs of the synthesis: the levels of the main pyramid and the two chroma pictures."""
        return self.levels + (2 if self.chroma else 0)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter shapes in file order."""
        shapes: dict[str, tuple[int, ...]] = {}
        fan_in = self.arm_inputs
        for i, width in enumerate(self.arm_widths):
            shapes[f"arm.weight.{i}"], shapes[f"arm.bias.{i}"] = (width, fan_in), (width,)
            fan_in = width
        shapes["arm.weight.out"], shapes["arm.bias.out"] = (2, fan_in), (2,)
        if self.chroma:
            shapes["arm.linear"] = (2, self.arm_inputs)
            shapes["arm.level"] = (len(self.grids), self.arm_widths[0])
        if self.upsampling == "separable":
            shapes["up.kernel"] = (self.levels - 1, 4)
        elif self.upsampling == "shared":
            shapes["up.kernel"] = (8, 8)
        if self.chroma:
            shapes["up.gain"] = (2, len(self.grids[self.levels :]) // 2)
        fan_in = self.features
        for i, width in enumerate(self.synthesis_widths):
            shapes[f"synthesis.weight.{i}"] = (width, fan_in)
            shapes[f"synthesis.bias.{i}"] = (width,)
            fan_in = width
        shapes["synthesis.weight.out"] = (COLOURS, fan_in)
        shapes["synthesis.bias.out"] = (COLOURS,)
        if self.chroma:
            shapes["synthesis.linear"] = (COLOURS, self.features)
        for i in range(self.convolutions):
            shapes[f"conv.weight.{i}"], shapes[f"conv.bias.{i}"] = (COLOURS, COLOURS, 3, 3), (3,)
        return {name: shape for name, shape in shapes.items() if 0 not in shape}

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Which tensors share a quantisation step and a prior, by group name."""
        groups: dict[str, list[str]] = {}
        for name in self.shapes:
            part, kind = name.split(".")[:2]
            kind = "bias" if kind in ("bias", "level") else "weight"
            groups.setdefault(
                f"{part}.{kind}" if part in ("arm", "synthesis") else part, []
            ).append(name)
        return {name: tuple(members) for name, members in groups.items()}

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel of the whole decoder, ARM on every grid included."""
        sizes = [int(np.prod(s)) for n, s in self.shapes.items() if n.startswith("arm.w")]
        arm = sum(sizes) + (2 * self.arm_inputs if self.chroma else 0)
        pixel = sum(
            int(np.prod(shape))
            for name, shape in self.shapes.items()
            if name.startswith(("synthesis.w", "synthesis.l", "conv.w"))
        )
        taps = {"bicubic": 8, "separable": 8, "shared": 16}[self.upsampling]
        levels = self.features - 1
        upsampling = taps * sum(
            (levels - level) * rows * columns
            for level, (rows, columns) in enumerate(self.grids[: self.levels - 1])
        )
        symbols = sum(rows * columns for rows, columns in self.grids)
        return pixel + -(-(arm * symbols + upsampling) // (self.width * self.height))

    def effective(self, name: str, tensor: Any) -> Any:
        """The matrix that multiplies: hidden layers of v1 and v2 with in = out are residual."""
        part, kind, layer = (*name.split("."), "")[:3]
        hidden = part in ("arm", "synthesis") and kind == "weight" and layer != "out"
        if not self.chroma and hidden and tensor.shape[0] == tensor.shape[1]:
            one = np.eye(tensor.shape[0], dtype=np.float32)
            return tensor + (one if isinstance(tensor, np.ndarray) else tensor.new_tensor(one))
        return tensor

    def integer_arm(self, parameters: Arrays) -> IntegerArm:
        """The ARM as the entropy coder runs it; its tensors must be multiples of 2^-8."""

        def integers(name: str) -> NDArray[np.int32]:
            values = self.effective(name, np.asarray(parameters[name], np.float64))
            return np.asarray(np.rint(values * 2**WEIGHT_FRACTION), np.int32)

        layers = [*map(str, range(len(self.arm_widths))), "out"]
        return IntegerArm(
            neighbours=self.offsets,
            sides=self.sides,
            weights=tuple(integers(f"arm.weight.{i}") for i in layers),
            biases=tuple(integers(f"arm.bias.{i}") for i in layers),
            linear=integers("arm.linear") if self.chroma else None,
            level_bias=integers("arm.level") if self.chroma else None,
        )


def coolchic(
    width: int,
    height: int,
    *,
    levels: int = LEVELS,
    neighbours: int = 16,
    arm_width: int = 16,
    synthesis_width: int = 32,
) -> CoolChic:
    """Our model for a picture of this size."""
    return CoolChic(
        Family.COOLCHIC,
        width,
        height,
        levels,
        neighbours,
        (arm_width, arm_width),
        (synthesis_width,),
        2,
        chroma=True,
        upsampling="separable",
    )


def coolchic_v1(
    width: int,
    height: int,
    *,
    levels: int = LEVELS,
    neighbours: int = 12,
    arm_width: int = 12,
    synthesis_width: int = 12,
) -> CoolChic:
    """COOL-CHIC as in its first paper."""
    return CoolChic(
        Family.COOLCHIC_V1,
        width,
        height,
        levels,
        neighbours,
        (arm_width, arm_width),
        (synthesis_width, synthesis_width),
        0,
        chroma=False,
        upsampling="bicubic",
    )


def coolchic_v2(
    width: int,
    height: int,
    *,
    levels: int = LEVELS,
    neighbours: int = 24,
    arm_width: int = 24,
    synthesis_width: int = 40,
) -> CoolChic:
    """COOL-CHIC as in its second paper."""
    return CoolChic(
        Family.COOLCHIC_V2,
        width,
        height,
        levels,
        neighbours,
        (arm_width, arm_width),
        (synthesis_width,),
        2,
        chroma=False,
        upsampling="shared",
    )


BUILDERS = {
    Family.COOLCHIC_V1: coolchic_v1,
    Family.COOLCHIC_V2: coolchic_v2,
    Family.COOLCHIC: coolchic,
}
