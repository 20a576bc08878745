"""Training of meta-learned initialisations: networks that a few steps turn into any photograph.

The method is Meta-SGD (Li et al. 2017), which extends MAML (Finn et al. 2017), with second
derivatives. An inner loop takes a few steps of gradient descent on one image from the
initialisation, with a learned rate for every parameter. The outer loop trains the initialisation
and the rates to lower the error after those steps and, with a small weight, the errors before it.
Every step sees its own batch of pixels. Struempler et al. (2022, section 3.4) initialise their
networks in this way.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inrcodec.codec.fitting.networks.batches import batches
from inrcodec.codec.fitting.networks.schedule import cosine
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.init_tables import Initialisation, phase_initialisation
from inrcodec.codec.networks.positions import coordinates
from inrcodec.errors import OptionError
from inrcodec.pixels import Samples, to_unit

BATCH_PIXELS = 2048
OUTER_RATE = 1e-3
RATES_RATE = 5e-3
"""Learning rates of Adam, for the initialisation and for the logarithms of the learned rates."""

WARM_UP = 50
CLIP = 0.05
ON_THE_WAY = 0.02
"""Weight of the error before inner step k, times k."""

FIRST_RATE, FIRST_HEAD_RATE = 0.5, 3e-3
"""Initial values of the learned rates, of sine layers and of the output layer."""


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where a training stands: share done, images seen, recent PSNR (dB) after inner steps."""

    share: float
    step: int
    psnr: float


class InitTraining:
    """Trains an initialisation of `model` on `images` (H, W, C).

    It takes so many `seconds` or, if given, outer `steps`. Iterate for `TrainingProgress`, and call
    `result()` at any time. The same seed and number of steps give the same result on one machine.
    """

    def __init__(
        self,
        images: Sequence[Samples],
        model: CoordinateModel,
        *,
        inner_steps: int = 4,
        seconds: float = math.inf,
        steps: int | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if not images:
            raise OptionError("there are no images to train on")
        if steps is None and seconds == math.inf:
            raise OptionError("give a time or a number of steps")
        self._images, self.model, self._inner_steps = images, model, inner_steps
        self._seconds, self._steps = seconds, steps
        self._random = np.random.default_rng(seed)
        self._device = torch.device(device)
        initial = model.initial(self._random, np.zeros(model.channels))
        initial |= {n: v for n, v in phase_initialisation(model).items() if n in model.phases}
        self._initial = {n: self._leaf(v) for n, v in initial.items()}
        self._log_rates = {
            n: self._leaf(np.full_like(v, math.log(_first_rate(n)))) for n, v in initial.items()
        }

    def __iter__(self) -> Iterator[TrainingProgress]:
        """Train until the budget is spent, yielding the progress after every outer step."""
        groups = [(self._initial, OUTER_RATE), (self._log_rates, RATES_RATE)]
        adam = torch.optim.Adam(
            [{"params": list(leaves.values()), "lr": rate} for leaves, rate in groups],
            betas=(0.9, 0.99),
        )
        everything = [*self._initial.values(), *self._log_rates.values()]
        begun, step, error = time.monotonic(), 0, 0.0
        while (share := self._share(step, begun)) < 1:
            factor = min(1.0, (step + 1) / WARM_UP) * cosine(share)
            for group, (_, rate) in zip(adam.param_groups, groups, strict=True):
                group["lr"] = rate * factor
            adam.zero_grad()
            last = self._outer_step()
            torch.nn.utils.clip_grad_norm_(everything, CLIP)
            adam.step()
            step += 1
            error = last if step == 1 else 0.99 * error + 0.01 * last
            yield TrainingProgress(share, step, -10 * math.log10(error))

    def result(self) -> Initialisation:
        """The initialisation as trained so far."""
        return Initialisation.of(
            self.model,
            {n: t.detach().cpu().numpy() for n, t in self._initial.items()},
            {n: t.detach().exp().cpu().numpy() for n, t in self._log_rates.items()},
            self._inner_steps,
        )

    def _share(self, step: int, begun: float) -> float:
        """The share of the training that is done, in [0, 1], by steps or by the clock."""
        done = 0.0 if self._steps is None else step / self._steps
        return max(done, (time.monotonic() - begun) / self._seconds)

    def _leaf(self, value: np.ndarray) -> Tensor:
        """A tensor to train."""
        return torch.from_numpy(value.copy()).to(self._device).requires_grad_()

    def _outer_step(self) -> float:
        """Leave the gradients of one image in all leaves; return the error after the inner
        steps."""
        image = self._view(self._images[int(self._random.integers(len(self._images)))])
        parameters = dict(self._initial)
        outer = torch.zeros((), dtype=torch.float32, device=self._device)
        for step in range(self._inner_steps):
            error = self._error(parameters, image)
            outer = outer + error * (ON_THE_WAY * step)
            gradients = torch.autograd.grad(error, list(parameters.values()), create_graph=True)
            parameters = {
                n: p - self._log_rates[n].exp() * g
                for (n, p), g in zip(parameters.items(), gradients, strict=True)
            }
        error = self._error(parameters, image)
        torch.autograd.backward(outer + error)
        return float(error.detach())

    def _error(self, parameters: dict[str, Tensor], image: Samples) -> Tensor:
        """Mean squared error on a batch of pixels, full range 1."""
        height, width = image.shape[:2]
        rows, columns = next(batches(height, width, self._random, pixels=BATCH_PIXELS))
        wanted = torch.from_numpy(to_unit(image[rows[:, None], columns])).to(self._device)
        made = self.model.render(parameters, coordinates(height)[rows], coordinates(width)[columns])
        return (made - wanted).square().mean() / 4

    def _view(self, image: Samples) -> Samples:
        """A mirrored, turned or cut view: photographs are wider than high, or higher than wide."""
        if self._random.random() < 0.5:
            image = image[:, ::-1]
        if self._random.random() < 0.6:
            height = image.shape[0]
            kept = max(1, int(height * self._random.uniform(0.6, 1)))
            top = self._random.integers(height - kept + 1)
            image = image[top : top + kept]
        return image.swapaxes(0, 1) if self._random.random() < 0.25 else image


def _first_rate(name: str) -> float:
    """The initial value of the learned rate of a parameter."""
    return FIRST_HEAD_RATE if name.endswith("out") else FIRST_RATE
