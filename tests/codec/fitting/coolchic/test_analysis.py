"""The analysis network that initial latents come from."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from inrcodec.codec import native
from inrcodec.codec.fitting.coolchic import analysis, convolutions
from inrcodec.codec.fitting.coolchic.feature_tiles import around, tiles
from training.analysis_network import network_of


def an_image(height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width] / 40
    waves = [np.sin(rows * a + columns * b) for a, b in ((1, 2), (3, -1), (0.5, 7))]
    noisy = np.stack(waves) * 0.3 + 0.5 + random.normal(0, 0.05, (3, height, width))
    return noisy.clip(0, 1).astype(np.float32)


@pytest.fixture(params=["kernels", "numpy"])
def computing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the compiled kernels and without."""
    if request.param == "numpy":
        monkeypatch.setenv(native.SWITCH, "0")
    native.library.cache_clear()
    yield
    monkeypatch.undo()
    native.library.cache_clear()


@pytest.mark.usefixtures("computing")
@pytest.mark.parametrize("lmbda", [1e-2, 1e-4])
def test_it_is_the_network_that_was_trained(lmbda: float) -> None:
    image = an_image(140, 203)
    ours = analysis.trained()(image, lmbda, np.rint)
    with torch.no_grad():
        theirs = network_of(analysis.trained(), torch.float32)(
            torch.from_numpy(image), lmbda, torch.round
        )
    for one, other in zip(ours, theirs, strict=True):
        # what is near a half is rounded one way or the other, and finer grids follow
        assert (np.rint(one) == other.numpy()).mean() > 0.998


@pytest.mark.parametrize("side", [64, 128])
def test_tiles_make_the_latents_of_the_whole(side: int) -> None:
    network, image = analysis.trained(), an_image(421, 275)
    whole, tiled = network(image, 1e-3, np.rint), network(image, 1e-3, np.rint, side=side)
    assert [y.shape for y in tiled] == [y.shape for y in whole]
    for one, other in zip(tiled, whole, strict=True):
        # the order of a sum may change the last bit of a feature, and that, now and then, what a
        # latent of a coarser grid is rounded to
        assert (np.abs(one - other) < 1e-3).mean() > 0.999


def test_no_tile_is_larger_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    most: list[int] = []

    def watched(x: np.ndarray, *given, **options) -> np.ndarray:
        made = convolutions.convolution(x, *given, **options)
        most.extend((x[0].size, made[0].size))
        return made

    monkeypatch.setattr(analysis, "convolution", watched)
    analysis.trained()(an_image(700, 512), 1e-3, np.rint, side=64)
    assert max(most) <= (64 + 2 * 8) ** 2
    most.clear()
    analysis.trained()(an_image(128, 96), 1e-3, np.rint, side=64)
    assert max(most) == 64 * 64  # one tile, of the image padded to whole coarsest symbols


def test_tiles_cover_a_shape_once_and_lie_where_they_say() -> None:
    shape = (70, 130)
    seen = np.zeros(shape)
    for tile in tiles(shape, 32):
        seen[tile[0] : tile[1], tile[2] : tile[3]] += 1
        outer, inner = around(tile, shape, 5)
        corner = outer[0] + inner[0], outer[2] + inner[2]
        assert corner == (tile[0], tile[2])
        assert inner[1] - inner[0] == tile[1] - tile[0]
        assert outer[0] >= 0
        assert outer[1] <= shape[0]
    assert (seen == 1).all()
    assert tiles(shape, 96) == [(0, 70, 0, 130)]
