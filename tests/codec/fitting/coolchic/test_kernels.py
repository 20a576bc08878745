"""Every hand-written function against its plain autograd form, in float64."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from inrcodec.codec.coolchic.features import BICUBIC
from inrcodec.codec.coolchic.neighbours import MARGIN, NEIGHBOURS
from inrcodec.codec.fitting.coolchic import rate, tiled_network
from inrcodec.codec.fitting.coolchic.rate import context_bits, laplace_nats
from inrcodec.codec.fitting.coolchic.synthesis import (
    pixel_network,
    small_convolution,
    soft_round,
    upsample_shared,
)
from inrcodec.codec.fitting.coolchic.upsampling import upsample_below

SHAPES = [(1, 1), (1, 9), (9, 1), (2, 3), (40, 50)]


@pytest.fixture(autouse=True)
def small_tiles() -> Iterator[None]:
    torch.manual_seed(0)
    with tiled_network.tiles_of(170):
        yield


def random(*shape: int, scale: float = 1.0) -> Tensor:
    return (torch.randn(*shape, dtype=torch.float64) * scale).requires_grad_()


def tensors(widths: Sequence[int], linear: bool) -> list[Tensor]:
    result = []
    for inputs, outputs in pairwise(widths):
        result += [random(outputs, inputs, scale=0.5 * inputs**-0.5), random(outputs)]
    return [*result, random(widths[-1], widths[0], scale=0.1)] if linear else result


def plain_network(x: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    layers, hidden = len(tensors) // 2, x
    for layer in range(layers):
        hidden = tensors[2 * layer] @ hidden + tensors[2 * layer + 1][:, None]
        hidden = hidden.relu() if layer < layers - 1 else hidden
    return hidden + tensors[-1] @ x if len(tensors) % 2 else hidden


def plain_nats(difference: Tensor, log_scale: Tensor) -> Tensor:
    """-ln of the mass, case by case; the gradient passes through the limits of the scale."""
    limited = log_scale.clamp(rate.SMALLEST_LOG_SCALE, rate.LARGEST_LOG_SCALE)
    inverse = 2 ** -(log_scale + (limited - log_scale).detach())
    a = difference.abs()
    far = (a - 0.5) * inverse - (-torch.expm1(-inverse) / 2).log()
    near = -(1 - (-inverse / 2).exp() * (a.clamp_max(0.5) * inverse).cosh()).log()
    return torch.where(a >= 0.5, far, near)


def same(
    ours: Callable[..., Tensor], plain: Callable[..., Tensor], inputs: Sequence[Tensor | None]
) -> None:
    """Values and the gradients of a random function of them agree."""
    leaves = [x for x in inputs if x is not None]
    values = [function(*inputs) for function in (ours, plain)]
    torch.testing.assert_close(*values, rtol=1e-9, atol=1e-9)
    upstream = torch.randn_like(values[0])
    ours_gradients, plain_gradients = (
        torch.autograd.grad(value, leaves, upstream, allow_unused=True) for value in values
    )
    for mine, theirs, leaf in zip(ours_gradients, plain_gradients, leaves, strict=True):
        theirs = torch.zeros_like(leaf) if theirs is None else theirs
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-8)


def plain_parents(coarser: Tensor, height: int, width: int) -> Tensor:
    def nearest(size: int) -> tuple[Tensor, Tensor]:
        index = torch.arange(size)
        return index // 2 + 1, index // 2 + 1 + (index % 2 * 2 - 1)

    rows, columns = nearest(height), nearest(width)
    maps = [coarser[rows[v]][:, columns[h]] for h in (0, 1) for v in (0, 1)]
    return torch.stack(maps)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("neighbours", sorted(NEIGHBOURS))
@pytest.mark.parametrize("sides", ["none", "zero", "parents", "all"])
@pytest.mark.parametrize("hidden", [(8,), (6, 7)])
def test_context_bits(
    shape: tuple[int, int], neighbours: int, sides: str, hidden: tuple[int, ...]
) -> None:
    height, width = shape
    offsets = NEIGHBOURS[neighbours]
    inputs = neighbours + (0 if sides == "none" else 6)
    padded = random(height + MARGIN, width + 2 * MARGIN, scale=2)
    parents = sides in ("parents", "all")
    coarser = random((height + 1) // 2 + 2, (width + 1) // 2 + 2) if parents else None
    first = random(height, width) if sides == "all" else None
    second = random(height, width) if sides in ("parents", "all") else None

    def ours(padded, coarser, first, second, *tensors):  # type: ignore[no-untyped-def]
        beside = () if sides == "none" else (first, second)
        return context_bits(padded, offsets, tensors, coarser, beside)

    def plain(padded, coarser, first, second, *tensors):  # type: ignore[no-untyped-def]
        def shifted(row: int, column: int) -> Tensor:
            top, left = MARGIN + row, MARGIN + column
            return padded[top : top + height, left : left + width].reshape(1, -1)

        nothing = padded.new_zeros(1, height * width)
        maps = [shifted(*offset) for offset in offsets]
        if sides != "none":
            maps += (
                [nothing] * 4
                if coarser is None
                else [plain_parents(coarser, height, width).reshape(4, -1)]
            )
            maps += [nothing if x is None else x.reshape(1, -1) for x in (first, second)]
        mean, log_scale = plain_network(torch.cat(maps), tensors)
        return plain_nats(shifted(0, 0)[0] - mean, log_scale).sum() / math.log(2)

    same(ours, plain, [padded, coarser, first, second, *tensors((inputs, *hidden, 2), True)])
    if sides == "none":
        same(ours, plain, [padded, None, None, None, *tensors((inputs, *hidden, 2), False)])


def test_no_gradients_are_computed_that_nobody_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    original = tiled_network.TiledNetwork

    def spy(tensors: Sequence[Tensor], with_gradients: bool) -> tiled_network.TiledNetwork:
        asked.append(with_gradients)
        return original(tensors, with_gradients)

    monkeypatch.setattr(rate, "TiledNetwork", spy)
    padded, net = random(9, 20), tensors((8, 4, 2), False)
    with_gradients = context_bits(padded, NEIGHBOURS[8], net)
    with torch.no_grad():
        assert context_bits(padded, NEIGHBOURS[8], net) == with_gradients
    assert asked == [True, False]


@pytest.mark.parametrize("widths", [(9, 32, 3), (7, 40, 3), (5, 12, 12, 3), (1, 1, 1)])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("pixels", [1, 170, 500])
def test_pixel_network(widths: tuple[int, ...], linear: bool, pixels: int) -> None:
    same(
        lambda x, *net: pixel_network(x, net),
        lambda x, *net: plain_network(x, net),
        [random(widths[0], pixels), *tensors(widths, linear)],
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", [3, 5])
def test_small_convolution(shape: tuple[int, int], side: int) -> None:
    def plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (side // 2,) * 4, mode="replicate"), weight, bias)

    inputs = [random(2, 3, *shape), random(4, 3, side, side), random(4)]
    same(small_convolution, plain, inputs)


@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (3, 2)])
def test_upsample_below(corner: tuple[int, int]) -> None:
    row, column = corner

    def plain(finest: Tensor, coarser: Tensor, taps: Tensor) -> Tensor:
        padded = F.pad(coarser[:, None], (2, 2, 2, 2), mode="replicate")
        # even outputs meet taps 7, 5, 3, 1 of a transposed kernel, odd ones 6, 4, 2, 0
        axis = padded.new_zeros(8)
        axis = axis.index_put((torch.tensor([7, 5, 3, 1]),), taps)
        axis = axis.index_put((torch.tensor([0, 2, 4, 6]),), taps)
        full = F.conv_transpose2d(padded, torch.outer(axis, axis)[None, None], stride=2, padding=7)
        height, width = finest.shape
        window = full[:, 0, row : row + height, column : column + width]
        return torch.cat((finest[None], window))

    for height, width in SHAPES:
        finest = random(max(1, 2 * height - row - 1), max(1, 2 * width - column))
        if finest.shape[0] + row > 2 * height or finest.shape[1] + column > 2 * width:
            continue
        same(
            lambda *x: upsample_below(*x, corner),
            plain,
            [finest, random(3, height, width), random(4)],
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_upsample_shared(shape: tuple[int, int]) -> None:
    def plain(x: Tensor, kernel: Tensor) -> Tensor:
        padded = F.pad(x[:, None], (2, 2, 2, 2), mode="replicate")
        return F.conv_transpose2d(padded, kernel[None, None], stride=2, padding=7)[:, 0]

    same(upsample_shared, plain, [random(3, *shape), random(8, 8)])


@pytest.mark.parametrize("shape", SHAPES)
def test_bicubic_taps_are_those_of_torch(shape: tuple[int, int]) -> None:
    x = random(3, *shape).detach()
    taps = torch.tensor(BICUBIC, dtype=torch.float64)
    full = F.interpolate(x[None], scale_factor=2, mode="bicubic", align_corners=False)[0]
    finest = torch.zeros(full.shape[1:], dtype=torch.float64)
    torch.testing.assert_close(upsample_below(finest, x, taps)[1:], full)
    axis = torch.empty(8, dtype=torch.float64)
    axis[[7, 5, 3, 1]], axis[[0, 2, 4, 6]] = taps, taps
    torch.testing.assert_close(upsample_shared(x, torch.outer(axis, axis)), full)


def test_laplace_nats_is_the_distribution_of_torch() -> None:
    difference = torch.linspace(-6, 6, 401, dtype=torch.float64)[:, None]
    log_scale = torch.linspace(-2, 11.5, 50, dtype=torch.float64)
    difference, log_scale = (
        x.reshape(-1).clone().requires_grad_()
        for x in torch.broadcast_tensors(difference, log_scale)
    )
    laplace = torch.distributions.Laplace(torch.zeros_like(log_scale), 2**log_scale)
    # on the negative side the difference of two values keeps its digits
    left = -difference.abs()
    plain = -(laplace.cdf(left + 0.5) - laplace.cdf(left - 0.5)).log()
    by_difference, by_log_scale = torch.autograd.grad(plain.sum(), (difference, log_scale))
    nats, *gradients = laplace_nats(difference.detach(), log_scale.detach())
    torch.testing.assert_close(nats, plain.detach(), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(gradients[0], by_difference, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(gradients[1], by_log_scale, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("d", [0.0, 0.2, -0.49, 0.51, -1.7, 300.0, -40000.0])
@pytest.mark.parametrize("s", [-3.9, 0.0, 5.5, 11.8])
def test_laplace_nats_far_in_the_tails(d: float, s: float) -> None:
    def exact(d: float, s: float) -> float:
        b, a = 2.0**s, abs(d)
        if a >= 0.5:
            return (a - 0.5) / b - math.log(-math.expm1(-1 / b) / 2)
        return -math.log(-(math.expm1((a - 0.5) / b) + math.expm1(-(a + 0.5) / b)) / 2)

    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 2e-6)):
        x, y = (torch.tensor([value], dtype=dtype) for value in (d, s))
        nats, by_difference, by_log_scale = (float(v[0]) for v in laplace_nats(x, y))
        d, s = float(x), float(y)
        assert nats == pytest.approx(exact(d, s), rel=tolerance, abs=tolerance)
        h = 1e-5
        lmbda = (exact(d + h, s) - exact(d - h, s)) / (2 * h)
        assert by_difference == pytest.approx(lmbda, rel=1e-3, abs=1e-5)
        lmbda = (exact(d, s + h) - exact(d, s - h)) / (2 * h)
        assert by_log_scale == pytest.approx(lmbda, rel=1e-3, abs=1e-5)


def test_a_scale_outside_the_range_counts_as_the_nearest() -> None:
    d = torch.tensor([0.3, 3.0, 3.0])
    outside = laplace_nats(d, torch.tensor([-9.0, -9.0, 20.0]))
    nearest = laplace_nats(d, torch.tensor([-4.0, -4.0, 11.875]))
    for ours, expected in zip(outside, nearest, strict=True):
        torch.testing.assert_close(ours, expected)
        assert torch.isfinite(ours).all()


def test_soft_round_goes_from_the_identity_to_rounding() -> None:
    x = torch.linspace(-3.3, 3.3, 67, dtype=torch.float64) + 0.02
    torch.testing.assert_close(soft_round(x, 100.0), x, atol=1e-4, rtol=0)
    torch.testing.assert_close(soft_round(x, 0.001), x.round(), atol=1e-8, rtol=0)
    integers = torch.arange(-3.0, 4, dtype=torch.float64)
    for temperature in (0.1, 0.3, 1.0):
        torch.testing.assert_close(soft_round(integers, temperature), integers)
        torch.testing.assert_close(soft_round(x + 1, temperature), soft_round(x, temperature) + 1)
        assert (soft_round(x, temperature).diff() > 0).all()


@pytest.mark.gpu
def test_a_gpu_agrees() -> None:
    padded, net = random(43, 56, scale=2), tensors((24, 24, 24, 2), False)
    x, synthesis = random(9, 2000), tensors((9, 32, 3), True)
    coarser, taps = random(3, 20, 25), random(4)

    def all_of_them(device: str) -> list[Tensor]:
        def there(*values: Tensor) -> list[Tensor]:
            return [value.detach().to(device).requires_grad_() for value in values]

        inputs = there(padded, x, coarser, taps, *net, *synthesis)
        first = context_bits(inputs[0], NEIGHBOURS[24], inputs[4 : 4 + len(net)])
        second = pixel_network(inputs[1], inputs[4 + len(net) :])
        third = upsample_below(inputs[2].new_zeros(40, 50), inputs[2], inputs[3])
        total = first + second.square().sum() + third.square().sum()
        return [g.cpu() for g in (total, *torch.autograd.grad(total, inputs))]

    for here, there in zip(all_of_them("cpu"), all_of_them("cuda"), strict=True):
        torch.testing.assert_close(here, there, rtol=1e-8, atol=1e-8)
