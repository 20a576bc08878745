"""INRIQ: how differently a network fitted to the reference reacts to another image.

A SIREN is fitted to the reference and frozen. The diagonal of its Fisher information, from the
gradients of the squared error at every pixel, is a vector F over its P parameters, read as the
precisions of a Gaussian. INRIQ (2026, "Implicit Neural Representation for Image Quality
Assessment", section 3.2) is how far two such vectors lie apart. With r_j = F_deg,j / F_ref,j and J
the Jacobian of the network f at one pixel:

- "paper", as published: F(x) = mean (J^T (f - x))^2 over the pixels, and the symmetric KL
  divergence, 1 / (4 P) sum_j (r_j + 1 / r_j - 2). F_ref measures the fit error alone, so the score
  grows without bound as the fit improves, whatever the distortion.
- "stable", the default, changes three things. The residual is ref - deg, independent of the fit,
  over a floor of observation noise s0 = 4/255 (on [-1, 1]): F_ref = s0^2 mean sum_c J_c^2 and
  F_deg = F_ref + var J^T (ref - deg). The variance, which is what Fisher information is of
  gradients, is taken within blocks of 8 x 8 pixels: what a whole block has in common, such as a
  shift in brightness, matters less to people. The distance is that of Fisher and Rao between the
  same Gaussians, as a root mean square, sqrt(1 / (2 P) sum_j (ln r_j)^2): the KL divergence leaves
  the few parameters of largest r to decide, and moves with the fit (docs/metrics.md).

Identical images score exactly 0 by both.

The network is a PE-SIREN, fitted by the encoder's own code from a fixed seed. The paper overfits
its reference, without saying how far, and its score depends on that: the paper variant fits a wide
network until it has 38 dB (docs/metrics.md). There the fit starts from meta-learned weights
(section 3.3), which save time. Here it starts at random and is there in a minute; the network of
the pretrained initialisation that comes with the package (`init="meta"`) is too small for 38 dB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inrcodec import checks
from inrcodec.codec.ambient import independent
from inrcodec.codec.fitting.optimizer import WIDE
from inrcodec.codec.networks.init_tables import shipped_for
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.runtime import hidden_precision
from inrcodec.errors import OptionError
from inrcodec.metrics.quality.fisher import output_sensitivity, squared_gradients
from inrcodec.metrics.quality.fitted_network import FitPlan, FittedNetwork, fitted
from inrcodec.metrics.quality.inputs import pair

Fisher = Mapping[str, Tensor]

PLANS = {
    "stable": FitPlan(
        width=64, layers=4, frequencies=16, batch_pixels=6144, steps=2000, target_psnr=None
    ),
    "paper": FitPlan(
        width=384, layers=3, frequencies=16, batch_pixels=12288, steps=500, target_psnr=38.0
    ),
}
"""The network and its fit by variant. Of the networks tried for the paper's, this one reaches 36 dB
soonest on the middle 512 x 384 of Kodak 13 (docs/metrics.md)."""

VARIANTS = tuple(PLANS)
INITS = ("random", "meta")
NOISE_FLOOR = 4 / 255
BLOCK = 8
"""Side in pixels of the blocks within which the stable variant takes the variance."""

MOST_PSNR, MOST_WIDTH, MOST_STEPS = 200.0, 4096, (1 << 31) - 1
SMALLEST_SIDE = 16
START_PARAMETERS = 17_000
"""About as many as the stable variant's network has."""


