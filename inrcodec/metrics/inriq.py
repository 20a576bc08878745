"""INRIQ: how differently a network fitted to the reference reacts to another picture.

A SIREN is fitted to the reference and frozen. The diagonal of its Fisher information, from the
gradients of the squared error at every pixel, is a vector F over its P parameters, read as the
precisions of a Gaussian. INRIQ (2026, "Implicit Neural Representation for Image Quality
Assessment", section 3.2) is how far two such vectors lie apart. With r_j = F_deg,j / F_ref,j and J
the Jacobian of the network f at one pixel:

- "paper", as published: F(x) = mean (J^T (f - x))^2 over the pixels, and the symmetric KL
  divergence, 1 / (4 P) sum_j (r_j + 1 / r_j - 2). F_ref measures the fit error alone, so the score
  grows without bound as the fit improves, whatever the distortion.
- "stable", the default: the residual is ref - deg, independent of the fit, over a floor of
  observation noise s0 = 4/255 (on [-1, 1]): F_ref = s0^2 mean sum_c J_c^2 and
  F_deg = F_ref + mean (J^T (ref - deg))^2; and the Fisher-Rao distance of the same Gaussians, as a
  root mean square: sqrt(1 / (2 P) sum_j (ln r_j)^2). Identical pictures score exactly 0. The KL
  divergence would leave the few parameters of largest r to decide: as a fit improves from 40 to
  55 dB it moves by 9 % for a brighter picture, this distance by 2 % (docs/metrics.md).

The network is the encoder's own PE-SIREN, fitted by the encoder's own code from a fixed seed. The
paper starts from meta-learned weights; none exist here yet, so both variants start at random.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from inrcodec.codec.fit import TILE_PIXELS, Budget, Fitting, coordinates, picture_error
from inrcodec.codec.models.siren import Siren
from inrcodec.codec.runtime import torch_threads
from inrcodec.errors import OptionError
from inrcodec.metrics.fisher import squared_gradients
from inrcodec.metrics.inputs import batch, pair
from inrcodec.pixels import from_unit

Fisher = Mapping[str, Tensor]

VARIANTS = ("stable", "paper")
NOISE_FLOOR = 4 / 255
SMALLEST_SIDE = 16
WIDTH, LAYERS, FREQUENCIES = 64, 4, 16
DEFAULT_STEPS = 2000


class Inriq:
    """INRIQ against one reference: fitted once, then asked for any number of pictures.

    `reference` is one picture, as in `inputs.batch`. `steps` of fitting, on one thread unless
    `threads` says otherwise; `precision` is that of the hidden layers while fitting (default: the
    fastest of the machine). The Fisher information is always float32 or better.
    """

    def __init__(
        self,
        reference: object,
        *,
        variant: str = "stable",
        steps: int = DEFAULT_STEPS,
        width: int = WIDTH,
        noise_floor: float = NOISE_FLOOR,
        seed: int = 0,
        threads: int | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        if variant not in VARIANTS:
            raise OptionError(f"unknown variant {variant!r}; expected one of {VARIANTS}")
        if not noise_floor > 0:
            raise OptionError(f"noise_floor must be positive, got {noise_floor!r}")
        self._variant, self._noise_floor, self._threads = variant, noise_floor, threads
        self._reference, _ = pair(reference, reference, smallest=SMALLEST_SIDE, colour=True)
        if len(self._reference) != 1:
            raise OptionError("INRIQ fits one reference at a time, not a batch")
        self._unit = _on_unit_scale(self._reference[0])
        pixels = from_unit(self._unit.cpu().numpy(), 16)
        self._model = Siren(width, LAYERS, FREQUENCIES, pixels.shape[2])
        with torch_threads(threads):
            fitting = Fitting(
                pixels, self._model, Budget(steps, None), seed=seed, precision=precision
            )
            for _ in fitting:
                pass
            self._parameters = {n: torch.from_numpy(v) for n, v in fitting.values().items()}
            error = picture_error(self._model, self._parameters, pixels)
            self.fit_psnr = -10 * math.log10(error)
            self._fisher = self._reference_fisher()

    @property
    def notes(self) -> dict[str, float]:
        """What qualifies the score: PSNR in dB of the network's fit to the reference."""
        return {"fit_psnr": self.fit_psnr}

    def __call__(self, decoded: object) -> Tensor:
        """INRIQ of each decoded picture, (N,) float64; 0 is identical, no upper bound."""
        count = len(batch(decoded))
        _, pictures = pair(self._reference.expand(count, -1, -1, -1), decoded, colour=True)
        with torch_threads(self._threads), torch.no_grad():
            return torch.stack([self._score(_on_unit_scale(picture)) for picture in pictures])

    def _score(self, unit: Tensor) -> Tensor:
        """INRIQ of one picture (H, W, 3) on [-1, 1]."""
        if self._variant == "paper":
            return symmetric_kl(self._fisher, self._squared(self._rendered - unit))
        change = self._squared(self._unit - unit)
        return fisher_rao(
            self._fisher, {name: value + change[name] for name, value in self._fisher.items()}
        )

    @torch.no_grad()
    def _reference_fisher(self) -> dict[str, Tensor]:
        """F_ref of the variant."""
        if self._variant == "paper":
            height, width = self._shape
            rows = max(1, TILE_PIXELS // width)
            ys, xs = coordinates(height), coordinates(width)
            tiles = [
                self._model.render(self._parameters, ys[top : top + rows], xs)
                for top in range(0, height, rows)
            ]
            self._rendered = torch.cat(tiles)
            return self._squared(self._rendered - self._unit)
        unit = squared_gradients(self._model, self._parameters, [None], self._shape)[0]
        return {name: value * self._noise_floor**2 for name, value in unit.items()}

    @property
    def _shape(self) -> tuple[int, int]:
        """(H, W)."""
        return int(self._unit.shape[0]), int(self._unit.shape[1])

    def _squared(self, residual: Tensor) -> dict[str, Tensor]:
        """Mean squared gradients for one residual picture."""
        return squared_gradients(self._model, self._parameters, [residual], self._shape)[0]


def inriq(reference: object, decoded: object, **options: Any) -> Tensor:
    """INRIQ of one pair (or one reference and a batch), (N,); options as for `Inriq`."""
    return Inriq(reference, **options)(decoded)


def stable_scorer(reference: object) -> Inriq:
    """What scores pictures against `reference` by the stable variant."""
    return Inriq(reference)


def paper_scorer(reference: object) -> Inriq:
    """What scores pictures against `reference` by the variant of the paper."""
    return Inriq(reference, variant="paper")


def symmetric_kl(reference: Fisher, degraded: Fisher) -> Tensor:
    """Symmetric KL divergence per parameter of Gaussians with these precisions (the paper's)."""
    ratio = _ratios(reference, degraded)
    return (ratio + 1 / ratio - 2).mean() / 4


def fisher_rao(reference: Fisher, degraded: Fisher) -> Tensor:
    """Fisher-Rao distance of Gaussians with these precisions, over the root of their number."""
    return (_ratios(reference, degraded).log().square().mean() / 2).sqrt()


def _ratios(reference: Fisher, degraded: Fisher) -> Tensor:
    """r for every parameter; one without any gradient in either counts as unchanged."""
    one = torch.cat([value.flatten() for value in reference.values()])
    two = torch.cat([degraded[name].flatten() for name in reference])
    return torch.where((one == 0) & (two == 0), 1.0, two / one)


def _on_unit_scale(picture: Tensor) -> Tensor:
    """(C, H, W) in [0, 1] -> (H, W, C) float32 on [-1, 1]."""
    return picture.detach().permute(1, 2, 0).float() * 2 - 1
