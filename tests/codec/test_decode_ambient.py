"""No setting of torch or numpy that a caller makes changes a sample, or is changed by a decode."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.codec.format.header import Family
from tests import latent_files, network_files
from tests.conftest import VECTORS
from tests.test_ambient import STATES, _observed, _set
from tests.together import run_in_threads

State = Callable[[], AbstractContextManager[Any]]


def _attribute(module: Any, name: str, value: Any) -> State:
    return lambda: _set(partial(setattr, module, name), value, getattr(module, name))


@contextmanager
def _warnings_raise() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextmanager
def _anomalies() -> Iterator[None]:
    before = torch.is_anomaly_enabled()
    torch.autograd.set_detect_anomaly(True)
    yield
    torch.autograd.set_detect_anomaly(before)


MORE: dict[str, State] = {
    "high": lambda: _set(torch.set_float32_matmul_precision, "high", "highest"),
    "autocast-16": lambda: torch.autocast("cpu", dtype=torch.float16),
    "ignore": lambda: np.errstate(all="ignore"),
    "buffer": lambda: _set(np.setbufsize, 16, np.getbufsize()),
    "not-flushed": lambda: _set(torch.set_flush_denormal, False, False),
    "four-threads": lambda: _set(torch.set_num_threads, 4, 1),
    "warnings": _warnings_raise,
    "anomalies": _anomalies,
    "gradients": lambda: torch.set_grad_enabled(True),
    "half": lambda: _set(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "einsum": _attribute(torch.backends.opt_einsum, "enabled", False),
    "unfilled": _attribute(torch.utils.deterministic, "fill_uninitialized_memory", False),
    "digits": lambda: np.printoptions(precision=1),
}
if hasattr(torch.backends.mkldnn, "matmul"):
    MORE["bf16"] = _attribute(torch.backends.mkldnn.matmul, "fp32_precision", "bf16")
ALL: dict[str, State] = STATES | MORE
EXCLUDED_TOGETHER = {"gradients", "ignore", "not-flushed", "float64", "two-threads", "high"}

NETWORKS = {
    Family.PE_SIREN: (24, 3, 4),
    Family.SIREN: (600, 2),
    Family.NIF: (4, 2, 2, 8, 6, 20, 12),
    Family.FOURIER: (24, 3, 12),
    Family.MFN_GABOR: (24, 3),
    Family.WIRE: (16, 3),
    Family.DINER: (16, 2),
    Family.SPINR: (24, 3, 4),
}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Some vectors, networks wide enough for matrix products, and weights that overflow."""
    made = {path.stem: path.read_bytes() for path in sorted((VECTORS / "valid").glob("*.inr"))[::4]}
    for family, dimensions in NETWORKS.items():
        make = partial(network_files.random_file, family, 72, 64, dimensions, bit_depth=16)
        made[family.label] = make()
        made[f"{family.label}-vast"] = make(spread=1e6)
    made["grids"] = latent_files.random_file(Family.COOLCHIC, 60, 40, 4, bit_depth=16)
    made["grids-vast"] = latent_files.random_file(Family.COOLCHIC_V2, 40, 30, spread=9000.0)
    return made


def _decoded(data: bytes) -> list[np.ndarray]:
    views: list[dict[str, Any]] = [{}, {"scale": 1.7, "bit_depth": 16, "threads": 2}]
    return [inrcodec.decode(data, **view) for view in views]


@pytest.fixture(scope="module")
def expected(files: dict[str, bytes]) -> dict[str, list[np.ndarray]]:
    return {name: _decoded(data) for name, data in files.items()}


def _differing(files: dict[str, bytes], expected: dict[str, list[np.ndarray]]) -> list[str]:
    return [
        name
        for name, data in files.items()
        if not all(map(np.array_equal, _decoded(data), expected[name]))
    ]


@pytest.mark.parametrize("state", ALL)
@pytest.mark.filterwarnings("ignore:The file is cut short")
def test_no_sample_changes(
    files: dict[str, bytes], expected: dict[str, list[np.ndarray]], state: str
) -> None:
    with ALL[state]():
        before = _all_observed(state)
        assert _differing(files, expected) == []
        assert _all_observed(state) == before


def _all_observed(state: str) -> tuple[Any, ...]:
    numpy_has = np.getbufsize(), np.get_printoptions()["precision"]
    if state == "bf16":  # torch's older question for the precision fails after the newer answer
        return *numpy_has, torch.backends.mkldnn.matmul.fp32_precision
    return *numpy_has, *_observed()


def test_no_sample_changes_in_all_states_together(
    files: dict[str, bytes], expected: dict[str, list[np.ndarray]]
) -> None:
    with ExitStack() as stack:
        for state in ALL.keys() - EXCLUDED_TOGETHER:
            stack.enter_context(ALL[state]())
        assert _differing(files, expected) == []


def test_states_of_threads_do_not_meet(
    files: dict[str, bytes], expected: dict[str, list[np.ndarray]]
) -> None:
    """Each thread has a state of its own, and the process one that the first decode sets aside."""
    chosen = {name: files[name] for name in ("fourier", "pe-siren", "wire", "spinr", "grids")}
    states = iter(["no-grad", "autocast", "raise", "inference", "autocast-16", "meta-mode"])

    def work() -> None:
        with ALL[next(states)]():
            for _ in range(3):
                assert _differing(chosen, expected) == []

    with ALL["medium"]():
        before = _observed()
        run_in_threads(work)
        assert _observed() == before


def test_the_states_change_what_torch_computes() -> None:
    a, b = (torch.rand(256, 256, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    exact = a @ b
    with ALL["autocast"]():
        assert (a @ b).dtype == torch.bfloat16
    with ALL["medium"]():
        changed = not torch.equal(a @ b, exact)
    if changed:  # a processor with products of bfloat16
        assert torch.equal(a @ b, exact)
