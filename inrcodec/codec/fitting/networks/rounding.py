"""The network of a fit as a file will hold it: rounded, within its bytes, and the best one kept.

A fit trains float parameters. Its finish chooses the finest quantisation steps that meet the byte
budget, trains through the rounding by them, and measures the rounded network on the whole image
every so often. The best one measured is the answer of the fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.quantized import Quantized, Tensors
from inrcodec.codec.fitting.losses import MSE, Loss
from inrcodec.codec.fitting.networks.batches import image_error, image_loss
from inrcodec.codec.fitting.networks.schedule import Schedule
from inrcodec.codec.fitting.networks.sensitivity import sensitivities
from inrcodec.codec.fitting.networks.steps import quantize, steps_for_size
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.pixels import Samples


@dataclass(frozen=True, slots=True)
class Measured:
    """A rounded network, its loss as `score`, and its mean squared error (full range 1)."""

    score: float
    error: float
    network: Quantized


@dataclass(kw_only=True, slots=True)
class Rounding:
    """Rounds the parameters of one fit, measures the result, and keeps the best as `best`.

    Networks are measured by `loss` on `pixels` (H, W, C), or on the sheet of a clip of so many
    `frames`. `target_bytes` is the size of the parameters payload to stay within; `residual_to` is
    what a file's integers add to, by name, None for zeros. All methods take the float parameters
    of the fit as they are at the time, by name.
    """

    model: CoordinateModel
    pixels: Samples
    target_bytes: int
    loss: Loss
    residual_to: Tensors | None
    schedule: Schedule
    frames: int
    best: Measured | None = None

    @property
    def score(self) -> float:
        """The loss of the best network measured; infinite before there is any."""
        return math.inf if self.best is None else self.best.score

    def choose_steps(self, parameters: dict[str, Tensor], share: float = 1.0) -> dict[str, int]:
        """Return the codes of the finest steps within this share of the target, by name. Raises
        `FitError` for parameters that are not finite."""
        height, width = self.pixels.shape[:2]
        sensitive = sensitivities(self.model, parameters, height, width, self.frames)
        target = int(self.target_bytes * share)
        return steps_for_size(arrays_of(parameters), sensitive, target, self.residual_to)

    def straight_through(
        self, parameters: Mapping[str, Tensor], steps: Mapping[str, int]
    ) -> dict[str, Tensor]:
        """Return the parameters as a decoder will see them, whose gradients are those of the float
        ones."""
        rounded = {}
        for name, tensor in parameters.items():
            size = prior.step_size(steps[name])
            exact = tensor.detach()
            if self.residual_to is not None:
                exact = exact - torch.from_numpy(self.residual_to[name]).to(exact)
            rounded[name] = tensor + (torch.round(exact / size) * size - exact)
        return rounded

    def measure(self, parameters: dict[str, Tensor], steps: dict[str, int]) -> Measured:
        """Round by these steps and measure; return the best network measured so far.

        Training through the rounding moves the entropy a little; where that breaks the byte budget
        the steps of this network are chosen anew. Raises `FitError` for parameters that are not
        finite.
        """
        values = arrays_of(parameters)
        stored = quantize(values, steps, self.residual_to)
        if len(stored.to_bytes()) > self.target_bytes:
            stored = quantize(values, self.choose_steps(parameters), self.residual_to)
        rounded = {
            name: torch.from_numpy(value).to(parameters[name].device)
            for name, value in stored.values().items()
        }
        how = self.schedule, self.frames
        score = error = image_error(self.model, rounded, self.pixels, *how)
        if self.loss is not MSE:
            score = image_loss(self.model, rounded, self.pixels, self.loss, *how)
        if self.best is None or score < self.best.score:
            self.best = Measured(score, error, stored)
        return self.best


def arrays_of(parameters: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    """Return copies of parameters as arrays, by name."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in parameters.items()}
