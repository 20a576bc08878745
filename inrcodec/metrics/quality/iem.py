"""IEM, the information-estimation metric: two images compared by their denoising errors.

Both images x are seen through the same white noise, y = x + s n, of every strength s. With D the
best denoiser of photographs and e_i = x_i - D(y_i, s), in terms of the precision g = 1 / s^2,

    IEM^2(x_1, x_2) = integral_0^gamma_max E |e_1 - e_2|^2 dg,

summed over all samples of images on the scale [-1, 1]; the root is reported. It is a metric for
any denoiser while the noise is fixed: symmetric, with the triangle inequality (Information-
Estimation Metric, 2025). `gamma_max` says how fine a difference counts: 1/4, the default, agrees
best with opinion scores in that work, 1e6 suits textures.

For the Gaussian prior the integral is known: with c_i the squared coordinates of x_1 - x_2 in the
eigenbasis and l_i the eigenvalues, IEM^2 = sum_i c_i G / (1 + G l_i), which tends to the squared
Mahalanobis distance as G grows. For other denoisers it is a sum over noise strengths along one
Brownian path of fixed seed, from `sigma_max` on: what lies beyond, at g < 1 / sigma_max^2, is left
out. The learned denoiser is the Wiener filter of that same prior wherever s > 8, so that part is
exact and nothing is left out; below s = 0.005 (g > 40,000) it is that filter again.

Close to an image x, IEM is a Riemannian metric: IEM^2(x, x + h v) = h^2 <v, v>_x + O(h^3) with

    <v, w>_x = integral_0^gamma_max E (v - J v) . (w - J w) dg,      J the Jacobian of D at x + s n,

so what the denoiser would take for noise counts, and what it would keep counts little.
`Iem.local_form` computes it by differentiating the denoiser, along the same noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.functional import jvp

from inrcodec.codec.ambient import independent
from inrcodec.errors import OptionError
from inrcodec.metrics.quality import denoiser as learned
from inrcodec.metrics.quality import gaussian_prior
from inrcodec.metrics.quality.inputs import pair

Denoiser = Callable[[Tensor, float], Tensor]
"""(noisy (N, 3, H, W) on [-1, 1], sigma) -> estimate of the same shape."""

GAMMA_MAX = 0.25
SIGMA_MAX = 1e3
CELLS_PER_DECADE = 6
"""Simpson cells for each factor 10 in sigma, if the caller does not say."""

SEED = 42
MOST = 1e12
"""Largest `gamma_max` and `sigma_max`."""

RULES = ("simpson", "left")


class Iem:
    """IEM against one reference (or batch), whose half of the work is done once.

    `reference` as in `inputs.batch`. `denoiser`: "learned", "gaussian" (exact: `rule`, `cells` and
    `sigma_max` do not matter), or a function. `rule`: "simpson" in ln g, or "left" in g as in the
    paper, each with `cells` cells between `sigma_max` and the sigma of `gamma_max` (default: 6 for
    each factor 10 in sigma). Differentiable except where the images are identical.
    """

    @independent
    def __init__(
        self,
        reference: object,
        *,
        denoiser: str | Denoiser = "learned",
        gamma_max: float = GAMMA_MAX,
        rule: str = "simpson",
        cells: int | None = None,
        sigma_max: float = SIGMA_MAX,
        seed: int = SEED,
    ) -> None:
        _check("gamma_max", gamma_max)
        _check("sigma_max", sigma_max)
        _check_seed(seed)
        self._reference, _ = pair(reference, reference, colour=True)
        self._type = torch.float32 if denoiser == "learned" else self._reference.dtype
        x = (self._reference * 2 - 1).to(self._type)
        self._denoiser = _denoiser(denoiser)
        self._exact_to, start = 0.0, sigma_max**-2
        if denoiser == "gaussian":
            self._exact_to = gamma_max
        elif denoiser == "learned":
            self._exact_to = min(gamma_max, learned.HIGHEST_SIGMA**-2)
            start = self._exact_to
        elif gamma_max <= start:
            raise OptionError(f"gamma_max must be above 1 / sigma_max^2 = {start:g}")
        self._nodes: list[tuple[float, float, Tensor, Tensor]] = []
        if gamma_max > max(start, self._exact_to):
            grid = quadrature(start, gamma_max, rule, cells)
            self._nodes = [
                (gamma**-0.5, weight, noise, x - self._denoiser(x + noise, gamma**-0.5))
                for gamma, weight, noise in _path(grid, x, seed)
                if weight
            ]

    @independent
    def __call__(self, decoded: object) -> Tensor:
        """IEM of each decoded image, (N,); 0 is identical, no upper bound."""
        x, y = (image * 2 - 1 for image in pair(self._reference, decoded, colour=True))
        total = y.new_zeros(len(y))
        if self._exact_to:
            total = exact_squared(x - y, self._exact_to)
        y = y.to(self._type)
        for sigma, weight, noise, error in self._nodes:
            difference = error - (y - self._denoiser(y + noise, sigma))
            total = total + weight * difference.square().sum((1, 2, 3))
        return total.sqrt()

    @partial(independent, gradients=True)
    def local_form(self, v: Tensor, w: Tensor | None = None) -> Tensor:
        """The inner product <v, w>_x at the reference x, (N,); without `w`, that of v with itself.

        The root of <v, v>_x is the limit of IEM(x, x + h v) / h for small h. Directions have the
        shape of the reference, (N, 3, H, W) or (3, H, W), and its scale, [0, 1]. Raises
        `OptionError` for another shape.
        """
        first = self._direction(v)
        second = first if w is None else self._direction(w)
        total = exact_form(first, second, self._exact_to)
        x = (self._reference * 2 - 1).to(self._type)
        for sigma, weight, noise, _ in self._nodes:
            one = first - self._moved(x + noise, sigma, first)
            two = one if w is None else second - self._moved(x + noise, sigma, second)
            total = total + weight * (one * two).sum((1, 2, 3))
        return total

    def _direction(self, v: Tensor) -> Tensor:
        """A direction on the scale [-1, 1]."""
        shape = tuple(self._reference.shape)
        if not isinstance(v, Tensor) or tuple(v.shape) not in (shape, shape[1:]):
            found = tuple(getattr(v, "shape", ()))
            raise OptionError(f"a direction must be a tensor of shape {shape}, got {found}")
        return (2 * v.expand(shape)).to(self._type)

    def _moved(self, noisy: Tensor, sigma: float, direction: Tensor) -> Tensor:
        """How the denoised image moves with the noisy one: J v."""

        def denoise(y: Tensor) -> Tensor:
            return self._denoiser(y, sigma)

        _, moved = jvp(denoise, noisy, direction)  # type: ignore[no-untyped-call]
        return torch.as_tensor(moved)


def iem(reference: object, decoded: object, **options: Any) -> Tensor:
    """IEM of each pair, (N,); 0 is identical, no upper bound. Options as for `Iem`."""
    return Iem(reference, **options)(decoded)


def local_form(reference: object, v: Tensor, w: Tensor | None = None, **options: Any) -> Tensor:
    """<v, w>_x at each reference image x, (N,); see `Iem.local_form`. Options as for `Iem`."""
    return Iem(reference, **options).local_form(v, w)


@independent
def iem_sq(
    reference: object,
    decoded: object,
    *,
    denoiser: str | Denoiser = "learned",
    gamma_max: float = GAMMA_MAX,
    cells: int = 64,
    sigma_max: float = SIGMA_MAX,
    seed: int = SEED,
) -> Tensor:
    """The variant IEM_f with f(z) = z^2, (N,): sum of (2 a Z)^2 |e_1 - e_2|^2 dg, its root.

    Z is the log-likelihood ratio along the path, dZ = (|e_1|^2 - |e_2|^2) / 2 dg + (e_1 - e_2) dW,
    and a = 1 / number of samples. Left rule, since it is an Ito integral. Not a metric.
    """
    x, y = (image * 2 - 1 for image in pair(reference, decoded, colour=True))
    _check("gamma_max", gamma_max)
    _check("sigma_max", sigma_max)
    _check_seed(seed)
    if gamma_max <= sigma_max**-2:
        raise OptionError(f"gamma_max must be above 1 / sigma_max^2 = {sigma_max**-2:g}")
    function = _denoiser(denoiser)
    scale = 1 / x[0].numel()
    total, ratio = x.new_zeros(len(x)), x.new_zeros(len(x))
    grid = quadrature(sigma_max**-2, gamma_max, "left", cells)
    path = list(_path(grid, x, seed))
    for (gamma, weight, noise), (after, _, next_noise) in pairwise(path):
        e_x = x - function(x + noise, gamma**-0.5)
        e_y = y - function(y + noise, gamma**-0.5)
        difference = e_x - e_y
        squared = difference.square().sum((1, 2, 3))
        total = total + (2 * scale * ratio).square() * squared * weight
        step = next_noise * after - noise * gamma
        drift = (e_x.square() - e_y.square()).sum((1, 2, 3)) / 2
        ratio = ratio + drift * weight + (difference * step).sum((1, 2, 3))
    return total.sqrt()


@independent
def exact_squared(difference: Tensor, gamma_max: float) -> Tensor:
    """IEM^2 under the Gaussian prior for x_1 - x_2 (N, 3, H, W) on [-1, 1], (N,), exact."""
    return exact_form(difference, difference, gamma_max)


@independent
def exact_form(v: Tensor, w: Tensor, gamma_max: float) -> Tensor:
    """<v, w> of the Gaussian prior, the same at every image, for (N, 3, H, W) on [-1, 1], (N,)."""
    height, width = v.shape[-2:]
    variance = gaussian_prior.eigenvalues(height, width, v)
    products = gaussian_prior.coefficients(v) * gaussian_prior.coefficients(w)
    return (products * (gamma_max / (1 + gamma_max * variance))).sum((1, 2, 3))


@dataclass(frozen=True, slots=True)
class Nodes:
    """Precisions g in increasing order, and the weight of the integrand at each."""

    gammas: tuple[float, ...]
    weights: tuple[float, ...]


def quadrature(low: float, high: float, rule: str, cells: int | None = None) -> Nodes:
    """Make nodes and weights for an integral over g from `low` to `high`, even in ln g.

    "simpson" integrates g f(g) over ln g; "left" sums f at the lower end of each cell of g, with a
    last node of weight 0 to end the path.
    """
    if rule not in RULES:
        raise OptionError(f"unknown rule {rule!r}; expected one of {', '.join(RULES)}")
    span = math.log(high / low)
    if cells is None:
        cells = max(2, math.ceil(CELLS_PER_DECADE * span / (2 * math.log(10))))
    if type(cells) is not int or not 1 <= cells <= 10_000:
        raise OptionError(f"cells must be a whole number in [1, 10000], got {cells!r}")
    cells += cells % 2 if rule == "simpson" else 0
    gammas = tuple(low * math.exp(span * k / cells) for k in range(cells + 1))
    if rule == "left":
        widths = [after - before for before, after in pairwise(gammas)]
        return Nodes(gammas, (*widths, 0.0))
    inner = [4 if k % 2 else 2 for k in range(1, cells)]
    weights = [w * span / cells / 3 * g for w, g in zip([1, *inner, 1], gammas, strict=True)]
    return Nodes(gammas, tuple(weights))


def learned_scorer(reference: object, *, gamma_max: float = GAMMA_MAX) -> Iem:
    """Make the IEM of `reference` with the learned denoiser."""
    with torch.no_grad():
        return Iem(reference, gamma_max=gamma_max)


def gaussian_scorer(reference: object, *, gamma_max: float = GAMMA_MAX) -> Iem:
    """Make the exact IEM of `reference` under the Gaussian prior."""
    return Iem(reference, denoiser="gaussian", gamma_max=gamma_max)


def _check(name: str, value: object) -> None:
    """Raise `OptionError` unless `value` is a number in (0, `MOST`]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MOST:
        raise OptionError(f"{name} must be a number in (0, {MOST:g}], got {value!r}")


