"""Time the readable latent decoder, and the encoder, on a 768x512 pyramid of 7 grids.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.latent_decode [--repeat 5]

A random context network of 20 inputs, two hidden layers of 24 and a linear branch; the symbols are
drawn from its own distributions, at about half a bit a symbol.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise

import numpy as np

from inrcodec.codec.entropy.arm import IntegerArm, parent_maps
from inrcodec.codec.entropy.wave_grid import Grid
from inrcodec.codec.entropy.waves import GridReader, Part, cost_bits, encode_grids

NEIGHBOURS = (
    *((0, column) for column in (-1, -2, -3)),
    *((-1, column) for column in range(-2, 3)),
    *((-2, column) for column in range(-2, 3)),
    *((-3, column) for column in range(-1, 2)),
)
WIDTH, HEIGHT, LEVELS = 768, 512, 7


def random_arm(random: np.random.Generator, hidden: int = 24) -> IntegerArm:
    """A network whose symbols are mostly 0, with means and scales that follow the neighbours."""
    sizes = [len(NEIGHBOURS) + 4, hidden, hidden, 2]
    weights, biases = [], []
    for inputs, outputs in pairwise(sizes):
        spread = 256 / np.sqrt(inputs)
        weights.append(np.rint(random.normal(0, spread, (outputs, inputs))).astype(np.int32))
        biases.append(np.rint(random.normal(0, 30, outputs)).astype(np.int32))
    weights[-1] //= 4
    biases[-1] = np.array([0, -550], np.int32)
    linear = np.rint(random.normal(0, 8, (2, sizes[0]))).astype(np.int32)
    return IntegerArm(NEIGHBOURS, 4, tuple(weights), tuple(biases), linear)


def draw(
    random: np.random.Generator,
    shape: tuple[int, int],
    parents: np.ndarray,
    arm: IntegerArm,
    level: int,
) -> np.ndarray:
    """A grid of symbols that follow the distributions the network gives them."""
    grid = Grid(shape, parents, arm)
    for start, count in zip(grid.starts, grid.counts, strict=True):
        positions = start + grid.step * np.arange(count)
        inputs = grid.flat[positions[:, None] + grid.offsets]
        mean, scale = arm.distribution(inputs, level)
        grid.flat[positions] = np.rint(random.laplace(mean / 16, 2.0 ** (scale / 8 - 4)))
    return grid.symbols()


def main() -> None:
    """Print milliseconds and bits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    random = np.random.default_rng(0)
    arm = random_arm(random)

    shapes = [(-(-HEIGHT // 2**i), -(-WIDTH // 2**i)) for i in range(LEVELS)]
    grids: list[np.ndarray] = []
    streams: list[bytes] = []
    content = 0.0
    for level in reversed(range(LEVELS)):
        parents = parent_maps(grids[-1] if grids else None, *shapes[level])
        grid = draw(random, shapes[level], parents, arm, level)
        grids.append(grid)
        streams.append(encode_grids([Part(grid, parents, level)], arm))
        content += cost_bits(grid, parents, arm, level)

    decode_ms, encode_ms = [], []
    for _ in range(repeat):
        start = time.perf_counter()
        previous = None
        for level, stream, grid in zip(reversed(range(LEVELS)), streams, grids, strict=True):
            parents = parent_maps(previous, *shapes[level])
            previous = GridReader(stream, whole=True).grid(shapes[level], parents, arm, level)
            if not (previous == grid).all():
                raise SystemExit("the decoder differs from the encoder")
        decode_ms.append(1e3 * (time.perf_counter() - start))
        start = time.perf_counter()
        previous = None
        for level, grid in zip(reversed(range(LEVELS)), grids, strict=True):
            encode_grids([Part(grid, parent_maps(previous, *shapes[level]), level)], arm)
            previous = grid
        encode_ms.append(1e3 * (time.perf_counter() - start))

    symbols = sum(grid.size for grid in grids)
    zeros = sum(int((grid == 0).sum()) for grid in grids) / symbols
    bits = 8 * sum(map(len, streams))
    print(f"{symbols} symbols, {zeros:.1%} zero, {bits / symbols:.3f} bit a symbol")
    print(f"stream {bits} bit, {bits - content:+.0f} over the information content")
    print(f"decode {min(decode_ms):.0f} ms (median {np.median(decode_ms):.0f})")
    print(f"encode {min(encode_ms):.0f} ms (median {np.median(encode_ms):.0f})")


if __name__ == "__main__":
    main()
