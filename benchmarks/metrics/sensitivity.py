"""Table 1 of the INRIQ paper on our distortions, and agreement with KADID's opinion scores.

    python -m benchmarks.metrics.sensitivity --images 8 --processes 2
    INRCODEC_CLIP=ViT-B-32.pt python -m benchmarks.metrics.sensitivity --metrics clip

Every metric scores every one of the 125 distorted versions of the middle of each photograph (every
third of the 24 of Kodak), cut to the size of KADID's own pictures. Rows go to
results/metrics/sensitivity.jsonl, one per picture and type, as each picture is done; a run measures
only the metrics that are not there, and leaves out CLIP where its archive (OpenAI's, of your own)
is not at hand. The tables in results/metrics/sensitivity.md: relative
sensitivity beside the paper's figures, and rank correlation with the mean opinion scores of
KADID-10k for the same type and level. Those scores were given to other photographs, so they tell
about types and levels, not about pictures.
"""

import json
import math
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.common import parser_of, run_jobs, workers_of

RESULTS = Path(__file__).parents[1] / "results/metrics/sensitivity.jsonl"
TABLE = RESULTS.with_suffix(".md")
METRICS = (
    "psnr",
    "ssim",
    "ms-ssim",
    "lpips-squeeze",
    "clip",
    "inriq-paper",
    "inriq",
    "iem-gaussian",
    "iem",
)
PUBLISHED = {
    "lens_blur": (0.1365, 0.2210, 0.9040, 0.1152, 0.0641, 1.4446),
    "motion_blur": (0.1501, 0.1101, 1.6880, 0.0348, 0.0261, 2.6382),
    "color_shift": (0.0463, 0.0090, 0.4466, 0.0131, 0.0239, 0.4105),
    "color_quantization": (0.1998, 0.2068, 0.9754, 0.0466, 0.0367, 1.9703),
    "jpeg2000": (0.1103, 0.0811, 1.3958, 0.0310, 0.0312, 3.5931),
    "jpeg": (0.1737, 0.1775, 1.7675, 0.0962, 0.1157, 1.6321),
    "white_noise": (0.1187, 0.2053, 0.5515, 0.0525, 0.0124, 1.0649),
    "impulse_noise": (0.1105, 0.1545, 0.5148, 0.0508, 0.0128, 1.1875),
    "brighten": (0.3235, 0.1805, 2.2387, 0.1014, 0.0347, 2.6364),
    "darken": (0.2485, 0.1918, 2.7168, 0.0696, 0.0205, 3.2511),
    "jitter": (0.1014, 0.1052, 2.1867, 0.0326, 0.0420, 1.4881),
    "pixelate": (0.0356, 0.0470, 0.3815, 0.0187, 0.0130, 0.2285),
    "high_sharpen": (0.1936, 0.2151, 0.6720, 0.1217, 0.0478, 1.2232),
    "contrast_change": (0.3142, 0.1863, 2.3827, 0.0685, 0.0214, 2.7573),
}
"""INRIQ paper, Table 1: PSNR, SSIM, LPIPS, MS-SSIM, CLIP, INRIQ."""

PUBLISHED_METRICS = ("psnr", "ssim", "lpips-squeeze", "ms-ssim", "clip", "inriq-paper")


def measure(job: tuple[Path, tuple[str, ...], list[str]]) -> list[dict]:
    """Score the missing types of one picture by metrics; a row for each type."""
    path, metrics, missing = job
    import numpy as np
    import torch

    from inrcodec.images.reading import read_image
    from inrcodec.metrics.distortions.kadid import LEVELS, distort
    from inrcodec.metrics.judge import Judge

    torch.set_num_threads(1)
    started = time.perf_counter()
    pixels = central_crop(read_image(path).pixels)
    judge = Judge(pixels, metrics)
    prepared = time.perf_counter() - started
    rows: dict[str, dict] = {}
    for name in missing:
        row = rows.setdefault(name, {"image": path.stem, "type": name, "values": {}})
        degraded = np.stack([distort(pixels, name, level, seed=0) for level in LEVELS])
        for values in judge.score_each(degraded):
            for metric, value in values.items():
                row["values"].setdefault(metric, []).append(
                    value if math.isfinite(value) else str(value)
                )
    facts = {"notes": judge.notes(), "seed": 0, "threads": 1, "versions": versions()}
    facts["prepare_seconds"] = prepared
    facts["seconds_a_type"] = (time.perf_counter() - started) / len(missing)
    return [{**row, **facts} for row in rows.values()]


def versions() -> dict[str, str]:
    """What the scores depend on."""
    import scipy
    import skimage
    import torch

    import inrcodec
    from inrcodec.metrics.references.baselines import library_versions

    found = {module.__name__: module.__version__ for module in (inrcodec, torch, scipy, skimage)}
    return found | library_versions() | {"python": platform.python_version()}


def central_crop(pixels):
    """The middle 512 x 384 (384 x 512 upright): the size of KADID-10k's pictures."""
    from inrcodec.pixels import middle

    upright = pixels.shape[0] >= pixels.shape[1]
    return middle(pixels, *((512, 384) if upright else (384, 512)))


