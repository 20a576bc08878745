"""The 25 distortions of KADID-10k at five levels each, and MRI-style under-sampling.

Pixels in, pixels out: uint8 RGB (H, W, 3) of at least 16 x 16. Source: H. Lin, V. Hosu and
D. Saupe, "KADID-10k: A large-scale artificially distorted IQA database", QoMEX 2019, and the
authors' generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inrcodec import checks
from inrcodec.errors import ImageError, OptionError
from inrcodec.metrics.distortions import operations as ops
from inrcodec.metrics.distortions.tools import Pixels, rounded
from inrcodec.pixels import Picture

LEVELS = (1, 2, 3, 4, 5)
"""KADID's levels, mildest first for most types; d_i of a relative sensitivity analysis."""

SMALLEST_SIDE = 16

CENTER_SHARE = 0.32
"""Share of the kept k-space lines that are the centre: fastMRI's 8 % at 4x, 4 % at 8x."""


@dataclass(frozen=True, slots=True)
class Distortion:
    """One type: KADID's number, a name, and what the operation is given at levels 1 to 5.

    `apply` maps float64 RGB in [0, 1], a parameter and a random generator to the distorted
    image, which may leave [0, 1].
    """

    number: int
    name: str
    title: str
    levels: tuple[float, float, float, float, float]
    apply: Callable[[Pixels, float, np.random.Generator], Pixels]

    def parameter(self, level: int) -> float:
        """Return the parameter of the operation at `level` 1..5."""
        if not isinstance(level, int | np.integer) or level not in LEVELS:
            raise OptionError(f"no level {level!r} of {self.name}; the levels are 1, 2, 3, 4, 5")
        return self.levels[level - 1]

    def distorted(
        self, pixels: NDArray[np.uint8], level: int, *, seed: int = 0
    ) -> NDArray[np.uint8]:
        """Distort uint8 RGB pixels at `level` 1..5; see `distort`. Raises `MissingExtraError`
        for one that needs the extra `distortions`, which is not there."""
        image, parameter = _checked(pixels), self.parameter(level)
        random = _random(seed, self.number, level)
        return rounded(self.apply(image, parameter, random))


_TABLE = (
    Distortion(1, "gaussian_blur", "Gaussian blur", (0.1, 0.5, 1, 2, 5), ops.gaussian_blur),
    Distortion(2, "lens_blur", "Lens blur", (1, 2, 4, 6, 8), ops.lens_blur),
    Distortion(3, "motion_blur", "Motion blur", (1, 2, 4, 6, 10), ops.motion_blur),
    Distortion(4, "color_diffusion", "Color diffusion", (1, 3, 6, 8, 12), ops.color_diffusion),
    Distortion(5, "color_shift", "Color shift", (1, 3, 6, 8, 12), ops.color_shift),
    Distortion(
        6, "color_quantization", "Color quantization", (64, 48, 32, 16, 8), ops.color_quantization
    ),
    Distortion(
        7,
        "color_saturation_1",
        "Color saturation (HSV)",
        (0.4, 0.2, 0.1, 0, -0.4),
        ops.color_saturation_1,
    ),
    Distortion(
        8, "color_saturation_2", "Color saturation (Lab)", (1, 2, 3, 6, 9), ops.color_saturation_2
    ),
    Distortion(9, "jpeg2000", "JPEG 2000", (16, 32, 45, 120, 400), ops.jpeg2000),
    Distortion(10, "jpeg", "JPEG", (43, 36, 24, 7, 4), ops.jpeg),
    Distortion(
        11, "white_noise", "White noise", (0.001, 0.002, 0.003, 0.005, 0.01), ops.white_noise
    ),
    Distortion(
        12,
        "white_noise_color",
        "White noise in YCbCr",
        (0.0001, 0.0005, 0.001, 0.002, 0.003),
        ops.white_noise_color,
    ),
    Distortion(
        13, "impulse_noise", "Impulse noise", (0.001, 0.005, 0.01, 0.02, 0.03), ops.impulse_noise
    ),
    Distortion(
        14,
        "multiplicative_noise",
        "Multiplicative noise",
        (0.001, 0.005, 0.01, 0.02, 0.05),
        ops.multiplicative_noise,
    ),
    Distortion(15, "denoise", "Noise and denoising", (0.01, 0.03, 0.05, 0.1, 0.15), ops.denoise),
    Distortion(16, "brighten", "Brighten", (0.1, 0.2, 0.4, 0.7, 1.1), ops.brighten),
    Distortion(17, "darken", "Darken", (0.05, 0.1, 0.2, 0.4, 0.8), ops.darken),
    Distortion(18, "mean_shift", "Mean shift", (0.15, 0.08, 0, -0.08, -0.15), ops.mean_shift),
    Distortion(19, "jitter", "Jitter", (0.05, 0.1, 0.2, 0.5, 1), ops.jitter),
    Distortion(
        20,
        "non_eccentricity_patch",
        "Non-eccentricity patches",
        (20, 40, 60, 80, 100),
        ops.non_eccentricity_patch,
    ),
    Distortion(21, "pixelate", "Pixelate", (0.01, 0.05, 0.1, 0.2, 0.5), ops.pixelate),
    Distortion(22, "quantization", "Quantization", (20, 16, 13, 10, 7), ops.quantization),
    Distortion(23, "color_block", "Color blocks", (2, 4, 6, 8, 10), ops.color_block),
    Distortion(24, "high_sharpen", "Over-sharpening", (1, 2, 3, 6, 12), ops.high_sharpen),
    Distortion(
        25, "contrast_change", "Contrast change", (0.3, 0.15, 0, -0.4, -0.6), ops.contrast_change
    ),
)

