"""The compiled step against its twin in torch, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inrcodec.codec import native
from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.features import COMPLEXITIES
from inrcodec.codec.coolchic.model import CoolChic, grids_model
from inrcodec.codec.fitting.coolchic import compiled_step, forward, initialisation
from inrcodec.codec.fitting.coolchic.compiled_part import Part, Rooms
from inrcodec.codec.fitting.coolchic.compiled_step import CompiledStep
from inrcodec.codec.fitting.coolchic.synthesis import soft_round
from inrcodec.codec.format.header import Family
from inrcodec.codec.native import pool

pytestmark = pytest.mark.skipif(native.library() is None, reason="installed without kernels")

BITS_WORTH = 3e-3


def parts(model: CoolChic) -> tuple[dict[str, np.ndarray], list[np.ndarray], np.ndarray]:
    """Parameters near a trained initialisation, latents, and a gradient by colours."""
    random = np.random.default_rng(7)
    target = np.random.default_rng(1).random((3, model.height, model.width), np.float32)
    values, _ = initialisation.trained(model, target, 20, 1e-3)
    values = {
        name: (value + 0.02 * random.standard_normal(value.shape)).astype(np.float32)
        for name, value in values.items()
    }
    latents = [random.normal(0, 2, shape).astype(np.float32) for shape in model.grids]
    return values, latents, random.normal(0, 1, (3, model.height, model.width)).astype(np.float32)


@pytest.mark.parametrize("size", [(96, 70), (33, 65), (5, 3)])
@pytest.mark.parametrize("tier", ["high", "low"])
@pytest.mark.parametrize("left_out", [(), (7, 13)])
@pytest.mark.parametrize("threads", [1, 3])
def test_it_does_what_torch_does(
    size: tuple[int, int], tier: str, left_out: tuple[int, ...], threads: int
) -> None:
    model = grids_model(Family.COOLCHIC, *size, **COMPLEXITIES[tier])
    values, latents, by_colours = parts(model)
    for grid in left_out:
        latents[grid][:] = 0
    pool.THREADS.count, pool.THREADS.smallest_band = threads, 100
    step = CompiledStep(Part.of(model, windows.whole(model)), left_out, Rooms())
    for _ in range(2):  # nothing is left of the step before
        step.soften(latents, 0.3, 0.0, range(len(latents)))
        bits = step.bits(values)
        made = step.colours(values).copy()
        step.back(values, by_colours, BITS_WORTH)

    leaves = [torch.tensor(y, dtype=torch.float64, requires_grad=True) for y in latents]
    parameters = {
        name: torch.tensor(v, dtype=torch.float64, requires_grad=True) for name, v in values.items()
    }
    twice = [soft_round(soft_round(y, 0.3), 0.3) for y in leaves]
    soft = [y if g in left_out else twice[g] for g, y in enumerate(leaves)]
    window = windows.whole(model)
    wanted_bits = forward.bits(model, parameters, soft, window, left_out)
    wanted = forward.colours(model, parameters, soft, window)
    (BITS_WORTH * wanted_bits + (wanted * torch.tensor(by_colours)).sum()).backward()
    assert bits == pytest.approx(float(wanted_bits.detach()), rel=1e-5)
    assert np.abs(made - wanted.detach().numpy()).max() < 1e-4
    for grid, leaf in enumerate(leaves):
        if grid not in left_out:
            close(step.by_latents[grid], leaf.grad)
    for name, tensor in parameters.items():
        close(step.by_parameters[name], torch.zeros(()) if tensor.grad is None else tensor.grad)


def close(ours: np.ndarray, wanted: torch.Tensor | None) -> None:
    """Within a few roundings of the norm."""
    assert wanted is not None
    exact = wanted.numpy()
    assert np.linalg.norm(ours - exact) < 5e-5 * max(1e-3, float(np.linalg.norm(exact)))


def test_hard_rounding() -> None:
    model = grids_model(Family.COOLCHIC, 40, 24, **COMPLEXITIES["medium"])
    values, latents, by_colours = parts(model)
    step = CompiledStep(Part.of(model, windows.whole(model)), (), Rooms())
    step.rounded(latents)
    step.bits(values)
    made = step.colours(values).copy()
    step.back(values, by_colours, BITS_WORTH)
    soft = [torch.round(torch.tensor(y)) for y in latents]
    parameters = {name: torch.tensor(v) for name, v in values.items()}
    wanted = forward.colours(model, parameters, soft, windows.whole(model))
    assert np.abs(made - wanted.numpy()).max() < 1e-4


def test_squared_error() -> None:
    made, target = np.full((3, 2, 2), 0.5, np.float32), np.zeros((3, 2, 2), np.float32)
    error, gradient = compiled_step.squared_error(made, target, 6.0)
    assert error == pytest.approx(0.25)
    assert gradient == pytest.approx(np.full((3, 2, 2), 0.5))


def test_whom_it_serves() -> None:
    assert compiled_step.serves(grids_model(Family.COOLCHIC, 40, 24))
    assert not compiled_step.serves(grids_model(Family.COOLCHIC_V2, 40, 24))
    assert not compiled_step.serves(
        grids_model(Family.COOLCHIC, 40, 24, synthesis_width=64, levels=1)
    )
