"""The compiled kernels, every level of them that this machine runs, against torch in float64."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from inrcodec.codec import bridge, native
from inrcodec.codec.coolchic.neighbours import MARGIN, NEIGHBOURS
from inrcodec.codec.fitting import similarity
from inrcodec.codec.fitting.coolchic import synthesis
from inrcodec.codec.fitting.coolchic.rate import context_bits
from inrcodec.codec.fitting.coolchic.upsampling import upsample_below
from inrcodec.codec.fitting.rmsprop import rms_step
from inrcodec.codec.native import latents as latent_kernels
from inrcodec.codec.native import pictures, pool
from inrcodec.errors import StaleKernelsWarning

LEVELS = [level for level in native.LEVELS if native.load(level)]
SHAPES = [(1, 1), (1, 9), (9, 1), (2, 3), (40, 51), (130, 150)]

pytestmark = pytest.mark.skipif(not LEVELS, reason="installed without compiled kernels")


@pytest.fixture(autouse=True, params=[(level, n) for level in LEVELS for n in (1, 2)])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    level, count = request.param
    monkeypatch.setattr(native, "library", lambda: native.load(level))
    torch.manual_seed(0)
    with pool.kernel_threads(count, smallest_band=500):
        yield


def random(*shape: int, scale: float = 1.0) -> Tensor:
    return torch.randn(*shape) * scale


def network(widths: Sequence[int], linear: bool) -> list[Tensor]:
    result = []
    for inputs, outputs in pairwise(widths):
        result += [random(outputs, inputs, scale=0.5 * inputs**-0.5), random(outputs)]
    return [*result, random(widths[-1], widths[0], scale=0.1)] if linear else result


def agree(function: Callable[..., Tensor], arguments: Sequence[Tensor | None]) -> None:
    """Values and all gradients in float32, where the kernels serve, and in float64, where not."""
    results = []
    for dtype in (torch.float32, torch.float64):
        inputs = [None if a is None else a.to(dtype).requires_grad_() for a in arguments]
        value = function(*inputs)
        torch.manual_seed(1)
        weights = torch.randn(value.shape).to(dtype)
        leaves = [a for a in inputs if a is not None]
        gradients = torch.autograd.grad((value * weights).sum(), leaves)
        results.append([value, *gradients])
    for fast, exact in zip(*results, strict=True):
        error = (fast.double() - exact).norm() / exact.norm().clamp_min(1e-6)
        assert error < 2e-5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sides", ["none", "zero", "parents", "all"])
@pytest.mark.parametrize("widths", [(24, 24), (8,), (6, 7, 5)])
def test_context_bits(shape: tuple[int, int], sides: str, widths: tuple[int, ...]) -> None:
    rows, columns = shape
    offsets = NEIGHBOURS[16]
    count = 0 if sides == "none" else 2
    inputs = len(offsets) + (0 if sides == "none" else 6)
    padded = random(rows + MARGIN, columns + 2 * MARGIN, scale=3)
    coarser = random((rows + 1) // 2 + 2, (columns + 1) // 2 + 2)
    beside = [random(rows, columns) if sides == "all" else None for _ in range(count)]
    tensors = network((inputs, *widths, 2), linear=True)

    def bits(padded: Tensor, coarser: Tensor | None, *rest: Tensor) -> Tensor:
        return context_bits(padded, offsets, rest[count:], coarser, rest[:count])

    agree(bits, [padded, coarser if sides in ("parents", "all") else None, *beside, *tensors])


@pytest.mark.parametrize("widths", [(9, 32, 3), (7, 40, 3), (5, 12, 13, 3), (1, 1, 1), (64, 64, 3)])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("count", [1, 127, 128, 2000])
def test_pixel_network(widths: tuple[int, ...], linear: bool, count: int) -> None:
    def run(x: Tensor, *tensors: Tensor) -> Tensor:
        return synthesis.pixel_network(x, tensors)

    agree(run, [random(widths[0], count), *network(widths, linear)])


@pytest.mark.parametrize("shape", SHAPES)
def test_residual_convolution(shape: tuple[int, int]) -> None:
    agree(synthesis.residual_convolution, [random(3, *shape), random(3, 3, 3, 3), random(3)])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("channels", "outputs", "span"), [(5, 7, 3), (12, 32, 3), (3, 9, 1)])
@pytest.mark.parametrize("rectified", [True, False])
def test_convolution(
    shape: tuple[int, int], channels: int, outputs: int, span: int, rectified: bool
) -> None:
    x, added = random(channels, *shape), random(outputs, *shape)
    weight, bias = random(outputs, channels, span, span), random(outputs)
    given = [t.numpy() for t in (x, weight, bias, added)]
    fast = pictures.convolution(*given, rectified=rectified)
    exact = [t.double() for t in (x[None], weight, bias)]
    bare = torch.nn.functional.conv2d(*exact, padding=span // 2)[0]
    wanted = (bare + added).relu() if rectified else bare + added
    assert np.abs(fast - wanted.numpy()).max() < 1e-4
    assert np.abs(pictures.convolution(*given[:3]) - bare.numpy()).max() < 1e-4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_upsample_below(shape: tuple[int, int], cut: int) -> None:
    rows, columns = (max(1, 2 * side - cut) for side in shape)
    corner = (min(cut, 2 * shape[0] - rows), min(cut, 2 * shape[1] - columns))

    def run(finest: Tensor, coarser: Tensor, taps: Tensor) -> Tensor:
        return upsample_below(finest, coarser, taps, corner)

    agree(run, [random(rows, columns), random(3, *shape), random(4)])


@pytest.mark.parametrize("shape", SHAPES)
def test_upsample_shared(shape: tuple[int, int]) -> None:
    agree(synthesis.upsample_shared, [random(3, *shape), random(8, 8)])


@pytest.mark.parametrize("temperature", [0.3, 0.1])
@pytest.mark.parametrize("count", [1, 15, 5000])
def test_soft_rounding(temperature: float, count: int) -> None:
    def run(x: Tensor) -> Tensor:
        return synthesis.noisy_soft_round(x, temperature, 0.0, 7)

    agree(run, [random(1, count, scale=20) // 0.07 * 0.07 + 0.01])


def test_noise_is_white_and_nearly_normal_whatever_the_threads() -> None:
    def noise(seed: int) -> np.ndarray:
        return latent_kernels.soften(np.zeros((200, 1000), np.float32), 1e4, 1.0, seed)[0].ravel()

    one, other = noise(1), noise(2)
    for values in (one, other):
        assert abs(values.mean()) < 0.01
        assert abs(values.std() - 1) < 0.01
        assert abs((values**4).mean() - 2.7) < 0.05  # 3 - 6/5 / 4; normal is 3
        assert abs((values[1:] * values[:-1]).mean()) < 0.01
        assert abs((values[768:] * values[:-768]).mean()) < 0.01
    assert abs((one * other).mean()) < 0.01
    pool.THREADS.count = 3
    assert (noise(1) == one).all()


@pytest.mark.parametrize("damping", [0.0, 2.0])
@pytest.mark.parametrize("area", [(slice(0, 40), slice(0, 51)), (slice(3, 9), slice(2, 50))])
def test_rms_step(damping: float, area: tuple[slice, slice]) -> None:
    squares, latents = random(40, 51).square(), random(40, 51)
    gradient = random(*latents[area].shape)
    state = [squares.numpy().copy(), latents.numpy().copy()]
    given = gradient.numpy(), *(array[area] for array in state)
    rms_step(*given, rate=0.1, damping=damping)
    mean = 0.99 * squares[area] + 0.01 * gradient.square()
    root = (mean.sqrt() + damping * mean.sqrt().mean()) / (1 + damping) + 1e-15
    squares[area], latents[area] = mean, latents[area] - 0.1 * gradient / root
    for fast, exact in zip(state, (squares, latents), strict=True):
        assert np.abs(fast - exact.numpy()).max() < 1e-5


def test_a_wide_and_a_far_distribution_keep_their_precision() -> None:
    def bits(padded: Tensor, *tensors: Tensor) -> Tensor:
        return context_bits(padded, NEIGHBOURS[8], tensors)

    for value, log_scale in [(0.0, 11.8), (3000.0, 11.8), (0.4, -4.0), (9.0, -3.0), (2.0, 15.0)]:
        tensors = [torch.zeros(4, 8), torch.ones(4), torch.zeros(2, 4)]
        padded = torch.zeros(1 + MARGIN, 1 + 2 * MARGIN)
        padded[MARGIN, MARGIN] = value
        agree(bits, [padded, *tensors, torch.tensor([0.0, log_scale])])


def test_networks_beyond_the_limits_are_left_to_torch() -> None:
    assert bridge.takes_network(network((9, 32, 3), True))
    assert not bridge.takes_network(network((9, 65, 3), True))
    assert not bridge.takes_network(network((9, 8, 8, 8, 8, 8, 3), True))
    assert not bridge.takes_network([t.double() for t in network((9, 32, 3), True)])


def test_kernels_of_another_source_are_refused(tmp_path: Path) -> None:
    sources = shutil.copytree(native.SOURCES, tmp_path / "src")
    assert native.load(LEVELS[0], sources) is not None
    for name in ("waves.c", "vectors.h"):  # one source, one header
        original = (sources / name).read_bytes()
        (sources / name).write_bytes(original + b"\n")
        with pytest.warns(StaleKernelsWarning, match="install the package again"):
            assert native.load(LEVELS[0], sources) is None
        (sources / name).write_bytes(original)
    assert native.load(LEVELS[0], sources) is not None


def test_libraries_that_do_not_tell_their_source_or_are_none_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.environ.get(native.ELSEWHERE) or native.FOLDER)
    probe, name = folder / "probe.so", f"kernels_{LEVELS[0]}.so"
    for case in ("silent", "broken"):  # another path: a library stays loaded under its name
        (tmp_path / case).mkdir()
        if probe.exists():
            shutil.copy(probe, tmp_path / case)
    monkeypatch.setenv(native.ELSEWHERE, str(tmp_path / "silent"))
    if probe.exists():
        shutil.copy(probe, tmp_path / "silent" / name)
        with pytest.warns(StaleKernelsWarning, match="install the package again"):
            assert native.load(LEVELS[0]) is None
    monkeypatch.setenv(native.ELSEWHERE, str(tmp_path / "broken"))
    assert native.load(LEVELS[0]) is None
    (tmp_path / "broken" / name).write_bytes(b"not a library")
    assert native.load(LEVELS[0]) is None


@pytest.mark.parametrize("luminance", [True, False])
@pytest.mark.parametrize("shape", [(11, 11), (11, 40), (33, 12), (70, 95)])
def test_mean_similarity(shape: tuple[int, int], luminance: bool) -> None:
    x = torch.rand(2, 1, *shape)
    y = (x + 0.1 * random(2, 1, *shape)).clamp(0, 1)

    def mean(y: Tensor) -> Tensor:
        return similarity.mean_similarity(x.to(y.dtype), y, luminance=luminance)

    agree(mean, [y])
