"""Make the initialisation of the `highest` tier from that of `high`: wider networks that compute
the same.

    python -m training.widen_initialisation --seed 0

The symbols that `high` does not look at get weights of zero, and so do, where they are read, the
features it does not have; what makes those features is drawn at random, so that a fit has something
to improve. Nothing is trained here. train_initialisation.py does this too, at its end; by itself it
makes the tier anew from the shipped table.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic import init_tables
from inrcodec.codec.coolchic.features import COMPLEXITIES, WIDE
from inrcodec.codec.coolchic.model import CoolChic, grids_model
from inrcodec.codec.format.header import Family

NARROW = "high"


def main() -> None:
    """Write the shipped table again, with the wide tier made anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--output", type=Path, default=Path(init_tables.__file__).parents[1] / "data"
    )
    arguments = parser.parse_args()
    tables = dict(init_tables.tables())
    tables[WIDE] = wide_table(tables[NARROW], arguments.seed)
    np.savez_compressed(arguments.output / init_tables.TABLE, **tables)


def wide_table(numbers: NDArray[np.int16], seed: int) -> NDArray[np.int16]:
    """The table of the wide tier from that of the narrow one."""
    narrow, wide = (
        grids_model(Family.COOLCHIC, 64, 64, **COMPLEXITIES[tier]) for tier in (NARROW, WIDE)
    )
    rows = [widened(narrow, wide, init_tables.unpack(narrow, row), seed) for row in numbers]
    return np.stack([init_tables.pack(wide, row) for row in rows])


def widened(
    narrow: CoolChic, wide: CoolChic, values: dict[str, NDArray[np.float32]], seed: int
) -> dict[str, NDArray[np.float32]]:
    """The networks `values` of `narrow` with the sizes of `wide`, computing the same."""
    random = np.random.default_rng(seed)
    sides = range(wide.neighbours, wide.arm_inputs)
    columns = [*(wide.offsets.index(offset) for offset in narrow.offsets), *sides]
    made = {}
    for name, shape in wide.shapes.items():
        old, new = values[name], np.zeros(shape, np.float32)
        rows = len(old)
        if name in ("arm.weight.0", "arm.linear"):
            new[:rows, columns] = old
        else:
            new[tuple(slice(0, size) for size in old.shape)] = old
        if name in ("arm.weight.0", "arm.weight.1"):
            spread = (0.25 if name == "arm.weight.0" else 0.5) * math.sqrt(2 / shape[1])
            new[rows:] = random.normal(0, spread, new[rows:].shape)
        elif name == "synthesis.weight.0":  # in the scale of the latents, as those that are there
            new[rows:] = old[: len(new) - rows] * random.normal(0, 1, (len(new) - rows, 1))
        made[name] = new
    return made


if __name__ == "__main__":
    main()
