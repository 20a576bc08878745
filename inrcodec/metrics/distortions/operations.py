"""The 25 operations of KADID-10k, one function each: float64 RGB in [0, 1], parameter, random.

Results may leave [0, 1]; `distortions.distort` clips and rounds them. Edges are replicated
throughout. Parameters are those of KADID's generator, and so are the conventions of MATLAB it
rests on (named where they matter); its min-max stretch of every image is left out.
"""

from __future__ import annotations

import math
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inrcodec import extras
from inrcodec.metrics.distortions.tools import (
    Pixels,
    blurred,
    disk_kernel,
    filtered,
    floats,
    lab_to_rgb,
    line_kernel,
    otsu_thresholds,
    rgb_to_lab,
    rounded,
    tone_curve,
)

PATCH_SIDE = 16
PATCH_REACH = 8
BLOCK_SIDE = 32
JITTER_PASSES = 5
PALETTE_PIXELS = 1 << 15
SHARPEN_SIGMA = 3.0
SHIFT_MASK_SIGMA = 4.0


def gaussian_blur(image: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    """Blur with a Gaussian of `sigma` px; below 0.125 px its kernel is a single pixel."""
    return blurred(image, sigma)


def lens_blur(image: Pixels, radius: float, random: np.random.Generator) -> Pixels:
    """Average over a disk of `radius` px."""
    return filtered(image, disk_kernel(radius))


def motion_blur(image: Pixels, length: float, random: np.random.Generator) -> Pixels:
    """Average along a line of `length` px at a random angle; one pixel is the identity."""
    return filtered(image, line_kernel(length, random.uniform(0, math.pi)))


def color_diffusion(image: Pixels, amount: float, random: np.random.Generator) -> Pixels:
    """Blur Lab's a and b by sigma 1.5 `amount` + 2 px, then multiply them by `amount`."""
    lab = rgb_to_lab(image)
    lab[..., 1:] = amount * blurred(lab[..., 1:], 1.5 * amount + 2)
    return lab_to_rgb(lab)


def color_shift(image: Pixels, distance: float, random: np.random.Generator) -> Pixels:
    """Move green by `distance` px in a random direction where the image has structure.

    The moved channel's weight is the gradient magnitude of luma, blurred, with its least value
    taken to 0 and its 99th percentile to 1 (one sharp edge must not set the strength of all).
    """
    angle = random.uniform(0, 2 * math.pi)
    offset = np.rint(distance * np.array([math.sin(angle), math.cos(angle)]))
    moved = ndimage.shift(image[..., 1], offset, order=0, mode="nearest")
    luma = image @ np.array([0.299, 0.587, 0.114])
    edges = blurred(np.hypot(*np.gradient(luma)), SHIFT_MASK_SIGMA)
    edges -= edges.min()
    weight = np.minimum(edges / max(float(np.percentile(edges, 99)), 1e-12), 1)
    result = image.copy()
    result[..., 1] += weight * (moved - image[..., 1])
    return result


def color_quantization(image: Pixels, colors: float, random: np.random.Generator) -> Pixels:
    """Reduce to a palette of `colors` (median cut, then k-means), Floyd-Steinberg dithered."""
    samples = rounded(image)
    # some 30,000 pixels make a palette as good as all of them, in a tenth of the time
    step = max(1, math.isqrt(samples.size // (3 * PALETTE_PIXELS)))
    thinned = Image.fromarray(np.ascontiguousarray(samples[::step, ::step]))
    palette = thinned.quantize(int(colors), method=Image.Quantize.MEDIANCUT, kmeans=1)
    picture = Image.fromarray(samples)
    # Pillow dithers only onto a palette that is given
    indexed = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    return np.asarray(indexed.convert("RGB")) / 255


def color_saturation_1(image: Pixels, factor: float, random: np.random.Generator) -> Pixels:
    """Multiply HSV saturation by `factor` at the same hue and value.

    Each channel is V (1 - S w) with w given by the hue, so no conversion is needed, and a negative
    factor reads literally: the complementary hue, brighter than V and clipped.
    """
    value = image.max(axis=2, keepdims=True)
    return floats(value + factor * (image - value))


def color_saturation_2(image: Pixels, factor: float, random: np.random.Generator) -> Pixels:
    """Multiply Lab's a and b by `factor`; 1 is the identity."""
    if factor == 1:
        return image
    lab = rgb_to_lab(image)
    lab[..., 1:] *= factor
    return lab_to_rgb(lab)


def jpeg2000(image: Pixels, ratio: float, random: np.random.Generator) -> Pixels:
    """Compress `ratio`:1 from 24 bits per pixel: irreversible wavelet and colour transform."""
    # the smallest subband keeps a pixel
    resolutions = min(6, int(math.log2(min(image.shape[:2]))))
    return _through_file(
        image,
        "JPEG2000",
        quality_mode="rates",
        quality_layers=[ratio],
        num_resolutions=resolutions,
        irreversible=True,
        mct=1,
    )


def jpeg(image: Pixels, quality: float, random: np.random.Generator) -> Pixels:
    """Compress with libjpeg at `quality`, 4:2:0."""
    return _through_file(image, "JPEG", quality=int(quality), subsampling="4:2:0")


def white_noise(image: Pixels, variance: float, random: np.random.Generator) -> Pixels:
    """Add Gaussian noise of `variance` to R, G and B."""
    return image + random.normal(0, math.sqrt(variance), image.shape)


def white_noise_color(image: Pixels, variance: float, random: np.random.Generator) -> Pixels:
    """Add Gaussian noise of `variance` to Y, Cb and Cr (BT.601, 16..235, as MATLAB's)."""
    color = extras.require("skimage.color", extra="distortions")

    noise = random.normal(0, 255 * math.sqrt(variance), image.shape)
    return floats(color.ycbcr2rgb(color.rgb2ycbcr(image) + noise))


def impulse_noise(image: Pixels, density: float, random: np.random.Generator) -> Pixels:
    """Set a share `density` of all samples to 0 or 1, each sample and each extreme alike."""
    draw = random.random(image.shape)
    return np.where(draw < density, np.where(draw < density / 2, 0.0, 1.0), image)


def multiplicative_noise(image: Pixels, variance: float, random: np.random.Generator) -> Pixels:
    """Speckle: multiply each sample by 1 + uniform noise of `variance`, as MATLAB's imnoise."""
    reach = math.sqrt(3 * variance)
    return image * (1 + random.uniform(-reach, reach, image.shape))


def denoise(image: Pixels, variance: float, random: np.random.Generator) -> Pixels:
    """Add Gaussian noise of `variance`, clip, and remove it by non-local means (KADID: DnCNN)."""
    restoration = extras.require("skimage.restoration", extra="distortions")

    sigma = math.sqrt(variance)
    noisy = np.clip(white_noise(image, variance, random), 0, 1)
    return floats(
        restoration.denoise_nl_means(
            noisy, patch_size=5, patch_distance=5, h=0.5 * sigma, sigma=sigma, channel_axis=-1
        )
    )


def brighten(image: Pixels, amount: float, random: np.random.Generator) -> Pixels:
    """Lift the middle by `amount` / 2: two parts of the curve on RGB, one part on Lab's L."""
    lab = rgb_to_lab(image)
    lab[..., 0] = 100 * tone_curve(lab[..., 0] / 100, [0.5], [0.5 + amount / 2])
    return (2 * tone_curve(image, [0.5], [0.5 + amount / 2]) + lab_to_rgb(lab)) / 3


def darken(image: Pixels, amount: float, random: np.random.Generator) -> Pixels:
    """Lower the middle by `amount` / 2 on R, G and B."""
    return tone_curve(image, [0.5], [0.5 - amount / 2])


def mean_shift(image: Pixels, amount: float, random: np.random.Generator) -> Pixels:
    """Add `amount` to every sample."""
    return image + amount


def jitter(image: Pixels, deviation: float, random: np.random.Generator) -> Pixels:
    """Displace every pixel by N(0, `deviation`) px on both axes, five times, bicubic."""
    height, width = image.shape[:2]
    grid = np.mgrid[:height, :width]
    for _ in range(JITTER_PASSES):
        places = grid + random.normal(0, deviation, grid.shape)
        channels = [
            ndimage.map_coordinates(image[..., channel], places, order=3, mode="nearest")
            for channel in range(3)
        ]
        image = np.stack(channels, axis=2)
    return image


def non_eccentricity_patch(image: Pixels, count: float, random: np.random.Generator) -> Pixels:
    """Cover `count` places of 16 x 16 px with the image from up to 8 px away on each axis."""
    result = image.copy()
    room = np.array(image.shape[:2]) - PATCH_SIDE
    for _ in range(int(count)):
        top, left = random.integers(0, room, endpoint=True)
        down, right = random.integers(-PATCH_REACH, PATCH_REACH, 2, endpoint=True)
        row, column = np.clip((top + down, left + right), 0, room)
        patch = image[row : row + PATCH_SIDE, column : column + PATCH_SIDE]
        result[top : top + PATCH_SIDE, left : left + PATCH_SIDE] = patch
    return result


def pixelate(image: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    """Resize by 0.95 - `strength`^0.6 and back, nearest neighbour both ways."""
    scale = 0.95 - strength**0.6
    rows, columns = (_there_and_back(side, math.ceil(scale * side)) for side in image.shape[:2])
    return image[rows][:, columns]


def quantization(image: Pixels, count: float, random: np.random.Generator) -> Pixels:
    """Split each channel by `count` Otsu thresholds and replace every class by its mean."""
    result = np.empty_like(image)
    for channel in range(3):
        samples = rounded(image[..., channel])
        histogram = np.bincount(samples.ravel(), minlength=256)
        bounds = [0, *otsu_thresholds(histogram, int(count)), 256]
        means = np.zeros(256)
        for low, high in pairwise(bounds):
            share = histogram[low:high]
            means[low:high] = (np.arange(low, high) @ share) / max(1, share.sum())
        result[..., channel] = means[samples] / 255
    return result


def color_block(image: Pixels, count: float, random: np.random.Generator) -> Pixels:
    """Put `count` squares of 32 x 32 px, each of one random colour, at random places."""
    result = image.copy()
    room = np.maximum(np.array(image.shape[:2]) - BLOCK_SIDE, 0)
    for _ in range(int(count)):
        top, left = random.integers(0, room, endpoint=True)
        result[top : top + BLOCK_SIDE, left : left + BLOCK_SIDE] = random.random(3)
    return result


def high_sharpen(image: Pixels, amount: float, random: np.random.Generator) -> Pixels:
    """Unsharp mask on Lab's L: `amount` times what a Gaussian of sigma 3 px takes away."""
    lab = rgb_to_lab(image)
    lab[..., 0] += amount * (lab[..., 0] - blurred(lab[..., 0], SHARPEN_SIGMA))
    return lab_to_rgb(lab)


def contrast_change(image: Pixels, amount: float, random: np.random.Generator) -> Pixels:
    """Curve through (0.3, 0.25 - `amount` / 4), (0.5, 0.5), (0.7, 0.75 + `amount` / 4).

    The identity is -0.2; 0, KADID's level 3, raises the contrast a little.
    """
    return tone_curve(image, [0.3, 0.5, 0.7], [0.25 - amount / 4, 0.5, 0.75 + amount / 4])


def _there_and_back(side: int, small: int) -> NDArray[np.int64]:
    """Index that each of `side` pixels shows after nearest-neighbour resizing to `small`."""
    down = ((np.arange(small) + 0.5) * side / small).astype(np.int64)
    up = ((np.arange(side) + 0.5) * small / side).astype(np.int64)
    return down[up]


def _through_file(image: Pixels, kind: str, **options: Any) -> Pixels:
    """Write the image as a file of this kind and read it back."""
    with BytesIO() as file:
        Image.fromarray(rounded(image)).save(file, kind, **options)
        return np.asarray(Image.open(file).convert("RGB")) / 255
