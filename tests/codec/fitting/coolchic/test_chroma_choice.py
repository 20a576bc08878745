"""Fine chroma grids are left out where a fit makes up for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from inrcodec.codec.coolchic.model import CoolChic, grids_model
from inrcodec.codec.fitting.coolchic.chroma_choice import left_out, without
from inrcodec.codec.fitting.coolchic.schedule import rates_for
from inrcodec.codec.format.header import Family


@pytest.fixture
def model() -> CoolChic:
    return grids_model(Family.COOLCHIC, 64, 48)


def chroma(model: CoolChic, *levels: int) -> set[int]:
    return {g for g in range(model.levels, len(model.grids)) if model.grid_levels[g] in levels}


def cost_of(worth: dict[int, float], model: CoolChic):  # type: ignore[no-untyped-def]
    """A cost of 1, and what each level of chroma grids is worth that has only zeros."""

    def cost(latents: Sequence[np.ndarray]) -> float:
        empty = {
            level for level in worth if not any(latents[g].any() for g in chroma(model, level))
        }
        return 1 + sum(worth[level] for level in empty)

    return cost


@pytest.mark.parametrize(
    ("worth", "regained", "levels"),
    [
        ({1: 0.02, 2: 0.02}, 0.05, (1, 2)),
        ({1: 0.02, 2: 0.04}, 0.05, (1,)),
        ({1: 0.06, 2: 0.0}, 0.05, ()),  # never a coarse one before a finer one
        ({1: -0.01, 2: 0.0}, 0.0, ()),  # does not ask
    ],
)
def test_levels_are_left_out_from_the_finest_on(
    model: CoolChic, worth: dict[int, float], regained: float, levels: tuple[int, ...]
) -> None:
    latents = [np.ones(shape, np.float32) for shape in model.grids]
    found = left_out(model, latents, cost_of(worth, model), regained)
    assert found == chroma(model, *levels)


def test_those_without_a_symbol_are_left_out_in_any_case(model: CoolChic) -> None:
    latents = [np.full(shape, 0.4, np.float32) for shape in model.grids]
    assert left_out(model, latents, cost_of({}, model), 0.0) == chroma(model, 1, 2)


def test_without_leaves_the_given_latents_as_they_are(model: CoolChic) -> None:
    latents = [np.ones(shape, np.float32) for shape in model.grids]
    found = without(latents, {8})
    assert not found[8].any()
    assert latents[8].all()
    assert all(found[g] is latents[g] for g in range(8))


def test_longer_fits_make_up_for_more() -> None:
    shares = [rates_for(steps, 1e-3).regained for steps in (50, 100, 200, 600, 10000)]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert 0.05 < shares[3] < 0.15
