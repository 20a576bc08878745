"""Rate and colours of whole pictures and windows, and the exact integer coder beside them."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from inrcodec.codec import native
from inrcodec.codec.coolchic import colours, windows
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.entropy import arm
from inrcodec.codec.entropy.waves import cost_bits
from inrcodec.codec.fitting.coolchic import forward, tiled_network
from tests.latent_files import coolchic, coolchic_v1, coolchic_v2

BUILDERS = [coolchic_v1, coolchic_v2, coolchic]


@pytest.fixture(autouse=True)
def small_tiles() -> Iterator[None]:
    torch.manual_seed(1)
    with tiled_network.tiles_of(700):
        yield


def random_state(model: CoolChic, integers: bool = False) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Parameters as multiples of 2^-8 and latents, both float64."""
    parameters = {
        name: (torch.randn(shape, dtype=torch.float64) * 40 / shape[-1] ** 0.5).round() / 256
        for name, shape in model.shapes.items()
    }
    latents = [torch.randn(shape, dtype=torch.float64) * 3 for shape in model.grids]
    return parameters, [grid.round() for grid in latents] if integers else latents


def with_gradients(values: list[Tensor]) -> list[Tensor]:
    return [value.clone().requires_grad_() for value in values]


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("size", [(1, 1), (130, 67), (200, 64), (63, 193)])
def test_windows_agree_with_the_whole_picture(builder, size) -> None:  # type: ignore[no-untyped-def]
    model = builder(*size)
    parameters, latents = random_state(model)
    names = list(parameters)
    results = []
    weights = torch.randn(3, model.height, model.width, dtype=torch.float64)
    for side in (4096, 64):
        leaves = with_gradients([*parameters.values(), *latents])
        network_tensors = dict(zip(names, leaves, strict=False))
        own = leaves[len(names) :]
        rate, picture = torch.zeros((), dtype=torch.float64), torch.zeros_like(weights)
        for window in windows.windows(model, side):
            top, bottom, left, right = window
            rate = rate + forward.bits(model, network_tensors, own, window)
            part = forward.colours(model, network_tensors, own, window)
            assert part.shape == (3, bottom - top, right - left)
            picture[:, top:bottom, left:right] = part
        total = rate / 1000 + (picture * weights).sum()
        gradients = torch.autograd.grad(total, leaves, allow_unused=True)
        results.append([rate, picture, *(0 if g is None else g for g in gradients)])
    for whole, tiled in zip(*results, strict=True):
        torch.testing.assert_close(whole, tiled, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("size", [(1, 1), (130, 67), (63, 193)])
@pytest.mark.parametrize("level", [None, *filter(native.load, native.LEVELS)])
def test_a_decoder_without_torch_makes_the_same_colours(builder, size, level, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    model = builder(*size)
    parameters, latents = random_state(model, integers=True)
    wanted = forward.colours(model, parameters, latents, windows.whole(model)).detach()
    monkeypatch.setattr(native, "library", lambda: native.load(level) if level else None)
    arrays = {name: value.detach().float().numpy() for name, value in parameters.items()}
    symbols = [y.detach().numpy().astype(np.int32) for y in latents]
    scale = float(wanted.abs().max())
    for window in (windows.whole(model), *windows.windows(model, 64)):
        top, bottom, left, right = window
        made = colours.colours(model, arrays, symbols, window)
        assert made.dtype == np.float32
        assert np.abs(made - wanted[:, top:bottom, left:right].numpy()).max() < 1e-4 * scale


@pytest.mark.parametrize("size", [(1, 1), (8, 6), (37, 21), (64, 128)])
def test_the_rate_is_that_of_the_integer_coder(size: tuple[int, int]) -> None:
    for builder in BUILDERS:
        model = builder(*size, levels=4)
        parameters, latents = random_state(model, integers=True)
        integer_arm = model.integer_arm({name: t.numpy() for name, t in parameters.items()})
        symbols = [grid.numpy().astype(np.int32) for grid in latents]
        exact = 0.0
        for grid, (rows, columns) in enumerate(model.grids):
            sides = None
            if model.features.chroma:
                parent = model.parent(grid)
                coarser = None if parent is None else symbols[parent]
                companions = [
                    np.zeros((rows, columns), np.int32) if i is None else symbols[i]
                    for i in model.companions(grid)
                ]
                sides = np.concatenate([arm.parent_maps(coarser, rows, columns), companions])
            exact += cost_bits(symbols[grid], sides, integer_arm, grid)
        rate = float(forward.bits(model, parameters, latents, windows.whole(model)))
        assert rate == pytest.approx(exact, rel=0.01, abs=2)


def test_an_area_beyond_a_grid_is_zeros() -> None:
    grid = torch.arange(1.0, 7).view(2, 3)
    area = forward.crop(grid, (-1, 3, -2, 4))
    assert area.shape == (4, 6)
    assert torch.equal(area[1:3, 2:5], grid)
    assert area.sum() == grid.sum()
    assert forward.crop(grid, (5, 7, 0, 2)).abs().sum() == 0


@pytest.mark.parametrize("size", [(1, 1), (65, 64), (1000, 3)])
def test_windows_tile_every_grid(size: tuple[int, int]) -> None:
    model = coolchic(*size)
    for number, shape in enumerate(model.grids):
        seen = np.zeros(shape, int)
        for window in windows.windows(model, 64):
            top, bottom, left, right = windows.owned(model, window, number)
            seen[top:bottom, left:right] += 1
        assert (seen == 1).all()
