from itertools import pairwise

import numpy as np
import pytest
import torch

from inrcodec.codec.entropy import arm as module
from inrcodec.codec.entropy.arm import IntegerArm, parent_maps
from inrcodec.errors import LimitError

NEIGHBOURS = ((0, -1), (-1, -1), (-1, 0), (-1, 1))


def a_random_arm(
    seed: int = 0, sizes: tuple[int, ...] = (8, 6, 5, 2), spread: int = 700, linear: bool = True
) -> IntegerArm:
    random = np.random.default_rng(seed)
    layers = list(pairwise(sizes))
    return IntegerArm(
        NEIGHBOURS,
        4,
        tuple(random.integers(-spread, spread + 1, (n, m), np.int32) for m, n in layers),
        tuple(random.integers(-spread, spread + 1, n, np.int32) for _, n in layers),
        random.integers(-spread, spread + 1, (2, sizes[0]), np.int32) if linear else None,
        random.integers(-spread, spread + 1, (3, sizes[1]), np.int32) if len(sizes) > 2 else None,
    )


def in_plain_integers(arm: IntegerArm, inputs: list[int], level: int) -> tuple[int, int]:
    """One symbol by the specification's arithmetic; fails if anything leaves 32 bits."""

    def dot(row: list[int], values: list[int], start: int) -> int:
        total = start
        for weight, value in zip(row, values, strict=True):
            total += weight * value
            assert abs(total) < 2**31
        return total

    x = [max(-1023, min(1023, value)) << 5 for value in inputs]
    hidden = x
    for i, (weight, bias) in enumerate(zip(arm.weights[:-1], arm.biases[:-1], strict=True)):
        biases = bias.tolist()
        if i == 0 and arm.level_bias is not None:
            biases = (bias + arm.level_bias[level]).tolist()
        sums = [dot(row, hidden, b << 5) for row, b in zip(weight.tolist(), biases, strict=True)]
        hidden = [min(max(total + 128 >> 8, 0), 32767) for total in sums]
    outputs = []
    for j, row in enumerate(arm.weights[-1].tolist()):
        total = dot(row, hidden, int(arm.biases[-1][j]) << 5)
        outputs.append(total if arm.linear is None else dot(arm.linear[j].tolist(), x, total))
    mean = max(-524272, min(524272, outputs[0] + 256 >> 9))
    return mean, max(0, min(127, (outputs[1] + 512 >> 10) + 32))


@pytest.mark.parametrize("sizes", [(8, 2), (8, 6, 2), (8, 6, 5, 2), (8, 3, 4, 5, 2)])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("spread", [3, 60, 700])
def test_it_is_the_integer_arithmetic(sizes: tuple[int, ...], linear: bool, spread: int) -> None:
    arm = a_random_arm(1, sizes, spread, linear)
    inputs = np.rint(np.random.default_rng(2).laplace(0, 300, (200, 8))).astype(np.int32)
    mean, scale = arm.distribution(inputs, 2)
    expected = [in_plain_integers(arm, row, 2) for row in inputs.tolist()]
    assert list(zip(mean.tolist(), scale.tolist(), strict=True)) == expected
    assert len(set(expected)) > 3 or spread == 3


def test_chunks_do_not_show() -> None:
    arm = a_random_arm(spread=60)
    inputs = np.random.default_rng(0).integers(-50, 50, (2 * module._CHUNK + 7, 8), np.int32)
    mean, scale = arm.distribution(inputs, 0)
    for part in (slice(0, 1), slice(2000, 2100), slice(-9, None), slice(0, 0)):
        alone = arm.distribution(inputs[part], 0)
        assert (mean[part] == alone[0]).all()
        assert (scale[part] == alone[1]).all()