DISTORTIONS: dict[str, Distortion] = {distortion.name: distortion for distortion in _TABLE}
"""The 25 types by name, in KADID's order."""


def rgb_of(picture: Picture) -> NDArray[np.uint8]:
    """The pixels of an image as the distortions take them, uint8 RGB (H, W, 3).

    Gray becomes three equal channels, 16 bit is rounded to 8. Raises `ImageError` for an image
    with alpha, which none of the distortions knows.
    """
    if picture.channels in (2, 4):
        raise ImageError("an image with alpha cannot be distorted: lay it over a colour first")
    pixels = picture.pixels
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(pixels, 3, 2) if picture.channels == 1 else pixels.astype(np.uint8)


def distort(
    pixels: NDArray[np.uint8], name: str, level: int, *, seed: int = 0
) -> NDArray[np.uint8]:
    """Distort uint8 RGB pixels by one type at `level` 1..5.

    What is random depends on (`seed`, the type's number, `level`) only: not on earlier calls, nor
    on the image's contents.
    """
    checks.known("distortion", name, DISTORTIONS)
    return DISTORTIONS[name].distorted(pixels, level, seed=seed)


def undersample(pixels: NDArray[np.uint8], factor: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Keep one in `factor` columns of each channel's spectrum and show the magnitude (MRI).

    The zero-filled reconstruction of Cartesian sampling with the phase encoded along the width;
    all channels share the lines of `sampling_mask`. Factor 1 is the identity.
    """
    image = _checked(pixels)
    mask = sampling_mask(image.shape[1], factor, seed=seed)
    if mask.all():
        return pixels.copy()
    # the mask is centred; numpy's spectra start at frequency 0
    spectrum = np.fft.fft(image, axis=1) * np.fft.ifftshift(mask)[:, None]
    return rounded(np.abs(np.fft.ifft(spectrum, axis=1)))


def sampling_mask(lines: int, factor: int, *, seed: int = 0) -> NDArray[np.bool_]:
    """Choose the lines kept of a centred spectrum: `lines` / `factor`, rounded, at least one.

    A band around frequency 0 holds `CENTER_SHARE` of them; the others are drawn evenly at random
    without replacement, as fastMRI's knee protocol does.
    """
    if not isinstance(factor, int | np.integer) or factor < 1:
        raise OptionError(f"the factor must be an integer of at least 1, got {factor!r}")
    kept = max(1, round(lines / factor))
    center = kept if factor == 1 else max(1, round(kept * CENTER_SHARE))
    mask = np.zeros(lines, np.bool_)
    mask[lines // 2 - center // 2 :][:center] = True
    others = np.flatnonzero(~mask)
    mask[_random(seed, 0, int(factor)).choice(others, kept - center, replace=False)] = True
    return mask


def _checked(pixels: NDArray[np.uint8]) -> Pixels:
    """Return the image as float64 in [0, 1], or raise `ImageError`."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        kind = getattr(pixels, "dtype", type(pixels).__name__)
        raise ImageError(f"expected uint8 pixels, got {kind}")
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ImageError(f"expected RGB pixels (H, W, 3), got shape {pixels.shape}")
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise ImageError(
            f"expected at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, got {width} x {height}"
        )
    return pixels / 255


def _random(seed: int, number: int, level: int) -> np.random.Generator:
    """Return the random stream of one seed, type and level."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise OptionError(f"the seed must be a non-negative integer, got {seed!r}")
    return np.random.default_rng([int(seed), number, int(level)])
