"""Which form of the stable INRIQ agrees with people: what was tried.

    python -m benchmarks.metrics.inriq_variants

One network for each photograph (the middle 256 x 256 of some of Kodak), fitted as the stable
variant is, and five levels of 25 types. A form says what becomes of the residual before it meets
the network, how much of the reference's own gradients is added to the floor of noise (masking), and
what the distance is made of. A row for each photograph and type goes to
results/metrics/inriq_variants.jsonl; a run goes on where that ends. The table in .md has the rank
correlation of each form with the mean opinion scores of KADID-10k for the same type and level,
which were given to other photographs.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from benchmarks.common import parser_of, stored_rows
from inrcodec.images.reading import read_image
from inrcodec.metrics.correlation import srcc
from inrcodec.metrics.distortions.kadid import DISTORTIONS, LEVELS, distort
from inrcodec.metrics.distortions.opinions import read_opinions
from inrcodec.metrics.quality.fisher import output_sensitivity, squared_gradients
from inrcodec.metrics.quality.inriq import NOISE_FLOOR, Inriq
from inrcodec.pixels import middle

RESULTS = Path(__file__).parents[1] / "results/metrics/inriq_variants.jsonl"
PICTURES = ("kodim04", "kodim07")
SIDE, STEPS = 256, 1000
MASKS = (0.0, 0.01, 0.05, 0.2)
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class View:
    """What becomes of a residual: means over `pool` x `pool` pixels, variance within `block` x
    `block` (1: mean square), of all colours or of luma alone."""

    pool: int
    block: int
    luma: bool

    @property
    def name(self) -> str:
        """As it stands in the rows."""
        return f"pool {self.pool}, block {self.block}" + (", luma" if self.luma else "")

    def of(self, residuals: Tensor) -> Tensor:
        """(N, H, W, C) as seen."""
        if self.luma:
            gray = residuals @ residuals.new_tensor(LUMA)
            residuals = gray[..., None].expand(-1, -1, -1, 3)
        if self.pool == 1:
            return residuals
        small = F.avg_pool2d(residuals.movedim(-1, 1), self.pool)
        return F.interpolate(small, scale_factor=self.pool, mode="bilinear").movedim(1, -1)


VIEWS = (
    View(1, 8, False), View(1, 1, False), View(4, 1, False), View(8, 1, False),
    View(4, 32, False), View(8, 64, False), View(4, 1, True), View(4, 32, True),
)  # fmt: skip


def measure(path: Path, missing: list[str]) -> Iterator[dict]:
    """A row for each type: by view and mask, the distance at five levels."""
    started = time.process_time()
    pixels = middle(read_image(path).pixels, SIDE, SIDE)
    scorer = Inriq(pixels, steps=STEPS)
    model, parameters = scorer.network.model, scorer.network.parameters
    unit = output_sensitivity(model, parameters, (SIDE, SIDE))
    floor = {name: value * NOISE_FLOOR**2 for name, value in unit.items()}
    reference = torch.from_numpy(pixels).float() / 127.5 - 1
    content = reference - reference.mean((0, 1))
    own = {
        view: squared_gradients(model, parameters, view.of(content[None]), block=view.block)
        for view in VIEWS
    }
    for name in missing:
        versions = np.stack([distort(pixels, name, level) for level in LEVELS])
        residuals = reference - (torch.from_numpy(versions).float() / 127.5 - 1)
        values = {}
        for view in VIEWS:
            found = squared_gradients(model, parameters, view.of(residuals), block=view.block)
            for mask in MASKS:
                base = {n: floor[n] + mask * own[view][n][0] for n in floor}
                ratios = torch.cat([(found[n] / base[n]).flatten(1) for n in floor], 1)
                distance = (ratios.log1p().square().mean(1) / 2).sqrt()
                values[f"{view.name}, mask {mask:g}"] = [round(v, 5) for v in distance.tolist()]
        row = {"image": path.stem, "type": name, "values": values, "seed": 0, "threads": 1}
        yield row | {"torch": torch.__version__, "seconds": time.process_time() - started}
        started = time.process_time()


def agreements(rows: list[dict], opinions: dict[tuple[str, int], float]) -> dict[str, float]:
    """Rank correlation of every form, averaged over photographs, with opinions."""
    forms = rows[0]["values"]
    wanted = np.array([opinions[kind, level] for kind in DISTORTIONS for level in LEVELS])
    found = {}
    for form in forms:
        mean: NDArray[np.float64] = np.zeros((len(DISTORTIONS), len(LEVELS)))
        for kind, those in groupby(sorted(rows, key=lambda r: r["type"]), lambda r: r["type"]):
            values = [row["values"][form] for row in those]
            mean[list(DISTORTIONS).index(kind)] = np.mean(values, 0)
        found[form] = -srcc(mean.flatten(), wanted)
    return found


def main() -> None:
    """Measure what is missing, then write the table."""
    parser = parser_of(__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    known = {(row["image"], row["type"]) for row in stored_rows(RESULTS)}
    for name in PICTURES:
        missing = [kind for kind in DISTORTIONS if (name, kind) not in known]
        for row in measure(arguments.shared / f"kodak/{name}.png", missing) if missing else ():
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(name, row["type"], flush=True)
    opinions = read_opinions(arguments.shared / "iqa/kadid10k/mean_mos_by_type_level.csv")
    found = agreements(stored_rows(RESULTS), opinions)
    lines = [
        f"The middle {SIDE} x {SIDE} of {', '.join(PICTURES)}; networks of the stable variant,",
        f"{STEPS} steps. SRCC with KADID-10k's mean opinion scores of 125 types and levels, by how",
        "much of the reference's own gradients is added to the floor.\n",
        "| residual | " + " | ".join(f"mask {mask:g}" for mask in MASKS) + " |",
        "|---" * (1 + len(MASKS)) + "|",
    ]
    for view in VIEWS:
        cells = [f"{found[f'{view.name}, mask {mask:g}']:.3f}" for mask in MASKS]
        lines.append(f"| {view.name} | " + " | ".join(cells) + " |")
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
