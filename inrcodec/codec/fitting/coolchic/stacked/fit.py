"""Many fits of whole images of one size, trained together on one device.

Every image keeps its own random numbers, lambda, schedule and early end, so it comes to what its
own fit comes to, within what floating point allows
(tests/codec/fitting/coolchic/test_stacked.py). One that ends early leaves the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.network_cost import COMMON_STEPS
from inrcodec.codec.fitting.coolchic.noise_control import NoiseControl
from inrcodec.codec.fitting.coolchic.retreat import Move, Retreat
from inrcodec.codec.fitting.coolchic.schedule import network_rates
from inrcodec.codec.fitting.coolchic.stacked import forward
from inrcodec.codec.fitting.coolchic.stacked.networks import Networks
from inrcodec.codec.fitting.coolchic.stacked.noise import noise, soften
from inrcodec.codec.fitting.coolchic.stacked.optimizer import NetworkSteps, latent_steps
from inrcodec.codec.fitting.coolchic.step import noise_seed, rate_pixels
from inrcodec.codec.fitting.rmsprop import SQUARES

BYTES_A_PIXEL = 2000
"""Memory of a step for each pixel of each image, about: what backward passes need of the forward
one, and their largest temporaries (benchmarks/speed/gpu_batch.py measures it on a GPU)."""


def memory_bytes(model: CoolChic) -> int:
    """Bytes of memory that each image of a stack takes, roughly."""
    width = model.arm_inputs + 2 * model.arm_width + model.synthesis_width
    usual = 22 + 2 * 16 + 32
    return round(BYTES_A_PIXEL * max(1.0, width / usual) * model.width * model.height)


class StackedFit:
    """Fits that have not begun, of one model and as many steps; `run` trains them to their ends.

    `left` are the numbers of those that are still trained. A fit whose error is no longer finite is
    left as it was, to be tried by itself.
    """

    def __init__(self, fits: Sequence[GridFit], device: torch.device) -> None:
        first = fits[0]
        model, self._schedule = first.model, first.setting.schedule
        self._fits, self._model, self._device = list(fits), model, device
        self._steps = first.setting.budget.steps
        self._sizes = forward.sizes_of(model)
        self._numbers = forward.grid_numbers(model, device)
        self._noises = [np.random.default_rng(fit.setting.seed) for fit in fits]
        self._networks = Networks.of(model.shapes, [fit.parameters for fit in fits], device)
        trained = [fit.setting.trained for fit in fits]
        self._trained = Networks.of(model.shapes, trained, device)
        self._latents = torch.stack(
            [torch.from_numpy(np.concatenate([y.ravel() for y in fit.latents])) for fit in fits]
        ).to(device)
        self._squares = torch.zeros_like(self._latents)
        self._targets = torch.stack([torch.from_numpy(fit.target) for fit in fits]).to(device)
        taken = [[grid not in fit.setting.left_out for grid in range(len(self._sizes))]
                 for fit in fits]  # fmt: skip
        self._taken = self._vector(taken) @ self._numbers
        by_name = [network_rates(model, fit.setting.rates) for fit in fits]
        rates = {name: self._vector([rate[name] for rate in by_name]) for name in model.shapes}
        self._optimizer = NetworkSteps(self._networks, Networks.filled(model.shapes, rates))
        self._lmbda = self._vector([fit.lmbda for fit in fits])
        self._dampings = self._vector([fit.setting.rates.damping for fit in fits])
        self._controls = [NoiseControl(fit.setting.rates, self._schedule) for fit in fits]
        self._retreats = [Retreat(self._steps, self._schedule) for _ in fits]
        self._best: dict[int, list[Tensor]] = {}
        self._ahead = [0.0] * len(fits)
        self._networks.requires_grad()
        self.left = list(range(len(fits)))
        self.step = 0

    def run(self) -> None:
        """Train all of them to their ends."""
        while self.left:
            self.advance()

    def advance(self) -> None:
        """Take a step, and hand back what is done."""
        self._look_back([self._share(k) for k in range(len(self.left))])
        self._train()
        if self.left and self.step % self._schedule.report_every == 0:
            self._look()
        self._leave([k for k in range(len(self.left)) if self._share(k) >= 1])

    def _share(self, k: int) -> float:
        """How much of its budget an image of those left has spent, in [0, 1]."""
        return min(self.step / self._steps + self._ahead[k], 1.0)

    def _train(self) -> None:
        """One step of all images left."""
        schedule, fits = self._schedule, [self._fits[number] for number in self.left]
        shares = [self._share(k) for k in range(len(fits))]
        hard = [share >= 1 - schedule.hard_share for share in shares]
        symbols, slopes = self._rounded(shares, hard)
        root, pixels = self._lmbda.sqrt(), rate_pixels(self._model)
        parameters = self._networks.named()
        made = forward.colours(self._model, parameters, symbols)
        self._errors = (made - self._targets).square().mean((1, 2, 3))
        self._bits = forward.bits(self._model, parameters, symbols, self._numbers, self._taken)
        self._bits = self._bits / pixels
        torch.autograd.backward((self._errors / root + root * self._bits).sum())
        gradients = self._networks.gradients()
        self._pull(gradients, root / pixels)
        factors = []
        for fit, share in zip(fits, shares, strict=True):
            warm = min(1.0, (self.step + 1) / fit.setting.rates.warm_up_steps)
            factors.append(0.5 * (1 + math.cos(math.pi * share)) * warm)
        correction = math.sqrt(1 - SQUARES ** (self.step + 1))
        if symbols.grad is not None and not all(hard):
            rates = [
                0.0 if is_hard else fit.setting.rates.latents * factor * correction
                for fit, is_hard, factor in zip(fits, hard, factors, strict=True)
            ]
            latent_steps(
                symbols.grad.mul_(slopes), self._squares, self._latents, self._sizes,
                rates=self._vector(rates), dampings=self._dampings,
            )  # fmt: skip
        most = schedule.most_norm / root
        norms = self._optimizer.step(gradients, self._vector(factors), most)
        self.step += 1
        self._look_at_noise(shares)
        finite = torch.isfinite(norms + self._errors.detach()).tolist()
        self._drop([k for k, is_finite in enumerate(finite) if not is_finite])

    @torch.no_grad()
    def _rounded(self, shares: Sequence[float], hard: Sequence[bool]) -> tuple[Tensor, Tensor]:
        """The symbols that a step sees, a leaf, and their slopes by the latents; of images that are
        `hard` they are rounded for good, and have none."""
        roundings = [
            self._controls[number].at(share)
            for number, share in zip(self.left, shares, strict=True)
        ]
        seeds = [
            [0] * len(self._sizes) if is_hard else self._seeds(number)
            for number, is_hard in zip(self.left, hard, strict=True)
        ]
        if all(hard):
            return torch.round(self._latents), self._taken
        noises = noise(seeds, self._sizes, self._device)
        temperatures, deviations = (
            self._vector([getattr(rounding, name) for rounding in roundings])[:, None]
            for name in ("temperature", "deviation")
        )
        symbols, slopes = soften(self._latents, temperatures, deviations, noises)
        slopes.mul_(self._taken)
        symbols.mul_(self._taken)
        if any(hard):
            fixed = torch.tensor(hard, device=self._device)[:, None]
            symbols = torch.where(fixed, torch.round(self._latents), symbols)
            slopes.mul_(~fixed)
        return symbols.requires_grad_(), slopes

    def _seeds(self, number: int) -> list[int]:
        """The next seeds of the noise of an image, one for each grid that it has."""
        left_out = self._fits[number].setting.left_out
        return [
            0 if grid in left_out else noise_seed(self._noises[number])
            for grid in range(len(self._sizes))
        ]

    @torch.no_grad()
    def _pull(self, gradients: Networks, worth: Tensor) -> None:
        """Add the gradient of what the networks cost where a bit is worth so much; see
        `network_cost.pulled`."""
        by_name, ours, theirs = gradients.named(), self._networks.named(), self._trained.named()
        for group, names in self._model.groups.items():
            residuals = [ours[name] - theirs[name] for name in names]
            total = torch.stack([r.abs().flatten(1).sum(1) for r in residuals]).sum(0)
            count = sum(residual[0].numel() for residual in residuals)
            least = 2.0 ** COMMON_STEPS[group.split(".")[0]]
            pulls = worth / (forward.NATS_A_BIT * (total / count).clamp_(min=least))
            for name, residual in zip(names, residuals, strict=True):
                shaped = pulls.view(-1, *(1,) * (residual.ndim - 1))
                by_name[name].add_(residual.sign_() * shaped)

    @torch.no_grad()
    def _look(self) -> None:
        """Send images to the last share of their fits where nothing more can be gained."""
        schedule = self._schedule
        worth = (self._errors / self._lmbda + self._bits).tolist()
        if min(worth) >= schedule.worth_little:
            return
        for k, (noisy, cost) in enumerate(zip(worth, self._rounded_costs(), strict=True)):
            if noisy < schedule.worth_little and cost < schedule.worth_nothing:
                share = self._share(k)
                self._ahead[k] = max(self._ahead[k], 1 - schedule.hard_share - share)

    @torch.no_grad()
    def _look_back(self, shares: Sequence[float]) -> None:
        """Have those images that want it now remember their best state, or go back to it."""
        looking = [
            (k, number)
            for k, number in enumerate(self.left)
            if self._retreats[number].wants(self.step, shares[k])
        ]
        costs = self._rounded_costs() if looking else []
        for k, number in looking:
            move = self._retreats[number].saw(shares[k], costs[k], self._fits[number].lmbda)
            state = [self._latents[k], *(leaf[k] for leaf in self._networks)]
            if move is Move.KEEP:
                self._best[number] = [part.clone() for part in state]
            elif move is Move.GO_BACK:
                for part, best in zip(state, self._best[number], strict=True):
                    part.copy_(best)
                self._controls[number].raised()

    def _rounded_costs(self) -> list[float]:
        """The rate-distortion costs of all images left in bits a pixel, with latents rounded."""
        parameters, rounded = self._networks.named(), torch.round(self._latents)
        filled = torch.stack([y.flatten(1).any(1) for y in self._grids(rounded)], 1).float()
        counted = filled @ self._numbers
        bits = forward.bits(self._model, parameters, rounded, self._numbers, counted)
        costs: list[float] = (
            self._rounded_errors() / self._lmbda + bits / rate_pixels(self._model)
        ).tolist()
        return costs

    @torch.no_grad()
    def _look_at_noise(self, shares: Sequence[float]) -> None:
        """Have the noise of those images controlled that want it now."""
        looking = [
            (k, self._controls[number])
            for k, number in enumerate(self.left)
            if self._controls[number].wants(self.step, shares[k])
        ]
        if looking:
            noisy, rounded = self._errors.tolist(), self._rounded_errors().tolist()
            for k, control in looking:
                control.saw(shares[k], noisy[k], rounded[k])

    def _rounded_errors(self) -> Tensor:
        """The squared errors of all images left, with their latents rounded."""
        made = forward.colours(self._model, self._networks.named(), torch.round(self._latents))
        return (made - self._targets).square().mean((1, 2, 3))

    def _grids(self, flat: Tensor) -> list[Tensor]:
        return forward.grids_of(self._model, flat)

    def _leave(self, which: Sequence[int]) -> None:
        """Hand images of those left, which are done, back to their fits."""
        for k in which:
            fit = self._fits[self.left[k]]
            latents = [y[0].cpu().numpy() for y in self._grids(self._latents[k : k + 1])]
            fit.take(self._networks.image(k), latents, self.step)
        self._drop(which)

    def _drop(self, which: Sequence[int]) -> None:
        """Go on without images of those left."""
        if not which:
            return
        kept = [k for k in range(len(self.left)) if k not in which]
        images = torch.tensor(kept, dtype=torch.long, device=self._device)
        self.left = [self.left[k] for k in kept]
        self._ahead = [self._ahead[k] for k in kept]
        self._networks = self._networks.kept(images)
        self._trained = self._trained.kept(images)
        self._optimizer.keep(images, self._networks)
        self._networks.requires_grad()
        for name in ("latents", "squares", "targets", "taken", "lmbda", "dampings"):
            setattr(self, f"_{name}", getattr(self, f"_{name}")[images])
        self._errors, self._bits = self._errors.detach()[images], self._bits.detach()[images]

    def _vector(self, values: Sequence[float] | Sequence[Sequence[float]]) -> Tensor:
        """Numbers as a tensor on the device."""
        return torch.tensor(values, dtype=torch.float32, device=self._device)
