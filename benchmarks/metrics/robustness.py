"""Fidelity and robustness of three files of one size, by INRIQ and the metrics beside it.

    INRCODEC_WEIGHTS=../shared/data/weights python -m benchmarks.metrics.robustness --processes 2

The central 256 x 256 pixels of Kodak 1 and 24 as latent grids, as a coordinate network, and as
one fitted for robust weights, all at 1.2 bits per pixel. Every kind of damage at its middle level,
five seeds; all metrics judge the same trials. Rows go to results/metrics/robustness.jsonl, one for
each image and file, as they are made; a run skips what is there.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.common import JsonRow, parser_of, run_jobs, stored_rows, workers_of

RESULTS = Path(__file__).parents[1] / "results/metrics/robustness.jsonl"
TABLE = RESULTS.with_suffix(".md")
PICTURES = ("kodim01", "kodim24")
METRICS = ("psnr", "ssim", "ms-ssim", "lpips-squeeze", "inriq")
SIDE, BPP, SEEDS, EFFORT = 256, 1.2, 5, 3

FILES: dict[str, dict[str, Any]] = {
    "coolchic": {"model": "coolchic"},
    "pe-siren": {"model": "pe-siren"},
    "pe-siren, jacobian": {"model": "pe-siren", "robust": "jacobian"},
}


@dataclass(frozen=True, slots=True)
class Job:
    """One image as one kind of file."""

    data: Path
    picture: str
    file: str


def measure(job: Job) -> JsonRow:
    """Encode, then damage and judge."""
    import torch

    import inrcodec
    from inrcodec.images.reading import read_image
    from inrcodec.metrics.damage.robustness import MIDDLE, DamageBench
    from inrcodec.metrics.judge import Judge
    from inrcodec.pixels import middle

    torch.set_num_threads(1)
    pixels = middle(read_image(job.data / f"{job.picture}.png").pixels, SIDE, SIDE)
    options = {"bpp": BPP, "effort": EFFORT, "seed": 0, "threads": 1, **FILES[job.file]}
    data = inrcodec.encode(pixels, **options)
    judge = Judge(pixels, METRICS)
    bench = DamageBench(data, judge, threads=1)
    return {
        "picture": job.picture,
        "file": job.file,
        "options": options,
        "size_bytes": len(data),
        "undamaged": bench.clean,
        "outcomes": [outcome.as_dict() for outcome in bench.outcomes(MIDDLE, SEEDS)],
        "notes": judge.notes(),
        "inrcodec": inrcodec.__version__,
        "torch": torch.__version__,
    }


def main() -> None:
    """Run what is missing, then write the table."""
    arguments = parser_of(__doc__, "kodak").parse_args()
    done = {(row["picture"], row["file"]) for row in stored_rows(RESULTS)}
    jobs = [
        Job(arguments.data, picture, file)
        for picture in PICTURES
        for file in FILES
        if (picture, file) not in done
    ]
    for row in run_jobs(RESULTS, jobs, measure, **workers_of(arguments)):
        print(row["picture"], row["file"], row["undamaged"], flush=True)
    write_table(stored_rows(RESULTS))


def write_table(rows: list[JsonRow]) -> None:
    """Means over images: a block for each metric, a column for each file."""
    from inrcodec.metrics.damage.operations import TITLES
    from inrcodec.metrics.metric_table import METRICS as FACTS
    from inrcodec.metrics.report.text import label

    fits = [row["notes"]["inriq"]["fit_psnr"] for row in rows]
    lines = [
        f"Central {SIDE} x {SIDE} of {', '.join(PICTURES)} at {BPP:g} bits per pixel, effort "
        f"{EFFORT}; mean over images of the mean over {SEEDS} seeds, in brackets of the worst. "
        f"INRIQ's networks fit the references to {min(fits):.1f} - {max(fits):.1f} dB.",
        "",
        f"| | | {' | '.join(FILES)} |",
        "|---|---|" + "---|" * len(FILES),
    ]
    levels = list(dict.fromkeys((o["damage"], o["level"]) for o in rows[0]["outcomes"]))
    for name in METRICS:
        digits = FACTS[name].digits
        clean = [mean(row["undamaged"][name] for row in rows if row["file"] == f) for f in FILES]
        shown = " | ".join(f"{value:.{digits}f}" for value in clean)
        lines.append(f"| **{label(FACTS[name])}** | undamaged | {shown} |")
        for damage in levels:
            cells = [cell(rows, file, name, damage, digits) for file in FILES]
            lines.append(f"| | {TITLES[damage[0]]} {damage[1]:g} | {' | '.join(cells)} |")
    TABLE.write_text("\n".join(lines) + "\n")


def cell(rows: list[JsonRow], file: str, name: str, damage: tuple[str, float], digits: int) -> str:
    """Mean and worst of one metric at one kind of damage."""
    found = [
        outcome
        for row in rows
        if row["file"] == file
        for outcome in row["outcomes"]
        if (outcome["damage"], outcome["level"], outcome["metric"]) == (*damage, name)
    ]
    whole, worst = (mean(outcome[key] for outcome in found) for key in ("mean", "worst"))
    return f"{whole:.{digits}f} ({worst:.{digits}f})"


def mean(values: Any) -> float:
    """The mean."""
    found = list(values)
    return sum(found) / len(found)


if __name__ == "__main__":
    main()
