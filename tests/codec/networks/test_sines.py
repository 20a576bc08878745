"""Sine layers in compiled kernels against the same in torch."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from inrcodec.codec import native
from inrcodec.codec.native.pool import kernel_threads
from inrcodec.codec.networks import sines

needs_kernels = pytest.mark.skipif(native.library() is None, reason="no compiled kernels")


def network(
    rows: int, columns: int, widths: Sequence[int], outputs: int = 3, scaled: bool = False
) -> tuple[Tensor, Tensor, list[Tensor], Tensor | None]:
    random = torch.Generator().manual_seed(3)

    def drawn(*shape: int, size: float = 1.0) -> Tensor:
        return (torch.randn(shape, generator=random) * size).requires_grad_()

    parameters = []
    for fan_in, width in zip(widths, [*widths[1:], outputs], strict=True):
        parameters += [drawn(width, fan_in, size=fan_in**-0.5), drawn(width)]
    scale = drawn(rows, columns) if scaled else None
    return drawn(rows, widths[0], size=9.0), drawn(columns, widths[0], size=9.0), parameters, scale


def gradients(value: Tensor, given: Sequence[Tensor]) -> list[Tensor]:
    return list(torch.autograd.grad(value, given))


def near(found: Sequence[Tensor], wanted: Sequence[Tensor], tolerance: float = 2e-5) -> None:
    for a, b in zip(found, wanted, strict=True):
        difference = float((a - b).detach().abs().max())
        assert difference <= tolerance * float(b.detach().abs().max())


SIZES = [
    (7, 5, (9, 8, 7), 3, False),
    (20, 150, (16, 40, 33), 3, True),
    (3, 300, (8,), 1, True),
    (1, 1, (1,), 4, False),
    (130, 1, (5, 3), 2, True),
    (33, 64, (70, 130, 20), 3, False),
]


@needs_kernels
@pytest.mark.parametrize(("rows", "columns", "widths", "outputs", "scaled"), SIZES)
def test_kernels_equal_torch(
    rows: int, columns: int, widths: tuple[int, ...], outputs: int, scaled: bool
) -> None:
    down, across, parameters, scale = network(rows, columns, widths, outputs, scaled)
    given = [down, across, *parameters, *([] if scale is None else [scale])]
    target = torch.randn(rows, columns, outputs, generator=torch.Generator().manual_seed(1))
    wanted = sines.in_torch(down, across, parameters, scale)
    exact = (wanted - target).square().mean()
    with kernel_threads(2):
        made = sines.sine_layers(down, across, parameters, scale)
        error = sines.squared_error(down, across, parameters, scale, target)
        near([made], [wanted])
        assert float(error.detach()) == pytest.approx(float(exact.detach()), rel=1e-5)
        by_exact = gradients(exact, given)
        near(gradients(error * 2, given), [2 * g for g in by_exact])
        near(gradients((made - target).square().mean(), given), by_exact)


@needs_kernels
def test_large_phases_keep_their_sines() -> None:
    down = torch.linspace(-3000, 3000, 501)[:, None]
    parameters = [torch.eye(1), torch.zeros(1)]
    made = sines.sine_layers(down, torch.zeros(1, 1), parameters)[:, 0, 0]
    assert float((made - down[:, 0].double().sin()).abs().max()) < 2e-6


@needs_kernels
@pytest.mark.parametrize("phase", [1e9, -1e30, float("inf"), float("nan")])
def test_phases_beyond_all_reason_give_something_finite(phase: float) -> None:
    parameters = [torch.eye(1), torch.zeros(1)]
    made = sines.sine_layers(torch.full((3, 1), phase), torch.zeros(5, 1), parameters)
    assert float(made.abs().max()) < 1.01


@needs_kernels
def test_a_second_derivative_goes_through_torch() -> None:
    down, across, parameters, scale = network(6, 9, (5, 4), scaled=True)
    assert scale is not None
    given = [down, across, *parameters, scale]
    seconds = []
    for layers in (sines.sine_layers, sines.in_torch):
        value = layers(down, across, parameters, scale).square().sum()
        first = torch.autograd.grad(value, given, create_graph=True)
        seconds.append(gradients(torch.stack([g.square().sum() for g in first]).sum(), given))
    near(*seconds, tolerance=1e-4)


def test_bfloat16_is_close_to_float32() -> None:
    down, across, parameters, _ = network(12, 20, (32, 32, 32))
    small = [p.detach() * 0.5 for p in parameters]
    exact = sines.in_torch(down.detach() / 9, across.detach() / 9, small)
    rough = sines.in_torch(down.detach() / 9, across.detach() / 9, small, None, torch.bfloat16)
    assert rough.dtype == torch.float32
    assert 0 < float((exact - rough).detach().abs().max()) < 0.05


@needs_kernels
def test_wide_networks_take_bfloat16_where_it_is_asked_for() -> None:
    down, across, parameters, _ = network(4, 4, (200, 200))
    exact, rough = (
        sines.sine_layers(down, across, parameters, precision=p) for p in (None, torch.bfloat16)
    )
    assert not torch.equal(exact, rough)
