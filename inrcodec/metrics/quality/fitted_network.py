"""A network fitted to one image until it is near enough to it, for metrics that look at networks.

The fit is the encoder's own (`codec/fitting/networks/fit.py`) with float parameters: one cosine
schedule over at most so many steps, left as soon as the network has the PSNR that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from inrcodec.codec.fitting.networks.batches import TILE_PIXELS, image_error
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import Schedule
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.pixels import Samples, decibels, from_unit

LOOK_EVERY, LOOK_PIXELS = 10, 6144
"""How often, in steps, a fit looks whether it is there, and at how many pixels: 3 % of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPlan:
    """A PE-SIREN of `layers` of `width`, and its fit: at most `steps` of about `batch_pixels` each,
    fewer if the pixels of late steps reach `target_psnr` dB."""

    width: int
    layers: int
    frequencies: int
    batch_pixels: int
    steps: int
    target_psnr: float | None


@dataclass(frozen=True, slots=True)
class FittedNetwork:
    """A network, its parameters by name, the PSNR in dB of its image, and the steps it took."""

    model: Siren
    parameters: Mapping[str, Tensor]
    psnr: float
    steps: int

    @torch.no_grad()
    def image(self, height: int, width: int) -> Tensor:
        """Render the network's own image, (H, W, C) on [-1, 1], float32."""
        ys, xs = coordinates(height), coordinates(width)
        rows = max(1, TILE_PIXELS // width)
        tops = range(0, height, rows)
        render = self.model.render
        return torch.cat([render(self.parameters, ys[t : t + rows], xs) for t in tops])


def fitted(unit: Tensor, model: Siren, plan: FitPlan, **how: Any) -> FittedNetwork:
    """Fit `model` to an image (H, W, C) on [-1, 1]; `how` is as for `NetworkFit`.

    Every `LOOK_EVERY` steps some of its pixels tell whether the target is reached; the PSNR of the
    result is that of all of them.
    """
    pixels: Samples = from_unit(unit.cpu().numpy(), 16)
    device = str(unit.device)
    schedule = Schedule(batch_pixels=plan.batch_pixels, report_every=LOOK_EVERY)
    look = Schedule(measured_pixels=LOOK_PIXELS)
    budget = Budget(plan.steps, None)
    fitting = NetworkFit(pixels, model, budget, schedule=schedule, device=device, **how)
    steps = 0
    for progress in fitting:
        steps = progress.step
        if plan.target_psnr is not None:
            error = image_error(model, _parameters(fitting, device), pixels, look)
            if decibels(error) >= plan.target_psnr:
                break
    parameters = _parameters(fitting, device)
    psnr = decibels(image_error(model, parameters, pixels))
    return FittedNetwork(model, parameters, psnr, steps)


def _parameters(fitting: NetworkFit, device: str) -> dict[str, Tensor]:
    """The parameters as they are now."""
    return {name: torch.from_numpy(v).to(device) for name, v in fitting.values().items()}
