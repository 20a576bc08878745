"""How INRIQ's two variants move as the reference is fitted better and better.

    python -m benchmarks.metrics.inriq_stability

A 96 x 64 piece of a photograph inside scikit-image, so that one small network can reach 55 dB, in
float32. Results in results/metrics/inriq_stability.jsonl and .md. Besides the two scores in the
package, the table has the symmetric KL divergence of the stable variant's Fisher diagonals: the
form that was not chosen, because it moves.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage import data

from benchmarks.common import parser_of
from inrcodec.metrics.quality import inriq

RESULTS = Path(__file__).parents[1] / "results/metrics/inriq_stability.jsonl"
STEPS = (200, 250, 300, 600, 1000, 2000)


def main() -> None:
    """Fit with more and more steps, score three distortions each time."""
    parser_of(__doc__).parse_args()
    torch.set_num_threads(1)
    picture = data.coffee()[:384, :576].reshape(64, 6, 96, 6, 3).mean((1, 3)).round()
    noise = np.random.default_rng(0).normal(0, 10, picture.shape)
    versions = {
        "noise, sigma 10": picture + noise,
        "blur, sigma 1.5": gaussian_filter(picture, (1.5, 1.5, 0)),
        "20 levels brighter": picture + 20,
    }
    versions = {name: np.clip(np.round(v), 0, 255).astype(np.uint8) for name, v in versions.items()}
    reference = picture.astype(np.uint8)
    header = [
        f"{name}: {kind}" for name in versions for kind in ("stable", "stable by KL", "paper")
    ]
    lines = [
        "| steps | fit (dB): stable | paper | " + " | ".join(header) + " |",
        "|---" * (len(header) + 3) + "|",
    ]
    RESULTS.write_text("")
    for steps in STEPS:
        options = {"steps": steps, "precision": torch.float32}
        stable = inriq.Inriq(reference, **options)
        paper = inriq.Inriq(reference, variant="paper", init="meta", target_psnr=0, **options)
        row = {"steps": steps, "fit_psnr": stable.fit_psnr, "seed": 0, "threads": 1}
        row |= {"paper_fit_psnr": paper.fit_psnr, "torch": torch.__version__}
        for name, version in versions.items():
            row[name] = [float(stable(version)), by_kl(stable, version), float(paper(version))]
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")
        cells = [f"{value:.3f}" for name in versions for value in row[name]]
        fits = f"{stable.fit_psnr:.1f} | {paper.fit_psnr:.1f}"
        lines.append(f"| {steps} | {fits} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n")


def by_kl(scorer: inriq.Inriq, version: np.ndarray) -> float:
    """The stable variant's Fisher diagonals, compared by the paper's divergence."""
    reference, degraded = scorer.fisher(version)
    return float(inriq.symmetric_kl(reference, {n: value[0] for n, value in degraded.items()}))


if __name__ == "__main__":
    main()
