"""Encodes whose fits are trained together, each before it is iterated as usual."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import torch

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic.encoder import GridEncoding
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.schedule import SCHEDULE
from inrcodec.codec.fitting.coolchic.stacked.fit import StackedFit, memory_bytes
from inrcodec.codec.fitting.losses import MSE
from inrcodec.codec.fitting.plan import EncodePlan
from inrcodec.pixels import Picture

USED_SHARE, WITHOUT_GPU_BYTES = 0.8, 1 << 30
"""The share of a GPU's free memory that stacks take, and what they take elsewhere."""

_log = logging.getLogger(__name__)


def stacks(plan: EncodePlan, picture: Picture) -> bool:
    """Whether the fit of an image can be trained beside those of others: one of latent grids
    `coolchic`, of colours without alpha, seen as a whole in each step, which runs through its
    schedule with one lambda and squared error."""
    steered = not plan.goal.fixed or plan.loss is not MSE or plan.time_limit is not None
    return (
        plan.model == "coolchic"
        and plan.robust is None
        and not steered
        and plan.effort > 0
        and picture.channels in (1, 3)
        and picture.width * picture.height <= SCHEDULE.window_pixels
    )


def train_together(encodings: Iterable[GridEncoding], device: torch.device, share: float) -> None:
    """Train the fits of encodes that are as `stacks` wants them, in as few stacks as the memory of
    the device allows, of which a `share` may be taken."""
    alike: dict[tuple[CoolChic, int], list[GridFit]] = {}
    for encoding in encodings:
        (fit,) = encoding.fits
        alike.setdefault((fit.model, fit.setting.budget.steps), []).append(fit)
    for (model, _), fits in alike.items():
        at_once = max(1, int(_free_bytes(device) * share / memory_bytes(model)))
        count = -(-len(fits) // at_once)
        for number in range(count):  # stacks of about one size
            _train(fits[number::count], device)


def _free_bytes(device: torch.device) -> float:
    """What stacks may take of a device's memory."""
    if device.type != "cuda":
        return WITHOUT_GPU_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return USED_SHARE * free


def _train(fits: Sequence[GridFit], device: torch.device) -> None:
    """Train a stack; where the memory does not suffice, in halves. One that is too large alone is
    left to itself."""
    try:
        StackedFit(fits, device).run()
        return
    except torch.cuda.OutOfMemoryError:
        _log.debug("a stack of %d fits does not fit into memory", len(fits))
    torch.cuda.empty_cache()
    middle = len(fits) // 2
    rest = [fit for fit in fits if not fit.step]  # of a stack whose first ones ended early
    for half in (rest[:middle], rest[middle:]) if len(fits) > 1 else ():
        if half:
            _train(half, device)
