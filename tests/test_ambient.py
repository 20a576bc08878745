"""What a caller has set torch and numpy to shows in no result, and is as it was afterwards."""

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.metrics import compare
from inrcodec.metrics.quality.inriq import Inriq
from tests.conftest import fewer_steps
from tests.together import run_in_threads


@contextmanager
def _set(setter: Callable[[Any], object], value: Any, before: Any) -> Iterator[None]:
    setter(value)
    try:
        yield
    finally:
        setter(before)


def _mkldnn(enabled: bool) -> None:
    torch.backends.mkldnn.enabled = enabled


STATES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no-grad": torch.no_grad,
    "inference": torch.inference_mode,
    "float64": lambda: _set(torch.set_default_dtype, torch.float64, torch.float32),
    "meta": lambda: _set(torch.set_default_device, "meta", None),
    "meta-mode": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "raise": lambda: np.errstate(all="raise"),
    "deterministic": lambda: _set(torch.use_deterministic_algorithms, True, False),
    "medium": lambda: _set(torch.set_float32_matmul_precision, "medium", "highest"),
    "no-mkldnn": lambda: _set(_mkldnn, False, True),
    "flushed": lambda: _set(torch.set_flush_denormal, True, False),
    "two-threads": lambda: _set(torch.set_num_threads, 2, 1),
}
TOGETHER = ("no-grad", "float64", "meta", "autocast", "raise", "deterministic", "medium")

FEW: dict[str, dict[str, Any]] = {
    "untrained": {"effort": 0},
    "grids": {"effort": 1, "loss": "lcssim"},
    "network": {"model": "pe-siren", "effort": 1},
}
MANY: dict[str, dict[str, Any]] = {
    "sized": {"effort": 0, "psnr": 26.0},
    "damped": {"effort": 1, "robust": "jacobian"},
    "older": {"model": "coolchic-v1", "effort": 1},
    "noisy": {"model": "pe-siren", "effort": 1, "robust": "noise"},
    "neurons": {"model": "siren", "effort": 1, "robust": "neurons"},
    "wavelets": {"model": "wire", "effort": 1},
    "information": {"model": "fourier", "effort": 1, "loss": "iem"},
}
SLOW = ("older", "noisy", "neurons", "wavelets")


def _observed() -> tuple[Any, ...]:
    """All that a caller may have set, or drawn from."""
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_autocast_enabled("cpu"),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.mkldnn.enabled,
        torch.get_float32_matmul_precision(),
        tuple(sorted(np.geterr().items())),
        tuple(warnings.filters),
        bytes(torch.get_rng_state().numpy()),
        repr(np.random.get_state()),  # noqa: NPY002
        random.getstate(),
    )


def _encoded(picture: np.ndarray, options: dict[str, Any]) -> bytes:
    outside = _observed()
    job = inrcodec.encoding(picture, threads=1, **options)
    for _ in job:
        assert _observed() == outside
    data = job.finish()
    assert _observed() == outside
    return data


@pytest.fixture(scope="module", autouse=True)
def short_fits() -> Iterator[None]:
    with fewer_steps():
        yield


@pytest.fixture(scope="module")
def patch(photo: np.ndarray) -> np.ndarray:
    """(16, 16, 4) uint8."""
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    return np.concatenate([photo[:16, :16], alpha], 2)


@pytest.fixture(scope="module")
def expected(patch: np.ndarray) -> dict[str, bytes]:
    return {name: _encoded(patch[..., :3], options) for name, options in FEW.items()}


@pytest.mark.parametrize("state", STATES)
def test_an_encode_is_the_same_in_every_state(
    patch: np.ndarray, expected: dict[str, bytes], state: str
) -> None:
    with STATES[state]():
        made = {name: _encoded(patch[..., :3], options) for name, options in FEW.items()}
    assert [name for name in made if made[name] != expected[name]] == []


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in MANY]
)
def test_every_kind_of_encode_is_the_same_in_all_states_together(
    patch: np.ndarray, name: str
) -> None:
    expected = _encoded(patch, MANY[name])
    with ExitStack() as stack:
        for state in TOGETHER:
            stack.enter_context(STATES[state]())
        assert _encoded(patch, MANY[name]) == expected


@pytest.fixture(scope="module")
def scores(photo: np.ndarray) -> dict[str, float]:
    return _scores(photo)


def _scores(photo: np.ndarray) -> dict[str, float]:
    photo = photo[:32, :48]
    other = photo // 2 + 60
    names = ("psnr", "ssim", "iem", "iem-gaussian", "ssimulacra2", "butteraugli-3norm", "flip")
    names += ("fsim", "gmsd", "haarpsi")
    tensors = [torch.from_numpy(x / np.float32(255)).permute(2, 0, 1) for x in (photo, other)]
    large = [np.kron(x, np.ones((6, 4, 1), np.uint8)) for x in (photo, other)]
    found = compare(photo, other, names) | compare(*large, ["ms-ssim", "ms-ssim-db", "vif"])
    found |= {f"{name}-float": value for name, value in compare(*tensors, names).items()}
    small = Inriq(photo, steps=20)
    return found | {"inriq": float(small(other)), "fit": small.fit_psnr}


@pytest.mark.parametrize("state", STATES)
def test_a_metric_is_the_same_in_every_state(
    photo: np.ndarray, scores: dict[str, float], state: str
) -> None:
    with STATES[state]():
        before = _observed()
        found = _scores(photo)
        assert _observed() == before
    if state == "two-threads":  # sums may be added up in another order
        assert found == pytest.approx(scores, rel=1e-9, abs=1e-12)
    else:
        assert found == scores


def test_threads_that_encode_at_once_leave_every_setting(patch: np.ndarray) -> None:
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("medium")
    try:
        before = _observed()
        seen: list[tuple[Any, ...]] = []

        def work() -> None:
            mine = _observed()
            for _ in range(4):
                inrcodec.encode(patch, effort=0, threads=1)
            seen.append((mine, _observed()))

        run_in_threads(work, threads=8)
        assert _observed() == before
        assert [after for _, after in seen] == [mine for mine, _ in seen]
        fresh: list[tuple[Any, ...]] = []
        run_in_threads(lambda: fresh.append(_observed()), threads=1)
        assert fresh == [before]
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.set_num_threads(1)


def test_a_loop_that_is_left_leaves_no_setting(patch: np.ndarray) -> None:
    with torch.no_grad(), torch.autocast("cpu"), np.errstate(all="raise"):
        before = _observed()
        next(iter(inrcodec.encoding(patch, effort=2)))
        assert _observed() == before
