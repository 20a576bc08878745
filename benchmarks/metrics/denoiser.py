"""The learned denoiser against the Wiener filter on the 24 Kodak photographs.

    python -m benchmarks.metrics.denoiser --data ../shared/data/kodak

White noise of sigma in {2, 5, 10, 25, 50} on the scale of 8 bit, seeded by strength, not clipped.
Rows in results/metrics/denoiser.jsonl, table in results/metrics/denoiser.md.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from inrcodec.images.reading import read_image
from inrcodec.metrics.quality import denoiser, gaussian_prior
from inrcodec.metrics.quality.inputs import batch

RESULTS = Path(__file__).parents[1] / "results/metrics/denoiser.jsonl"
SIGMAS = (2, 5, 10, 25, 50)


def measure(path: Path) -> dict:
    """PSNR in dB of both denoisers on one picture at every strength."""
    clean = (batch(read_image(path).pixels) * 2 - 1).float()
    row: dict = {"image": path.stem, "sigmas": SIGMAS, "learned_db": [], "wiener_db": []}
    for level in SIGMAS:
        sigma = level / 127.5
        generator = torch.Generator().manual_seed(level)
        noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
        for name, function in (("learned", denoiser.denoise), ("wiener", gaussian_prior.wiener)):
            error = float((function(noisy, sigma) - clean).square().mean()) / 4
            row[f"{name}_db"].append(-10 * np.log10(error))
    return row


def main() -> None:
    """Measure every picture, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(path) for path in sorted(arguments.data.glob("kodim*.png"))]
    RESULTS.write_text(
        "".join(
            json.dumps(row | {"seed": "sigma", "threads": 1, "torch": torch.__version__}) + "\n"
            for row in rows
        )
    )
    learned, wiener = (np.array([row[f"{n}_db"] for row in rows]) for n in ("learned", "wiener"))
    lines = [
        f"PSNR in dB, mean of {len(rows)} Kodak photographs.\n",
        "| sigma (8 bit) | Wiener | learned | least gain on one picture |",
        "|---|---|---|---|",
    ]
    for k, sigma in enumerate(SIGMAS):
        gain = (learned - wiener)[:, k].min()
        means = wiener[:, k].mean(), learned[:, k].mean()
        lines.append(f"| {sigma} | {means[0]:.2f} | {means[1]:.2f} | {gain:+.2f} |")
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
