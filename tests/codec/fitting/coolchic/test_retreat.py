"""Going back to the best state of a long fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import inrcodec
from inrcodec.codec.fitting.coolchic import encoder, fit
from inrcodec.codec.fitting.coolchic.noise_control import NoiseControl
from inrcodec.codec.fitting.coolchic.retreat import Move, Retreat
from inrcodec.codec.fitting.coolchic.schedule import SCHEDULE, rates_for

LOOKS = replace(SCHEDULE, retreat_steps=10, retreat_every=5)


def test_a_short_fit_never_looks() -> None:
    assert not Retreat(999, SCHEDULE).wants(500, 0.5)
    assert Retreat(1000, SCHEDULE).wants(500, 0.5)


def test_it_looks_now_and_then_and_once_when_latents_are_rounded_for_good() -> None:
    retreat = Retreat(10, LOOKS)
    assert not retreat.wants(5, 0.05)
    assert not retreat.wants(6, 0.5)
    assert retreat.wants(5, 0.5)
    assert retreat.wants(7, 0.96)
    retreat.saw(0.96, 1.0, 1e-3)
    assert not retreat.wants(8, 0.97)


def test_it_goes_back_where_the_cost_is_too_high() -> None:
    retreat = Retreat(10, LOOKS)
    moves = [retreat.saw(0.5, cost, 1e-3) for cost in (1.0, 1.03, 1.05, 0.9)]
    assert moves == [Move.KEEP, Move.GO_ON, Move.GO_BACK, Move.KEEP]
    assert retreat.saw(0.95, 0.91, 1e-3) is Move.GO_BACK  # a fit ends with the best there was


def test_costs_under_another_lambda_are_no_match() -> None:
    retreat = Retreat(10, LOOKS)
    moves = [retreat.saw(0.5, *given) for given in ((1.0, 1e-3), (2.0, 2e-3), (2.2, 2e-3))]
    assert moves == [Move.KEEP, Move.KEEP, Move.GO_BACK]


def test_a_fit_that_went_astray_has_more_noise() -> None:
    control = NoiseControl(rates_for(2000, 1e-3), SCHEDULE)
    before = control.at(0.5).deviation
    control.raised()
    assert control.at(0.5).deviation == pytest.approx(1.4 * before)
    control.saw(0.5, 1.0, 1.0)  # no gap: as little noise as there may be
    assert control.at(0.5).deviation == pytest.approx(1.4 * before)


def test_a_fit_that_is_led_astray_comes_back(
    photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Latents are thrown about in the middle of a fit, as if it had gone astray there."""
    costs = {}
    step = fit.GridFit._train
    for name, first in (("with", 40), ("without", 10**6)):

        def train(self: fit.GridFit, share: float) -> tuple[float, float, float]:
            if self.step == 60:
                for y in self.latents:
                    y += np.random.default_rng(0).normal(0, 1, y.shape).astype(np.float32)
            return step(self, share)

        monkeypatch.setattr(fit.GridFit, "_train", train)
        schedule = replace(
            SCHEDULE, effort_steps=(80,) * 10, small_pixels=1, retreat_steps=first, retreat_every=10
        )
        monkeypatch.setitem(encoder.GridEncoding.__init__.__kwdefaults__, "schedule", schedule)
        data = inrcodec.encode(photo, lmbda=2e-3, effort=1)
        error = np.mean((inrcodec.decode(data) / 255 - photo / 255) ** 2)
        costs[name] = error + 2e-3 * 8 * len(data) / photo[..., 0].size
    assert costs["with"] < 0.8 * costs["without"]
