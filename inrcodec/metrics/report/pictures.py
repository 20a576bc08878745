"""The images of a report as data URIs: exact where pixels are judged, small where they can be.

The reference and the decoded .inr files are lossless WebP. A JPEG, WebP or AVIF file that holds
nothing but its image is embedded as it is, other files as lossless WebP. Of images over
`Limits.large_pixels` the page shows smaller copies, and one crop at full size.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inrcodec.metrics.report.records import Report, Version
from inrcodec.pixels import Picture

BROWSER_FORMATS = {"JPEG": "jpeg", "WEBP": "webp", "AVIF": "avif"}
MAX_WEBP_SIDE = 16383

LOSSLESS = "shown lossless"

THUMBNAIL, THUMBNAIL_QUALITY = (144, 96), 70
"""Most width and height of a thumbnail, in pixels, and its WebP quality."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What keeps a page small: above `large_pixels`, copies of `copy_pixels` at `copy_quality`.

    `crop` is the width and height, in pixels, of what is shown side by side.
    """

    large_pixels: int = 2_000_000
    copy_pixels: int = 1_500_000
    copy_quality: int = 90
    crop: tuple[int, int] = (360, 270)


@dataclass(frozen=True, slots=True)
class Shown:
    """One image as a data URI, how it was embedded, and for large images a crop of it."""

    uri: str
    note: str
    crop_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Gallery:
    """All images of a report: first the reference, then every version and codec.

    `width` x `height` is the size embedded, `crop` the corner and size of what is shown side by
    side, in pixels of the reference, `crop_zoom` how often each of them is repeated: more than once
    where the crop is a whole small image.
    """

    width: int
    height: int
    is_copy: bool
    crop: tuple[int, int, int, int]
    crop_zoom: int
    pictures: tuple[Shown, ...]


def gallery(report: Report, limits: Limits | None = None) -> Gallery:
    """Embed every image of a report."""
    limits = limits or Limits()
    versions = [*report.versions, *report.codecs]
    full = [eight_bit(report.picture), *(eight_bit(version.picture) for version in versions)]
    width, height = full[0].size
    is_copy = width * height > limits.large_pixels
    copies = full
    if is_copy:
        scale = (limits.copy_pixels / (width * height)) ** 0.5
        size = max(1, round(width * scale)), max(1, round(height * scale))
        copies = [image.resize(size, Image.Resampling.BOX) for image in full]
    of_one_size = [1, *range(1 + len(report.versions), len(copies))] if report.codecs else None
    compared = [copies[number] for number in of_one_size or range(1, len(copies))]
    if len(compared) < 2:
        compared.insert(0, copies[0])
    crop = _telling_crop(compared, width, height, limits.crop)
    shown = [Shown(data_uri(image), LOSSLESS) for image in copies[:1]]
    for number, (image, version) in enumerate(zip(copies[1:], versions, strict=True)):
        exact = number == 0 or version.kind == "inr" or not is_copy
        quality = None if exact else limits.copy_quality
        shown.append(_embedded(image, version, quality, is_copy))
    if is_copy:
        x, y, wide, high = crop
        parts = [data_uri(image.crop((x, y, x + wide, y + high))) for image in full]
        shown = [Shown(s.uri, s.note, part) for s, part in zip(shown, parts, strict=True)]
    zoom = max(1, min(limits.crop[0] // width, limits.crop[1] // height))
    return Gallery(*copies[0].size, is_copy, crop, zoom, tuple(shown))


def eight_bit(picture: Picture) -> Image.Image:
    """The samples as an 8-bit PIL image, without profiles: every image is shown alike."""
    pixels = picture.pixels
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if picture.channels == 1 else pixels)


def data_uri(image: Image.Image, quality: int | None = None) -> str:
    """The image as a data URI: lossless, or WebP at this quality."""
    out = io.BytesIO()
    kind = "webp" if max(image.size) <= MAX_WEBP_SIDE else "png"
    if kind == "png":
        image.save(out, "PNG", optimize=True)
    elif quality is None:
        image.save(out, "WEBP", lossless=True, exact=True, quality=75, method=4)
    else:
        image.save(out, "WEBP", quality=quality)
    return _uri(out.getvalue(), kind)


def thumbnail(picture: Picture) -> str:
    """A small copy as a data URI of a few kB, without transparency."""
    image = eight_bit(picture)
    if picture.channels in (2, 4):
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
    image.thumbnail(THUMBNAIL, Image.Resampling.BOX)
    return data_uri(image, THUMBNAIL_QUALITY)


def _uri(data: bytes, kind: str) -> str:
    """A data URI of an image file."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _embedded(image: Image.Image, version: Version, quality: int | None, is_copy: bool) -> Shown:
    """One version by the rules of this module; `quality` is that of a lossy copy."""
    kind = None if is_copy else _browser_format(version)
    if kind is not None:
        return Shown(_uri(version.data, kind), "shown by your browser's own decoder")
    if quality is None:
        return Shown(data_uri(image), LOSSLESS)
    return Shown(data_uri(image, quality), f"copy shown as WebP, quality {quality}")


def _browser_format(version: Version) -> str | None:
    """The subtype of a file that any browser shows as Pillow does and that holds nothing else."""
    picture = version.picture
    if version.kind == "inr" or picture.bit_depth != 8:
        return None
    if picture.icc or picture.exif or picture.xmp:
        return None
    try:
        with Image.open(io.BytesIO(version.data)) as image:
            if image.mode not in ("L", "RGB", "RGBA") or getattr(image, "n_frames", 1) > 1:
                return None
            return BROWSER_FORMATS.get(image.format or "")
    except OSError:
        return None  # a format that Pillow does not know, such as JPEG XL


def _telling_crop(
    compared: Sequence[Image.Image], width: int, height: int, largest: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Where images differ most from one another: x, y, width and height at full size."""
    wide, high = min(largest[0], width), min(largest[1], height)
    columns, rows = compared[0].size
    mean, squares = np.zeros((rows, columns, 3)), np.zeros((rows, columns, 3))
    for image in compared:
        samples = np.asarray(image.convert("RGB"), np.float64)
        mean += samples / len(compared)
        squares += samples * samples / len(compared)
    spread = (squares - mean * mean).sum(2)
    window = max(1, high * rows // height), max(1, wide * columns // width)
    sums = _window_sums(spread, *window)
    y, x = divmod(int(sums.argmax()), sums.shape[1])
    left, top = round(x * width / columns), round(y * height / rows)
    return min(left, width - wide), min(top, height - high), wide, high


def _window_sums(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Sums over every window of this size, by its top left corner."""
    total = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    high: NDArray[np.float64] = total[rows:] - total[:-rows]
    wide: NDArray[np.float64] = high[:, columns:] - high[:, :-columns]
    return wide
