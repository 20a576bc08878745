"""The analysis network that initial latents come from."""

import numpy as np
import pytest
import torch
from torch import Tensor

from inrcodec.codec.fitting.coolchic import analysis
from inrcodec.codec.fitting.coolchic.feature_tiles import around, tiles


def test_another_device_leaves_the_network_where_it_is() -> None:
    there = analysis.trained(torch.device("meta"))
    assert all(p.device.type == "meta" for p in there.parameters())
    here = analysis.trained(torch.device("cpu"))
    assert all(p.device.type == "cpu" for p in here.parameters())
    assert analysis.trained(torch.device("cpu")) is here


def an_image(height: int, width: int) -> Tensor:
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width] / 40
    waves = [np.sin(rows * a + columns * b) for a, b in ((1, 2), (3, -1), (0.5, 7))]
    noisy = np.stack(waves) * 0.3 + 0.5 + random.normal(0, 0.05, (3, height, width))
    return torch.from_numpy(noisy.clip(0, 1).astype(np.float32))


@pytest.mark.parametrize("side", [64, 128])
@torch.no_grad()
def test_tiles_make_the_latents_of_the_whole(side: int) -> None:
    network = analysis.trained(torch.device("cpu"))
    image = an_image(421, 275)
    whole, tiled = network(image, 1e-3), network(image, 1e-3, side=side)
    assert [y.shape for y in tiled] == [y.shape for y in whole]
    for one, other in zip(tiled, whole, strict=True):
        # the order of a sum may change the last bit of a feature, which has 8, and that, now and
        # then, what a latent of a coarser grid is rounded to
        near = (one - other).abs() < 1e-2
        assert near.float().mean() > 0.999


@torch.no_grad()
def test_no_tile_is_larger_than_asked() -> None:
    network = analysis.Analysis().eval()
    most: list[int] = []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(
                lambda _module, given, made: most.extend(x[0, 0].numel() for x in (*given, made))
            )
    network(an_image(700, 512), 1e-3, side=64)
    assert max(most) <= (64 + 2 * 8) ** 2
    most.clear()
    network(an_image(128, 96), 1e-3, side=64)
    assert max(most) == 64 * 64  # one tile, of the image padded to whole coarsest symbols


def test_tiles_cover_a_shape_once_and_lie_where_they_say() -> None:
    shape = (70, 130)
    seen = torch.zeros(shape)
    for tile in tiles(shape, 32):
        seen[tile[0] : tile[1], tile[2] : tile[3]] += 1
        outer, inner = around(tile, shape, 5)
        corner = outer[0] + inner[0], outer[2] + inner[2]
        assert corner == (tile[0], tile[2])
        assert inner[1] - inner[0] == tile[1] - tile[0]
        assert outer[0] >= 0
        assert outer[1] <= shape[0]
    assert bool((seen == 1).all())
    assert tiles(shape, 96) == [(0, 70, 0, 130)]
