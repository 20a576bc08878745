"""IEM on densities one can draw: three Gaussians and a circle; writes docs/iem-density.png.

    python -m benchmarks.figures.iem_density

A point (a, b) of the plane is an "image" of one pixel, whose red and green are a and b and whose
blue is always 0. The best denoiser of such a density is known: the posterior mean. Left and right
of each row: the distance IEM(x, .) from one point, and at many points the ellipse of the directions
v with <v, v>_x of one size, which is the Riemannian metric that IEM is nearby. Along the circle a
step counts less than across it; between two Gaussians a step from one to the other counts most.
Seeds of the noise are averaged over, since two samples average nothing themselves.
"""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.common import parser_of
from inrcodec.metrics.quality.iem import Iem

PICTURE = Path(__file__).parents[2] / "docs/iem-density.png"
GAMMA_MAX = 100.0
SIGMA_MAX = 10.0
REACH = 0.9
"""The part of the plane that is drawn, from -REACH to REACH."""

Denoiser = Callable[[Tensor, float], Tensor]


class Lumps:
    """A mixture of equal round Gaussians: centres (K, 2) on [-1, 1] and one standard deviation."""

    def __init__(self, centres: Tensor, deviation: float) -> None:
        self.centres, self.deviation = centres, deviation

    def density(self, points: Tensor, sigma: float = 0.0) -> Tensor:
        """The density at points (..., 2), blurred by sigma, up to a factor."""
        spread = self.deviation**2 + sigma**2
        squared = (points[..., None, :] - self.centres).square().sum(-1)
        return torch.exp(-squared / (2 * spread)).sum(-1) / spread

    def denoise(self, noisy: Tensor, sigma: float) -> Tensor:
        """The posterior mean of points (N, 3, 1, 1), whose third sample is 0."""
        points = noisy[:, :2, 0, 0]
        spread = self.deviation**2 + sigma**2
        squared = (points[:, None] - self.centres).square().sum(-1)
        share = torch.softmax(-squared / (2 * spread), 1)
        mean = share @ self.centres
        kept = self.deviation**2 / spread
        estimate = kept * points + (1 - kept) * mean
        return torch.cat([estimate, torch.zeros_like(estimate[:, :1])], 1)[..., None, None]


def three_lumps() -> Lumps:
    """Three Gaussians."""
    centres = torch.tensor([[-0.45, -0.35], [0.5, -0.2], [-0.05, 0.5]], dtype=torch.float64)
    return Lumps(centres, 0.12)


def circle(points: int = 64) -> Lumps:
    """A circle of radius 0.55, as a string of narrow Gaussians."""
    angles = torch.arange(points, dtype=torch.float64) * (2 * math.pi / points)
    return Lumps(0.55 * torch.stack([angles.cos(), angles.sin()], 1), 0.05)


def as_images(points: Tensor) -> Tensor:
    """Points (N, 2) on [-1, 1] as images (N, 3, 1, 1) on [0, 1]."""
    third = torch.zeros_like(points[:, :1])
    return (torch.cat([points, third], 1)[..., None, None] + 1) / 2


def prepared(points: Tensor, denoiser: Denoiser, seeds: int) -> list[Iem]:
    """IEM at points (N, 2), once for each seed of the noise."""
    how: dict[str, Any] = {"gamma_max": GAMMA_MAX, "sigma_max": SIGMA_MAX}
    return [Iem(as_images(points), denoiser=denoiser, seed=s, **how) for s in range(seeds)]


def distances(origin: Tensor, points: Tensor, denoiser: Denoiser, seeds: int) -> Tensor:
    """IEM between one point (2,) and points (N, 2), (N,)."""
    others = as_images(points)
    squared = [iem(others).square() for iem in prepared(origin[None], denoiser, seeds)]
    return torch.stack(squared).mean(0).sqrt()


def metric_tensors(points: Tensor, denoiser: Denoiser, seeds: int) -> Tensor:
    """The Riemannian metric at points (N, 2), (N, 2, 2), in units of the plane."""
    axes = torch.eye(3, dtype=torch.float64)[:2, :, None, None] / 2
    at = prepared(points, denoiser, seeds)
    entries = [
        torch.stack([iem.local_form(axes[i], axes[j]) for iem in at]).mean(0)
        for i, j in ((0, 0), (0, 1), (1, 1))
    ]
    first, both, second = entries
    return torch.stack([torch.stack([first, both], 1), torch.stack([both, second], 1)], 1)


def grid(side: int) -> Tensor:
    """Points of a square grid, (side * side, 2)."""
    axis = torch.linspace(-REACH, REACH, side, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis)


def main() -> None:
    """Draw both densities."""
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("-o", "--output", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 8.6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    lumps = {"three Gaussians": three_lumps(), "a circle": circle()}
    origins = torch.tensor([[-0.45, -0.35], [0.55, 0.0]], dtype=torch.float64)
    for row, (title, lump), origin in zip(panels, lumps.items(), origins, strict=True):
        draw(row[0], lump, lambda p, o=origin, d=lump: contours(p, d, o, arguments.seeds))
        draw(row[1], lump, lambda p, d=lump: ellipses(p, d, arguments.seeds))
        row[0].set_title(f"{title}: distance from the dot", fontsize=10)
        row[1].set_title(f"{title}: steps of equal length", fontsize=10)
    drawing = io.BytesIO()
    figure.savefig(drawing, dpi=80)
    Image.open(drawing).convert("RGB").quantize(64).save(arguments.output, optimize=True)
    print(arguments.output)


def draw(panel: Any, lump: Lumps, content: Callable[[Any], None]) -> None:
    """Shade the density and draw over it."""
    side = 121
    shade = lump.density(grid(side)).view(side, side).T
    panel.imshow(
        np.asarray(shade), origin="lower", extent=(-REACH, REACH) * 2, cmap="Blues", alpha=0.7
    )
    content(panel)
    panel.set_aspect("equal")


def contours(panel: Any, lump: Lumps, origin: Tensor, seeds: int) -> None:
    """Lines of equal IEM from one point."""
    side = 61
    values = distances(origin, grid(side), lump.denoise, seeds).view(side, side).T
    axis = np.linspace(-REACH, REACH, side)
    lines = panel.contour(axis, axis, np.asarray(values), 10, colors="k", linewidths=0.8)
    panel.clabel(lines, fontsize=7)
    panel.plot(*origin.tolist(), "o", color="crimson", markersize=6)


def ellipses(panel: Any, lump: Lumps, seeds: int) -> None:
    """At each point the directions that IEM takes for equally long."""
    from matplotlib.patches import Ellipse

    points = grid(11)
    found = np.asarray(metric_tensors(points, lump.denoise, seeds))
    values, vectors = np.linalg.eigh(found)
    axes = values**-0.5
    axes *= 0.075 / np.quantile(axes, 0.9)
    for point, (wide, narrow), turn in zip(points.tolist(), axes, vectors, strict=True):
        angle = math.degrees(math.atan2(turn[1, 0], turn[0, 0]))
        panel.add_patch(
            Ellipse(tuple(point), 2 * wide, 2 * narrow, angle=angle, fill=False, color="crimson")
        )


if __name__ == "__main__":
    main()