def _check_seed(seed: object) -> None:
    """Raise `OptionError` unless `seed` is a whole number that torch takes."""
    if type(seed) is not int or not 0 <= seed < 1 << 63:
        raise OptionError(f"seed must be a whole number from 0, got {seed!r}")


def _denoiser(denoiser: str | Denoiser) -> Denoiser:
    """Return the function behind a name, or the user's own with its result checked."""
    if denoiser == "learned":
        return lambda noisy, sigma: learned.denoise(noisy, sigma)
    if denoiser == "gaussian":
        return gaussian_prior.wiener
    if not callable(denoiser):
        raise OptionError(f'denoiser must be "learned", "gaussian" or a function, not {denoiser!r}')

    def checked(noisy: Tensor, sigma: float) -> Tensor:
        estimate = denoiser(noisy, sigma)
        if not isinstance(estimate, Tensor) or estimate.shape != noisy.shape:
            raise OptionError("the denoiser must return a tensor of its input's shape")
        return estimate

    return checked


def _path(grid: Nodes, like: Tensor, seed: int) -> Iterator[tuple[float, float, Tensor]]:
    """Yield (g, weight, w_g / g) along one Brownian path w, the same for a whole batch."""
    generator = torch.Generator().manual_seed(seed)
    path, before = torch.zeros(1, *like.shape[1:], dtype=like.dtype), 0.0
    for gamma, weight in zip(grid.gammas, grid.weights, strict=True):
        step = torch.randn(path.shape, generator=generator, dtype=like.dtype)
        path = path + step * math.sqrt(gamma - before)
        before = gamma
        yield gamma, weight, (path / gamma).to(like.device)
