"""The two backends agree: gradients of a step, whatever the loss, rates and colours."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from inrcodec.codec import native
from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.model import grids_model
from inrcodec.codec.fitting.coolchic import initialisation
from inrcodec.codec.fitting.coolchic.backend import empty
from inrcodec.codec.fitting.coolchic.backends import backend_of
from inrcodec.codec.fitting.coolchic.compiled_backend import CompiledBackend
from inrcodec.codec.fitting.coolchic.compiled_part import Part
from inrcodec.codec.fitting.coolchic.schedule import Rounding
from inrcodec.codec.fitting.coolchic.step import Cost, Situation
from inrcodec.codec.fitting.coolchic.torch_backend import TorchBackend
from inrcodec.codec.fitting.losses import LOSSES, Distortion, loss_of
from inrcodec.codec.fitting.robust_options import Robust
from inrcodec.codec.format.header import Family
from inrcodec.codec.native import pool
from inrcodec.errors import MissingExtraError

pytestmark = pytest.mark.skipif(native.library() is None, reason="installed without kernels")

MODEL = grids_model(Family.COOLCHIC, 80, 64)
LMBDA = 2e-3


def a_target() -> np.ndarray:
    return np.random.default_rng(3).random((3, MODEL.height, MODEL.width), np.float32)


def distortion_of(case: str, target: np.ndarray) -> Distortion:
    if case == "bounded":
        return Distortion(LOSSES["mse"], target * np.float32(1.4) - np.float32(0.2))
    random = np.random.default_rng(4)
    shown = random.random((1, *target.shape[1:]), np.float32) if case == "shown" else None
    loss = LOSSES["mse"] if case in ("mse", "shown") else loss_of(case)
    return Distortion(loss, target, shown)


@pytest.mark.parametrize("case", ["mse", "l1", "logcosh", "lcssim", "shown", "bounded"])
@pytest.mark.parametrize("rounding", [Rounding(0.3, 0.15), None])
def test_both_ways_agree(case: str, rounding: Rounding | None) -> None:
    target = a_target()
    distortion = distortion_of(case, target)
    values, latents = initialisation.trained(MODEL, target, 20, LMBDA)
    latents[13].fill(0)
    here = Situation(values, latents, windows.whole(MODEL), rounding, LMBDA, distortion)
    ours, theirs = (
        backend.gradients(MODEL, (13,), np.random.default_rng(5))(here)
        for backend in (CompiledBackend(), TorchBackend())
    )
    alike(ours, theirs)


def alike(ours: Cost, theirs: Cost) -> None:
    assert ours[:3] == pytest.approx(theirs[:3], rel=1e-4)
    assert [g is None for g in ours.by_latents] == [g is None for g in theirs.by_latents]
    for one, other in zip(ours.by_latents, theirs.by_latents, strict=True):
        if one is not None and other is not None:
            assert np.linalg.norm(one - other) <= 1e-3 * np.linalg.norm(other)
    assert ours.by_parameters.keys() == theirs.by_parameters.keys() == MODEL.shapes.keys()
    for name, gradient in ours.by_parameters.items():
        wanted = theirs.by_parameters[name]
        assert gradient.shape == wanted.shape == MODEL.shapes[name]
        difference = np.linalg.norm(gradient - wanted)
        assert difference <= 1e-3 * np.linalg.norm(wanted) + 1e-7, name


@pytest.mark.parametrize("case", ["mse", "lcssim", "shown"])
@pytest.mark.parametrize("rounding", [Rounding(0.3, 0.15), None])
@pytest.mark.parametrize("threads", [1, 3])
def test_both_ways_agree_on_windows(case: str, rounding: Rounding | None, threads: int) -> None:
    """One after the other, as a fit has them: within the image, at its borders, of other sizes."""
    model = grids_model(Family.COOLCHIC, 309, 261)
    target = np.random.default_rng(3).random((3, model.height, model.width), np.float32)
    distortion = distortion_of(case, target)
    values, latents = initialisation.trained(model, target, 20, LMBDA)
    latents[13].fill(0)
    ways = [
        backend.gradients(model, (13,), np.random.default_rng(5))
        for backend in (CompiledBackend(), TorchBackend())
    ]
    pool.THREADS.count, pool.THREADS.smallest_band = threads, 100
    for window in (
        (64, 192, 128, 256),
        (0, 128, 0, 64),
        (128, 261, 192, 309),
        (0, 64, 64, 309),
        (64, 261, 0, 128),
        (64, 192, 128, 256),
    ):
        here = Situation(values, latents, window, rounding, LMBDA, distortion)
        ours, theirs = (way(here) for way in ways)
        alike(ours, theirs)
        sizes = [y.shape for y in ours.by_latents if y is not None]
        assert not sizes or sizes[0] == (window[1] - window[0], window[3] - window[2])


@pytest.mark.parametrize("family", [Family.COOLCHIC_V1, Family.COOLCHIC_V2, Family.COOLCHIC])
def test_colours_reach_no_further_than_is_kept_around_a_window(family: Family) -> None:
    model = grids_model(family, 4000, 3000)
    for window in ((64, 1088, 128, 1152), (1088, 2112, 64, 128), (2112, 3000, 3136, 4000)):
        reach = [n for around in Part.of(model, window).around for n in around]
        assert 0 <= min(reach) <= max(reach) <= windows.REACH


@pytest.mark.parametrize("window", [(0, 64, 0, 80), (0, 64, 64, 80)])
def test_both_count_and_show_the_same(window: tuple[int, int, int, int]) -> None:
    values, latents = initialisation.trained(MODEL, a_target(), 20, LMBDA)
    grids = [np.rint(y).astype(np.int32) for y in latents]
    grids[3].fill(0)
    backends = CompiledBackend(), TorchBackend()
    bits = [b.bits(MODEL, values, grids, window, empty(grids)) for b in backends]
    assert bits[0] == pytest.approx(bits[1], rel=1e-5)
    assert bits[0] < backends[0].bits(MODEL, values, grids, window)
    ours, theirs = (b.colours(MODEL, values, grids, window) for b in backends)
    assert ours.shape == (3, window[1] - window[0], window[3] - window[2])
    assert np.abs(ours - theirs).max() < 1e-5


def test_who_takes_which_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(backend_of(MODEL), CompiledBackend)
    assert isinstance(backend_of(MODEL, robust=Robust("noise", 1e-3)), TorchBackend)
    other = grids_model(Family.COOLCHIC_V2, 80, 64)
    assert isinstance(backend_of(other), TorchBackend)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert isinstance(backend_of(MODEL), CompiledBackend)
    with pytest.raises(MissingExtraError, match="this fit needs torch"):
        backend_of(other)


def test_a_loss_that_is_not_finite_is_told() -> None:
    target = a_target()
    values, latents = initialisation.trained(MODEL, target, 20, LMBDA)
    distortion = Distortion(LOSSES["mse"], target * np.float32(np.nan))
    here = Situation(values, latents, windows.whole(MODEL), None, LMBDA, distortion)
    cost = CompiledBackend().gradients(MODEL, (), np.random.default_rng(0))(here)
    assert not np.isfinite(cost.distortion)
