"""Fit the Gaussian prior of `inrcodec/metrics/quality/gaussian_prior.py` to photographs.

    python -m training.fit_gaussian_prior --data ../shared/data/cid22_train

Prints the constants to paste there. Colour axes are the principal axes of the pixels; the three
spectra are least-squares fits, in log variance, to the mean squared DCT coefficients in octave
thirds of frequency. The constants in use were fitted to the 209 CID22 training images
(Cloudinary Image Dataset '22, CC BY-SA 4.0). Nothing here is random.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import dctn
from scipy.optimize import least_squares


def main() -> None:
    """Read the photographs, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/cid22_train"))
    arguments = parser.parse_args()
    pictures = [
        np.asarray(Image.open(path).convert("RGB")) / 127.5 - 1
        for path in sorted(arguments.data.glob("*.png"))
    ]
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures])
    mean = pixels.mean(0)
    _, axes = np.linalg.eigh(np.cov(pixels.T))
    axes = axes.T[::-1]
    axes *= np.sign(axes[np.arange(3), np.abs(axes).argmax(1)])[:, None]
    frequencies, powers = spectra(pictures, mean, axes)
    fits = [fit(frequencies, power) for power in powers]
    print("MEAN =", tuple(np.round(mean, 4).tolist()))
    print("AXES =", tuple(tuple(np.round(axis, 8).tolist()) for axis in axes))
    for name, values in zip(("POWER", "CORNER", "SLOPE"), zip(*fits, strict=True), strict=True):
        print(name, "=", tuple(float(f"{value:.4g}") for value in values))


def spectra(pictures: list, mean: np.ndarray, axes: np.ndarray) -> tuple:
    """Frequencies (n,) in cycles per pixel and mean squared coefficients (3, n)."""
    total, count = 0.0, 0
    shape = pictures[0].shape[:2]
    for picture in pictures:
        if picture.shape[:2] == shape:
            total = total + dctn((picture - mean) @ axes.T, axes=(0, 1), norm="ortho") ** 2
            count += 1
    power = total / count
    rows, columns = (np.arange(size) / (2 * size) for size in shape)
    radius = np.hypot(rows[:, None], columns)
    edges = 2.0 ** np.arange(-10, -0.4, 1 / 3)
    bins = np.digitize(radius, edges)
    used = [b for b in range(len(edges) + 1) if (bins == b).any()]
    frequencies = np.array([radius[bins == b].mean() for b in used])
    return frequencies, np.array([[power[bins == b, k].mean() for b in used] for k in range(3)])


def fit(frequencies: np.ndarray, power: np.ndarray) -> tuple[float, float, float]:
    """(power, corner, lambda) of one spectrum."""

    def residual(p: np.ndarray) -> np.ndarray:
        model = p[0] - np.exp(p[2]) / 2 * np.log(frequencies**2 + np.exp(2 * p[1]))
        return model - np.log(power)

    p = least_squares(residual, [np.log(power[-1]), np.log(0.002), np.log(2.0)]).x
    return float(np.exp(p[0])), float(np.exp(p[1])), float(np.exp(p[2]))


if __name__ == "__main__":
    main()
