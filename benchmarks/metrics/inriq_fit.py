"""Table 1 of the INRIQ paper by how well the network is fitted to the reference.

    python -m benchmarks.metrics.inriq_fit

The published score is a ratio over the fit error, so what it is sensitive to depends on that. The
middle 96 x 96 of photographs of Kodak, by a network of 96 neurons a layer until it has 24, 30, 36
and 42 dB, from random weights; and by the small network of the pretrained initialisation, until it
has 30. A row for each photograph and fit goes to results/metrics/inriq_fit.jsonl; a run goes on
where that ends. The table in results/metrics/inriq_fit.md has the geometric mean over the 14 types
of Table 1 of the factor between both sensitivities.
"""

import json
import os
import time
from pathlib import Path
from statistics import fmean, geometric_mean

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.common import parser_of, stored_rows
from benchmarks.metrics.sensitivity import PUBLISHED, PUBLISHED_METRICS

RESULTS = Path(__file__).parents[1] / "results/metrics/inriq_fit.jsonl"
PICTURES = ("kodim04", "kodim07", "kodim13")
SIDE, WIDTH = 96, 96
FITS = (("random", 36), ("random", 30), ("meta", 30), ("random", 24), ("random", 42))
"""Initialisation, and PSNR in dB at which the fit ends."""


def measure(path: Path, init: str, target: int) -> dict:
    """Fit one network and score five levels of 14 types."""
    import numpy as np
    import torch

    from inrcodec.images.reading import read_image
    from inrcodec.metrics.distortions.kadid import LEVELS, distort
    from inrcodec.metrics.quality.inriq import Inriq
    from inrcodec.pixels import middle

    torch.set_num_threads(1)
    started = time.process_time()
    pixels = middle(read_image(path).pixels, SIDE, SIDE)
    width = None if init == "meta" else WIDTH
    scorer = Inriq(pixels, variant="paper", init=init, target_psnr=target, width=width)
    values = {
        name: scorer(np.stack([distort(pixels, name, level) for level in LEVELS])).tolist()
        for name in PUBLISHED
    }
    row = {"image": path.stem, "side": SIDE, "init": init, "target": target, "seed": 0}
    row |= {"threads": 1, "torch": torch.__version__, "seconds": time.process_time() - started}
    return {**row, **scorer.notes, "values": values}


def sensitivities(rows: list[dict], name: str) -> float:
    """The mean over photographs of the relative sensitivity to one type (equation 2)."""
    from inrcodec.metrics.distortions.kadid import DISTORTIONS
    from inrcodec.metrics.distortions.relative_sensitivity import relative_sensitivity

    levels = DISTORTIONS[name].levels
    return fmean(fmean(relative_sensitivity(row["values"][name], levels)[0]) for row in rows)


def factor(rows: list[dict]) -> float:
    """The typical factor between our sensitivities and the published ones."""
    column = PUBLISHED_METRICS.index("inriq-paper")
    ratios = [
        sensitivities(rows, name) / published[column] for name, published in PUBLISHED.items()
    ]
    return geometric_mean(max(ratio, 1 / ratio) for ratio in ratios)


def fits(rows: list[dict]) -> list[tuple[str, int, list[dict]]]:
    """Initialisation, target and rows of every fit that all photographs have."""
    found = []
    for init, target in sorted(FITS):
        those = [row for row in rows if (row["init"], row["target"]) == (init, target)]
        if len(those) == len(PICTURES):
            found.append((init, target, those))
    return found


def write_table(rows: list[dict]) -> None:
    """The factor, and some sensitivities, by fit."""
    shown = ("jpeg", "jpeg2000", "white_noise", "darken")
    column = PUBLISHED_METRICS.index("inriq-paper")
    published = [f"{PUBLISHED[name][column]:.2f}" for name in shown]
    lines = [
        f"The middle {SIDE} x {SIDE} of {', '.join(PICTURES)}; the published score.\n",
        "| initialisation | fit (dB) | factor from Table 1 | " + " | ".join(shown) + " |",
        "|---" * (3 + len(shown)) + "|",
        "| published | | 1 | " + " | ".join(published) + " |",
    ]
    for init, _, those in fits(rows):
        reached = ", ".join(f"{row['fit_psnr']:.1f}" for row in those)
        cells = [f"{sensitivities(those, name):.2f}" for name in shown]
        lines.append(f"| {init} | {reached} | {factor(those):.2f} | " + " | ".join(cells) + " |")
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def main() -> None:
    """Measure what is missing, then write the table."""
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    arguments = parser.parse_args()
    known = {(row["image"], row["init"], row["target"]) for row in stored_rows(RESULTS)}
    for init, target in FITS:
        for name in PICTURES:
            if (name, init, target) not in known:
                row = measure(arguments.data / f"{name}.png", init, target)
                with RESULTS.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(name, init, target, f"{row['fit_psnr']:.1f} dB", flush=True)
    write_table(stored_rows(RESULTS))


if __name__ == "__main__":
    main()
