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

The network is a PE-SIREN, fitted by the encoder's own code from a fixed seed. The paper starts from
meta-learned weights (section 3.3). So does the paper variant: from the pretrained initialisation of
about its size that comes with the package. The stable variant is initialised at random.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.codec.fitting.networks.batches import TILE_PIXELS, image_error
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.networks.init_tables import shipped_for
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.errors import OptionError
from inrcodec.metrics.quality.fisher import output_sensitivity, squared_gradients
from inrcodec.metrics.quality.inputs import pair
from inrcodec.pixels import from_unit

Fisher = Mapping[str, Tensor]

INIT_OF_VARIANT = {"stable": "random", "paper": "meta"}
VARIANTS = tuple(INIT_OF_VARIANT)
NOISE_FLOOR = 4 / 255
BLOCK = 8
"""Side in pixels of the blocks within which the stable variant takes the variance."""

SMALLEST_SIDE = 16
WIDTH, LAYERS, FREQUENCIES = 64, 4, 16
START_PARAMETERS = 17_000
"""About as many as the random network has."""

DEFAULT_STEPS = 2000


class Inriq:
    """INRIQ against one reference, to which a network is fitted once.

    `reference` is one image, as in `inputs.batch`. `steps` of fitting from `seed`; `init` is
    "random", a network of `width` (default 64), or "meta" (default: that of the variant);
    `precision` is that of the hidden layers while fitting (default: the fastest of the machine, so
    that scores of different processors differ as those of different seeds do). The Fisher
    information is float32. Raises `OptionError`, and `ImageError` for a bad reference.
    """

    @partial(independent, gradients=True)
    def __init__(
        self,
        reference: object,
        *,
        variant: str = "stable",
        steps: int = DEFAULT_STEPS,
        init: str | None = None,
        width: int | None = None,
        seed: int = 0,
        precision: torch.dtype | None = None,
    ) -> None:
        if variant not in VARIANTS:
            raise OptionError(f"unknown variant {variant!r}; expected one of {VARIANTS}")
        init = INIT_OF_VARIANT[variant] if init is None else init
        _check(init, width, steps, seed)
        width = WIDTH if width is None else width
        self._variant = variant
        self._reference, _ = pair(reference, reference, smallest=SMALLEST_SIDE, colour=True)
        if len(self._reference) != 1:
            raise OptionError("INRIQ fits one reference at a time, not a batch")
        self._unit = _on_unit_scale(self._reference[0])
        pixels = from_unit(self._unit.cpu().numpy(), 16)
        channels, trained = pixels.shape[2], None
        self._model = Siren(width, LAYERS, FREQUENCIES, channels)
        if init == "meta":
            trained = shipped_for("pe-siren", channels, START_PARAMETERS)
            width, layers, frequencies = trained.dimensions
            self._model = Siren(width, layers, frequencies, channels)
        device = str(self._unit.device)
        how: dict[str, Any] = {"seed": seed, "precision": precision, "init": trained}
        how["device"] = device
        fitting = NetworkFit(pixels, self._model, Budget(steps, None), **how)
        for _ in fitting:
            pass
        values = fitting.values()
        self._parameters = {n: torch.from_numpy(v).to(device) for n, v in values.items()}
        error = image_error(self._model, self._parameters, pixels)
        self.fit_psnr = -10 * math.log10(error) if error > 0 else math.inf
        with torch.no_grad():
            self._anchor = self._paper_anchor() if variant == "paper" else self._unit
            self._of_reference = self._reference_fisher()

    @property
    def notes(self) -> dict[str, float]:
        """Return what qualifies the score: PSNR in dB of the network's fit to the reference."""
        return {"fit_psnr": self.fit_psnr}

    @independent
    def __call__(self, decoded: object) -> Tensor:
        """INRIQ of each decoded image, (N,) float64; 0 is identical, no upper bound."""
        distance = symmetric_kl if self._variant == "paper" else fisher_rao
        _, pictures = pair(self._reference, decoded, colour=True)
        return torch.stack([distance(*self.fisher(picture)) for picture in pictures])

    @partial(independent, gradients=False)
    def fisher(self, decoded: object) -> tuple[Fisher, Fisher]:
        """Return the two Fisher diagonals compared: of the reference, of one decoded image."""
        _, pictures = pair(self._reference, decoded, colour=True)
        residual = self._anchor - _on_unit_scale(pictures[0])
        if self._variant == "paper":
            return self._of_reference, squared_gradients(self._model, self._parameters, residual)
        change = squared_gradients(self._model, self._parameters, residual, block=BLOCK)
        total = {name: value + change[name] for name, value in self._of_reference.items()}
        return self._of_reference, total

    def _reference_fisher(self) -> Fisher:
        """Compute F_ref of the variant."""
        if self._variant == "paper":
            return squared_gradients(self._model, self._parameters, self._anchor - self._unit)
        shape = (int(self._unit.shape[0]), int(self._unit.shape[1]))
        unit = output_sensitivity(self._model, self._parameters, shape)
        return {name: value * NOISE_FLOOR**2 for name, value in unit.items()}

    def _paper_anchor(self) -> Tensor:
        """Render the network's own image f, (H, W, C), from which published residuals are taken."""
        ys, xs = (coordinates(int(size)) for size in self._unit.shape[:2])
        rows = max(1, TILE_PIXELS // len(xs))
        tops = range(0, len(ys), rows)
        render = self._model.render
        return torch.cat([render(self._parameters, ys[t : t + rows], xs) for t in tops])


def _check(init: str, width: int | None, steps: int, seed: int) -> None:
    """Raise `OptionError` for options that make no sense."""
    if init not in ("random", "meta"):
        raise OptionError(f"init must be random or meta, got {init!r}")
    if init == "meta" and width is not None:
        raise OptionError("init=meta has a width of its own; give width with init=random")
    numbers = (("steps", steps, 1), ("width", 1 if width is None else width, 1), ("seed", seed, 0))
    for name, value, least in numbers:
        if type(value) is not int or not least <= value < 1 << 31:
            raise OptionError(f"{name} must be a whole number from {least}, got {value!r}")


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
