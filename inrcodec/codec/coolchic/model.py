"""The COOL-CHIC family: pyramids of integer latent grids and three tiny networks.

    grid of level l   ceil(H / 2^l) x ceil(W / 2^l) symbols
    ARM               causal neighbours and symbols of grids before -> mean, log2 scale of a symbol
    upsampling        coarsest grid x2, joined by the next grid, x2, ... -> (inputs, H, W)
    synthesis         1x1 network (inputs -> ... -> 3), then residual 3x3 convolutions -> colours

Three families share this description, the fit and the file format (docs/format.md); `features.py`
has what tells them apart:

- `coolchic-v1` (Ladune et al., ICCV 2023);
- `coolchic-v2` (Leguay et al., MMSP 2023);
- `coolchic`, ours, whose networks have a trained initialisation (init_tables.py).

Nothing here computes pixels: `colours.py` does for decoders, `../fitting/coolchic/forward.py` does
with gradients, and `../entropy/arm.py` runs the ARM in integers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.features import (
    CHROMA_LEVEL,
    COLOURS,
    COMPANIONS,
    COMPLEXITIES,
    FEATURES,
    LEVELS,
    PARENTS,
    SIZES,
    Features,
    grain,
)
from inrcodec.codec.coolchic.neighbours import NEIGHBOURS, Offsets
from inrcodec.codec.entropy.arm import WEIGHT_FRACTION, IntegerArm
from inrcodec.codec.entropy.quantized import check_parameters
from inrcodec.codec.format.header import Family, Header
from inrcodec.errors import FormatError, LimitError

MAX_LEVELS, MAX_WIDTH = 10, 64
DIMENSIONS = 4
"""How many integers describe a model."""

MAX_LATENT_PIXELS = 1 << 25
"""Most pixels of an image of latent grids, which are decoded as a whole: a minute on one core."""

Arrays = Mapping[str, NDArray[Any]]

ARM_LAYERS = 2
"""Hidden layers of the ARM."""


@dataclass(frozen=True)
class CoolChic:
    """Sizes of one model: `width` and `height` of the image in pixels, `levels` of the pyramid,
    `neighbours` that the ARM sees, neurons of a hidden layer of the ARM and of the synthesis.

    Grids are numbered: those of the main pyramid from level 0 up, then those of the two chroma
    pyramids, if there are any. Raises `FormatError` or `LimitError` for sizes out of range.
    """

    family: Family
    width: int
    height: int
    levels: int
    neighbours: int
    arm_width: int
    synthesis_width: int

    def __post_init__(self) -> None:
        if self.neighbours not in NEIGHBOURS:
            raise FormatError(f"{self.neighbours} neighbours; known: {sorted(NEIGHBOURS)}")
        if not 1 <= self.levels <= MAX_LEVELS:
            raise LimitError(f"{self.levels} latent grids; the limit is {MAX_LEVELS}")
        for width in (self.arm_width, self.synthesis_width):
            if not 1 <= width <= MAX_WIDTH:
                raise LimitError(f"network width {width} is outside [1, {MAX_WIDTH}]")

    @property
    def dimensions(self) -> tuple[int, ...]:
        """What the header stores: levels, neighbours, ARM width, synthesis width."""
        return (self.levels, self.neighbours, self.arm_width, self.synthesis_width)

    @property
    def features(self) -> Features:
        """What the decoder of the family is built of."""
        return FEATURES[self.family]

    @property
    def arm_widths(self) -> tuple[int, ...]:
        """Neurons of every hidden layer of the ARM."""
        return (self.arm_width,) * ARM_LAYERS

    @property
    def synthesis_widths(self) -> tuple[int, ...]:
        """Neurons of every hidden layer of the synthesis."""
        return (self.synthesis_width,) * self.features.synthesis_layers

    @property
    def parameter_count(self) -> int:
        """Number of parameters of the networks of one plane."""
        return sum(math.prod(shape) for shape in self.shapes.values())

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
        """The level of every grid, by grid number."""
        main = range(self.levels)
        chroma = main[min(CHROMA_LEVEL, self.levels - 1) :] if self.features.chroma else ()
        return (*main, *chroma, *chroma)

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
        return grain(self.grid_levels[grid]) if self.features.grains else 1.0

    def companions(self, grid: int) -> tuple[int | None, int | None]:
        """The grids of this level in the pyramids before: main, first chroma."""
        if grid < self.levels:
            return None, None
        chroma = (len(self.grids) - self.levels) // 2
        first = grid < self.levels + chroma
        return self.grid_levels[grid], None if first else grid - chroma

    @property
    def sides(self) -> int:
        """Number of inputs of the ARM from grids decoded before: parents, then companions."""
        return PARENTS + COMPANIONS if self.features.side_inputs else 0

    @property
    def arm_inputs(self) -> int:
        """Number of inputs of the ARM."""
        return self.neighbours + self.sides

    @property
    def units(self) -> dict[str, float]:
        """1 for every parameter that colours depend on: a damaged ARM could not decode at all."""
        return {name: 1.0 for name in self.shapes if not name.startswith("arm")}

    @property
    def synthesis_inputs(self) -> int:
        """Number of inputs of the synthesis: the levels of the main pyramid and the two chroma
        planes."""
        return self.levels + (2 if self.features.chroma else 0)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter shapes in file order."""
        shapes: dict[str, tuple[int, ...]] = {}
        fan_in = self.arm_inputs
        for i, width in enumerate(self.arm_widths):
            shapes[f"arm.weight.{i}"], shapes[f"arm.bias.{i}"] = (width, fan_in), (width,)
            fan_in = width
        shapes["arm.weight.out"], shapes["arm.bias.out"] = (2, fan_in), (2,)
        features = self.features
        if features.linear_branches:
            shapes["arm.linear"] = (2, self.arm_inputs)
        if features.side_inputs:
            shapes["arm.level"] = (len(self.grids), self.arm_width)
        if features.upsampling == "separable":
            shapes["up.kernel"] = (self.levels - 1, 4)
        elif features.upsampling == "shared":
            shapes["up.kernel"] = (8, 8)
        if features.chroma:
            shapes["up.gain"] = (2, len(self.grids[self.levels :]) // 2)
        fan_in = self.synthesis_inputs
        for i, width in enumerate(self.synthesis_widths):
            shapes[f"synthesis.weight.{i}"] = (width, fan_in)
            shapes[f"synthesis.bias.{i}"] = (width,)
            fan_in = width
        shapes["synthesis.weight.out"] = (COLOURS, fan_in)
        shapes["synthesis.bias.out"] = (COLOURS,)
        if features.linear_branches:
            shapes["synthesis.linear"] = (COLOURS, self.synthesis_inputs)
        for i in range(features.convolutions):
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
        arm = sum(sizes) + (2 * self.arm_inputs if self.features.linear_branches else 0)
        pixel = sum(
            int(np.prod(shape))
            for name, shape in self.shapes.items()
            if name.startswith(("synthesis.w", "synthesis.l", "conv.w"))
        )
        taps = {"bicubic": 8, "separable": 8, "shared": 16}[self.features.upsampling]
        levels = self.synthesis_inputs - 1
        upsampling = taps * sum(
            (levels - level) * rows * columns
            for level, (rows, columns) in enumerate(self.grids[: self.levels - 1])
        )
        symbols = sum(rows * columns for rows, columns in self.grids)
        return pixel + -(-(arm * symbols + upsampling) // (self.width * self.height))

    def effective(self, name: str, tensor: Any) -> Any:
        """The matrix that multiplies: the identity is added to that of a residual layer."""
        part, kind, layer = (*name.split("."), "")[:3]
        hidden = part in ("arm", "synthesis") and kind == "weight" and layer != "out"
        if self.features.residual_layers and hidden and tensor.shape[0] == tensor.shape[1]:
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
            linear=integers("arm.linear") if self.features.linear_branches else None,
            level_bias=integers("arm.level") if self.features.side_inputs else None,
        )


def grids_model(
    family: Family, width: int, height: int, *, levels: int = LEVELS, **sizes: int
) -> CoolChic:
    """The model of a family for an image of this size, `sizes` other than the usual ones by name:
    `neighbours`, `arm_width`, `synthesis_width`."""
    return CoolChic(family, width, height, levels, **{**SIZES[family], **sizes})


def grids_from(header: Header) -> CoolChic:
    """The model that the header of a file of latent grids describes; raises `FormatError` or
    `LimitError`."""
    if len(header.dimensions) != DIMENSIONS:
        raise FormatError(
            f"{header.family.name} has {DIMENSIONS} dimensions, the header gives "
            f"{len(header.dimensions)}"
        )
    pixels = header.width * header.height
    if pixels > MAX_LATENT_PIXELS:
        raise LimitError(
            f"{pixels} pixels; the limit of {header.family.name} is {MAX_LATENT_PIXELS}"
        )
    model = CoolChic(header.family, header.width, header.height, *header.dimensions)
    check_parameters(model.parameter_count, header.family.label)
    return model