def main() -> None:
    """Run what is missing, then write the tables."""
    parser = parser_of(__doc__, processes=2)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--metrics", default=",".join(METRICS), help="Names to measure.")
    arguments = parser.parse_args()
    os.environ.setdefault("INRCODEC_WEIGHTS", str((arguments.shared / "weights").resolve()))
    from inrcodec.metrics.distortions.kadid import DISTORTIONS

    metrics = available(arguments.metrics.split(","))
    pictures = sorted((arguments.shared / "kodak").glob("kodim*.png"))
    pictures = pictures[:: max(1, len(pictures) // arguments.images)][: arguments.images]
    values = {(row["image"], row["type"]): set(row["values"]) for row in stored()}
    jobs = []
    for path in pictures:
        wanted = {d: set(metrics) - values.get((path.stem, d), set()) for d in DISTORTIONS}
        types = [name for name, those in wanted.items() if those]
        judged = tuple(m for m in metrics if any(m in those for those in wanted.values()))
        if types:
            jobs.append((path, judged, types))
    for row in run_jobs(RESULTS, jobs, measure, **workers_of(arguments)):
        print(row["image"], row["type"], flush=True)
    write_tables(stored(), arguments.shared)


def available(names: list[str]) -> tuple[str, ...]:
    """Those of the metrics that can be used here; says why the others cannot."""
    from inrcodec.metrics.metric_table import metric

    reasons = {name: metric(name).unavailable() for name in names}
    for name, reason in reasons.items():
        if reason:
            print(f"{name} is left out: {reason}")
    return tuple(name for name, reason in reasons.items() if not reason)


def stored() -> list[dict]:
    """A row for each picture and type so far, of all metrics measured."""
    found: dict[tuple[str, str], dict] = {}
    for line in RESULTS.read_text().splitlines() if RESULTS.exists() else ():
        row = json.loads(line)
        known = found.setdefault((row["image"], row["type"]), row)
        for part in ("values", "notes"):
            known[part] |= row[part]
    return list(found.values())


def scored(rows: list[dict]) -> list:
    """A `Score` for each picture, type and level."""
    from inrcodec.metrics.distortions.relative_sensitivity import Score

    return [
        Score(row["image"], row["type"], level, {n: float(v[level - 1]) for n, v in values.items()})
        for row in rows
        for values in [row["values"]]
        for level in range(1, 6)
    ]


def write_tables(rows: list[dict], shared: Path) -> None:
    """Both tables of all that was measured, as Markdown."""
    from inrcodec.metrics.distortions.kadid import DISTORTIONS
    from inrcodec.metrics.distortions.opinions import read_opinions
    from inrcodec.metrics.distortions.relative_sensitivity import agreement, sensitivity

    every = scored(rows)
    metrics = [m for m in METRICS if any(m in row["values"] for row in rows)]
    images = sorted({row["image"] for row in rows})
    lines = [
        f"{len(images)} Kodak photographs, central 512 x 384: {', '.join(images)}.",
        *fitted_lines(rows),
        "",
        "## Relative sensitivity (INRIQ paper, equations 1 and 2; its Table 1 in brackets)\n",
        "Mean over pictures, then 95 % bootstrap interval, share of steps in the right direction,",
        "and excluded / all steps where any were excluded.\n",
        "| distortion | " + " | ".join(metrics) + " |",
        "|---" * (len(metrics) + 1) + "|",
    ]
    for name in DISTORTIONS:
        cells = [sensitivity_cell(sensitivity(every, m, name), name, m) for m in metrics]
        label = f"**{name}**" if name in PUBLISHED else name
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    lines += [
        "\n## Agreement with KADID-10k's mean opinion scores (SRCC)\n",
        "| metric | 125 types and levels | 95 % interval | levels within a type, mean |",
        "|---|---|---|---|",
    ]
    opinions = read_opinions(shared / "iqa/kadid10k/mean_mos_by_type_level.csv")
    for m in metrics:
        a = agreement(every, m, opinions)
        lines.append(f"| {m} | {a.srcc:.3f} | {a.low:.3f} - {a.high:.3f} | {a.within_types:.3f} |")
    TABLE.write_text("\n".join(lines) + "\n")
    print("\n".join(lines[-len(metrics) - 2 :]))


def fitted_lines(rows: list[dict]) -> list[str]:
    """For each metric that fits a network: how well, and to which photographs."""
    fits: dict[str, dict[str, float]] = {}
    for row in rows:
        for metric, note in row["notes"].items():
            if "fit_psnr" in note:
                fits.setdefault(metric, {})[row["image"]] = note["fit_psnr"]
    return [
        f"The networks of {metric} fit {len(found)} of them to "
        f"{min(found.values()):.1f} - {max(found.values()):.1f} dB."
        for metric, found in fits.items()
    ]


def sensitivity_cell(value, distortion: str, metric: str) -> str:
    """One cell of the first table."""
    if value.mean is None:
        return "all steps excluded"
    text = f"{value.mean:.3f}"
    if distortion in PUBLISHED and metric in PUBLISHED_METRICS:
        text += f" [{PUBLISHED[distortion][PUBLISHED_METRICS.index(metric)]:.3f}]"
    text += f"; {value.low:.3f} - {value.high:.3f}"
    if value.monotone is not None:
        text += f"; {100 * value.monotone:.0f} %"
    excluded = value.zero_values + value.not_finite + value.zero_severities
    return text + (f"; {excluded} / {excluded + value.steps} out" if excluded else "")


if __name__ == "__main__":
    main()
