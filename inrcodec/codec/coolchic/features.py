"""What tells the families of latent grids apart: the features and the usual sizes of each.

`model.py` makes a model of them; nothing else asks for a family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from inrcodec.codec.format.header import Family

LEVELS = 7
COLOURS = 3
PARENTS, COMPANIONS = 4, 2
CHROMA_LEVEL = 1

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
"""The tier whose initialisation is that of `high`, widened."""


def grain(level: int) -> float:
    """What a symbol of a grid of `coolchic` counts where it joins the finer ones. It moves 4^level
    pixels, so it is worth steps finer than theirs; below a quarter, fine grids mend what a coarse
    one leaves for fewer bits."""
    return float(2.0 ** -min(level, 2))


@dataclass(frozen=True, slots=True)
class Features:
    """What the decoder of one family is built of, beside its sizes.

    - `synthesis_layers`: hidden 1x1 layers of the synthesis;
    - `convolutions`: residual 3x3 convolutions behind them;
    - `upsampling`: "bicubic", fixed; "shared", one learned 8x8 kernel; "separable", a learned
      kernel of 4 taps a level;
    - `chroma`: two chroma pyramids stand beside the main one, from `CHROMA_LEVEL` up, each the sum
      of its upsampled grids;
    - `side_inputs`: the ARM also sees four symbols of the next coarser grid and the symbols of the
      other pyramids at the same place, and has a bias for every grid;
    - `linear_branches`: a matrix leads straight from the inputs to the outputs of both networks;
    - `residual_layers`: hidden layers with as many outputs as inputs add to their inputs;
    - `grains`: a symbol of a coarse grid counts less where it joins the finer ones (`grain`).
    """

    synthesis_layers: int
    convolutions: int
    upsampling: Literal["bicubic", "shared", "separable"]
    chroma: bool = False
    side_inputs: bool = False
    linear_branches: bool = False
    residual_layers: bool = False
    grains: bool = False


FEATURES: Mapping[Family, Features] = {
    Family.COOLCHIC_V1: Features(2, 0, "bicubic", residual_layers=True),
    Family.COOLCHIC_V2: Features(1, 2, "shared", residual_layers=True),
    Family.COOLCHIC: Features(
        1, 2, "separable", chroma=True, side_inputs=True, linear_branches=True, grains=True
    ),
}
"""The features of each family."""

SIZES: Mapping[Family, Mapping[str, int]] = {
    Family.COOLCHIC_V1: {"neighbours": 12, "arm_width": 12, "synthesis_width": 12},
    Family.COOLCHIC_V2: {"neighbours": 24, "arm_width": 24, "synthesis_width": 40},
    Family.COOLCHIC: COMPLEXITIES["high"],
}
"""The usual sizes of each family: those of the papers, and those of the tier "high"."""
