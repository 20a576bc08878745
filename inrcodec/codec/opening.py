"""What a fit begins with, by what the bare start makes of the picture: the slope for a goal of size
or PSNR, and whether wide networks pay.

No fitting: the trained start of a slope is rounded and measured, the slope corrected, a few times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from inrcodec.codec import meta
from inrcodec.codec.effort import WIDE_BYTES, WIDE_EFFORT
from inrcodec.codec.latent_starts import trained_start
from inrcodec.codec.models import grids, windows
from inrcodec.codec.models.coolchic import COMPLEXITIES, WIDE, CoolChic, coolchic
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.rate_control import Goal, corrected

GUESSES = 4
FIT_GAINS = 0.78, 0.85
"""Bits and squared error after a fit over those of its start; three Kodak photographs, efforts 1 to
3: 0.73 to 0.84 and 0.75 to 0.97 but for the fewest bits."""


def opening_slope(
    model: CoolChic,
    targets: Sequence[Tensor],
    goal: Goal,
    overhead_bytes: float,
    gains: tuple[float, float],
) -> float:
    """A slope near the goal for planes `targets`, (3, H, W) in [0, 1]; `overhead_bytes` are those
    beside the latents, `gains` (bits, error) what the fit will make of the start's. Measured on the
    middle of a large picture."""
    slope = goal.slope
    for _ in range(GUESSES):
        bits, error = _of_start(model, targets, meta.start_index(slope), slope)
        size = bits * gains[0] / 8 + overhead_bytes
        slope = corrected(slope, goal.miss(size, error * gains[1]), goal.exponent)
    return slope


def may_widen(options: EncodeOptions) -> bool:
    """Whether a fit is long enough for wide networks, and its tier not chosen."""
    long = options.effort >= WIDE_EFFORT and options.time_limit is None
    return long and options.complexity is None


def widened(model: CoolChic, targets: Sequence[Tensor], index: int) -> CoolChic:
    """The model of the wide tier where the bare start of `model` takes bytes enough for it to pay,
    else `model`."""
    bits, _ = _of_start(model, targets, index, meta.start_slope(index))
    if bits / 8 < WIDE_BYTES * len(targets):
        return model
    return coolchic(model.width, model.height, **COMPLEXITIES[WIDE])


@torch.no_grad()
def _of_start(
    model: CoolChic, targets: Sequence[Tensor], index: int, slope: float
) -> tuple[float, float]:
    """Bits of the latents of the bare start of an index for a slope, and the largest mean squared
    error of a plane."""
    top, bottom, left, right = windows.middle(model)
    part_model = replace(model, width=right - left, height=bottom - top)
    share = part_model.width * part_model.height / (model.width * model.height)
    whole = windows.whole(part_model)
    bits, error = 0.0, 0.0
    for target in targets:
        part = target[:, top:bottom, left:right].contiguous()
        values, latents = trained_start(part_model, part, index, slope)
        networks = {name: part.new_tensor(value) for name, value in values.items()}
        rounded = [torch.round(y) for y in latents]
        empty = grids.empty(rounded)
        bits += float(grids.bits(part_model, networks, rounded, whole, empty)) / share
        made = grids.colours(part_model, networks, rounded, whole)
        error = max(error, float((made - part).square().mean()))
    return bits, error