def test_the_limits_just_fit_32_bits() -> None:
    """The largest sums allowed, reached: in plain integers nothing overflows, and one more is."""
    share = module.MAX_ROW // 8
    rows = np.full((3, 8), share, np.int32)
    bias = np.full(3, module.MAX_BIAS, np.int32)
    out = np.array([[share * 2] * 2 + [share * 4]] * 2, np.int32)
    out[1] *= -1
    arm = IntegerArm(NEIGHBOURS, 4, (rows, out), (bias, bias[:2]))
    inputs = np.full((1, 8), 5000, np.int32)
    mean, scale = arm.distribution(inputs, 0)
    assert (mean[0], scale[0]) == in_plain_integers(arm, inputs[0].tolist(), 0) == (524272, 0)
    rows[0, 0] += 1
    with pytest.raises(LimitError, match="overflow"):
        IntegerArm(NEIGHBOURS, 4, (rows, out), (bias, bias[:2]))
    rows[0, 0] -= 1
    with pytest.raises(LimitError, match="overflow"):
        IntegerArm(NEIGHBOURS, 4, (rows, out), (bias + 1, bias[:2]))
    with pytest.raises(LimitError, match="overflow"):
        IntegerArm(NEIGHBOURS, 4, (rows, out), (bias, bias[:2]), np.eye(2, 8, dtype=np.int32))
    with pytest.raises(LimitError, match="overflow"):
        IntegerArm(NEIGHBOURS, 4, (rows, out), (bias, bias[:2]), None, np.ones((1, 3), np.int32))


@pytest.mark.parametrize("offset", [(0, 0), (0, 1), (1, 0), (1, -1), (-9, 0), (-1, 9), (0, -9)])
def test_neighbours_must_be_causal_and_near(offset: tuple[int, int]) -> None:
    layer = np.zeros((2, 1), np.int32)
    with pytest.raises(LimitError, match="neighbour"):
        IntegerArm((offset,), 0, (layer,), (layer[:, 0],))


def test_shapes_must_fit() -> None:
    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.int32)

    near = ((0, -1),)
    for weights, biases, linear, levels in (
        ((), (), None, None),
        ((zeros(2, 2),), (zeros(2),), None, None),
        ((zeros(3, 1),), (zeros(3),), None, None),
        ((zeros(2, 1),), (zeros(3),), None, None),
        ((zeros(2, 1),), (zeros(2),), zeros(2, 2), None),
        ((zeros(2, 1),), (zeros(2),), None, zeros(1, 2)),
        ((zeros(3, 1), zeros(2, 3)), (zeros(3), zeros(2)), None, zeros(1, 2)),
    ):
        with pytest.raises(LimitError):
            IntegerArm(near, 0, weights, biases, linear, levels)
    with pytest.raises(LimitError, match="levels"):
        a_random_arm().distribution(zeros(1, 8), 3)


def test_it_follows_a_float_network() -> None:
    """The fixed-point units mean what they say: a float network of the same weights agrees."""
    arm = a_random_arm(3, (8, 6, 5, 2), 100)
    inputs = np.random.default_rng(4).integers(-9, 10, (300, 8), np.int32)
    mean, scale = arm.distribution(inputs, 1)
    x = torch.from_numpy(inputs).double()
    weights = [torch.from_numpy(w / 256) for w in arm.weights]
    biases = [torch.from_numpy(b / 256) for b in arm.biases]
    extra = torch.from_numpy(arm.level_bias[1] / 256)
    hidden = torch.relu(x @ weights[0].T + biases[0] + extra)
    hidden = torch.relu(hidden @ weights[1].T + biases[1])
    both = hidden @ weights[2].T + biases[2] + x @ torch.from_numpy(arm.linear.T / 256)
    assert np.abs(mean / 16 - both[:, 0].numpy()).max() < 0.1
    assert np.abs((scale - 32) / 8 - both[:, 1].clamp(-4, 11.875).numpy()).max() < 0.15


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 1), (8, 10), (9, 7)])
def test_parents_are_the_four_nearest_coarse_symbols(shape: tuple[int, int]) -> None:
    height, width = shape
    coarse_shape = ((height + 1) // 2, (width + 1) // 2)
    coarse = np.random.default_rng(0).integers(-99, 99, coarse_shape, np.int32)

    def at(row: int, column: int) -> int:
        inside = 0 <= row < coarse_shape[0] and 0 <= column < coarse_shape[1]
        return int(coarse[row, column]) if inside else 0

    maps = parent_maps(coarse, *shape)
    for r, c in np.ndindex(shape):
        row, column = r >> 1, c >> 1
        above, beside = row + (1 if r % 2 else -1), column + (1 if c % 2 else -1)
        expected = [at(row, column), at(above, column), at(row, beside), at(above, beside)]
        assert maps[:, r, c].tolist() == expected
    assert not parent_maps(None, *shape).any()