class Inriq:
    """INRIQ against one reference, to which a network is fitted once.

    `reference` is one image, as in `inputs.batch`. The network is fitted from `seed`, for at most
    `steps`, or until it has `target_psnr` dB; their defaults are those of the variant (`PLANS`),
    None or 0 for no target. `init` is "random", a network of `width` (default: that of the
    variant), or "meta"; `precision` is that of the hidden layers while fitting (default: the
    fastest of the machine, so that scores of different processors differ as those of different
    seeds do), and of wide networks' Fisher information in the paper variant; else that is float32.
    Raises `OptionError`, and `ImageError` for a bad reference.
    """

    @partial(independent, gradients=True)
    def __init__(
        self,
        reference: object,
        *,
        variant: str = "stable",
        steps: int | None = None,
        target_psnr: float | None = None,
        init: str = "random",
        width: int | None = None,
        seed: int = 0,
        precision: torch.dtype | None = None,
    ) -> None:
        if variant not in VARIANTS:
            raise OptionError(f"unknown variant {variant!r}; expected one of {VARIANTS}")
        plan = _plan(variant, init, width, steps, target_psnr)
        seed = checks.whole("seed", seed, 0, MOST_STEPS)
        self._variant = variant
        self._reference, _ = pair(reference, reference, smallest=SMALLEST_SIDE, colour=True)
        if len(self._reference) != 1:
            raise OptionError("INRIQ fits one reference at a time, not a batch")
        self._unit = _on_unit_scale(self._reference[0])
        channels, trained = int(self._unit.shape[2]), None
        if init == "meta":
            trained = shipped_for("pe-siren", channels, START_PARAMETERS)
            wide, layers, frequencies = trained.dimensions
            model = Siren(wide, layers, frequencies, channels)
        else:
            model = Siren(plan.width, plan.layers, plan.frequencies, channels)
        self._plan = plan
        self._how: dict[str, Any] = {"seed": seed, "precision": precision}
        self.network = fitted(self._unit, model, plan, init=trained, **self._how)
        self._precision = precision or hidden_precision(self._unit.device)
        with torch.no_grad():
            size = (int(self._unit.shape[0]), int(self._unit.shape[1]))
            self._anchor = self.network.image(*size) if variant == "paper" else self._unit
            self._of_reference = self._reference_fisher()

    @property
    def fit_psnr(self) -> float:
        """PSNR in dB of the network's fit to the reference."""
        return self.network.psnr

    @property
    def notes(self) -> dict[str, float]:
        """Return what qualifies the score: PSNR in dB of the network's fit, and its steps."""
        return {"fit_psnr": self.network.psnr, "fit_steps": self.network.steps}

    @independent
    def __call__(self, decoded: object) -> Tensor:
        """INRIQ of each decoded image, (N,) float64; 0 is identical, no upper bound."""
        distance = symmetric_kl if self._variant == "paper" else fisher_rao
        reference, degraded = self.fisher(decoded)
        count = len(next(iter(degraded.values())))
        each = ({name: value[k] for name, value in degraded.items()} for k in range(count))
        return torch.stack([distance(reference, one) for one in each])

    @partial(independent, gradients=False)
    def fisher(self, decoded: object) -> tuple[Fisher, Fisher]:
        """Return the Fisher diagonals compared: of the reference, shaped like the parameters, and
        of N decoded images, with N in front."""
        _, pictures = pair(self._reference, decoded, colour=True)
        residuals = torch.stack([self._anchor - _on_unit_scale(picture) for picture in pictures])
        change = self._squared_gradients(residuals)
        if self._variant == "paper":
            return self._of_reference, change
        return self._of_reference, {n: f + change[n] for n, f in self._of_reference.items()}

    @partial(independent, gradients=True)
    def adapted(self, decoded: object, steps: int) -> FittedNetwork:
        """Return a network of one decoded image, fitted from the reference's on for so many steps:
        a warm start, with half the learning rates of a fit from random weights."""
        _, pictures = pair(self._reference, decoded, colour=True)
        start = {n: np.asarray(t.cpu()) for n, t in self.network.parameters.items()}
        plan = replace(self._plan, steps=steps, target_psnr=None)
        unit = _on_unit_scale(pictures[0])
        return fitted(unit, self.network.model, plan, start=start, **self._how)

    def _squared_gradients(self, residuals: Tensor) -> Fisher:
        """F of these residuals, as the variant takes it."""
        network = self.network
        if self._variant == "stable":
            return squared_gradients(network.model, network.parameters, residuals, block=BLOCK)
        precision = self._precision if network.model.width >= WIDE else None
        return squared_gradients(network.model, network.parameters, residuals, precision=precision)

    def _reference_fisher(self) -> Fisher:
        """Compute F_ref of the variant."""
        if self._variant == "paper":
            found = self._squared_gradients((self._anchor - self._unit)[None])
            return {name: value[0] for name, value in found.items()}
        shape = (int(self._unit.shape[0]), int(self._unit.shape[1]))
        unit = output_sensitivity(self.network.model, self.network.parameters, shape)
        return {name: value * NOISE_FLOOR**2 for name, value in unit.items()}


def _plan(
    variant: str, init: str, width: int | None, steps: int | None, target_psnr: float | None
) -> FitPlan:
    """The plan of a variant with what was asked for; raises `OptionError` for what makes no
    sense."""
    if init not in INITS:
        raise OptionError(f"init must be random or meta, got {init!r}")
    if init == "meta" and width is not None:
        raise OptionError("init=meta has a width of its own; give width with init=random")
    plan = PLANS[variant]
    if width is not None:
        plan = replace(plan, width=checks.whole("width", width, 1, MOST_WIDTH))
    if steps is not None:
        plan = replace(plan, steps=checks.whole("steps", steps, 1, MOST_STEPS))
    if target_psnr is not None:
        target = checks.real("target_psnr", target_psnr, 0, MOST_PSNR)
        plan = replace(plan, target_psnr=target or None)
    return plan


def inriq(reference: object, decoded: object, **options: Any) -> Tensor:
    """INRIQ of one pair (or one reference and a batch), (N,); options as for `Inriq`."""
    return Inriq(reference, **options)(decoded)


def stable_scorer(reference: object) -> Inriq:
    """Make the INRIQ of `reference` by the stable variant."""
    return Inriq(reference)


def paper_scorer(reference: object) -> Inriq:
    """Make the INRIQ of `reference` by the variant of the paper."""
    return Inriq(reference, variant="paper")


def symmetric_kl(reference: Fisher, degraded: Fisher) -> Tensor:
    """Symmetric KL divergence per parameter of Gaussians with these precisions (the paper's)."""
    ratio = _ratios(reference, degraded)
    return (ratio + 1 / ratio - 2).mean() / 4


def fisher_rao(reference: Fisher, degraded: Fisher) -> Tensor:
    """Fisher-Rao distance of Gaussians with these precisions, over the root of their number."""
    return (_ratios(reference, degraded).log().square().mean() / 2).sqrt()


def _ratios(reference: Fisher, degraded: Fisher) -> Tensor:
    """Divide the diagonals: r for every parameter; one without any gradient counts as 1."""
    one = torch.cat([value.flatten() for value in reference.values()])
    two = torch.cat([degraded[name].flatten() for name in reference])
    return torch.where((one == 0) & (two == 0), 1.0, two / one)


def _on_unit_scale(picture: Tensor) -> Tensor:
    """Convert (C, H, W) in [0, 1] to (H, W, C) float32 on [-1, 1]."""
    return picture.detach().permute(1, 2, 0).float() * 2 - 1
