"""The reference codecs as a table: JPEG, JPEG 2000, WebP, AVIF and JPEG XL at fair settings.

`baselines.py` encodes with them. Settings are those a careful user would choose for the smallest
file at an equal error; JPEG XL and AVIF with tune=ssim or tune=iq are tuned for the eye (iq, of aom
from 3.12 on, is what its makers advise for images). Pillow does the work,
imagecodecs that of JPEG XL. Encoders run on one thread, because the bytes of AVIF depend on it.
Pillow decodes AVIF on every core unless `PIL.AvifImagePlugin.DEFAULT_MAX_THREADS` says otherwise,
as it does in the workers of `rd.py`.

What was refused, and why:

- JPEG XL with alpha: this encoder drops the colour below transparent pixels;
- JPEG XL at 16 bit: imagecodecs marks 16-bit samples as linear light, which wastes bits on sRGB;
- 16 bit elsewhere: Pillow reduces it to 8, but for gray JPEG 2000.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from PIL import Image, ImageFile, features

from inrcodec.images.writing import to_pil
from inrcodec.pixels import Picture, Samples

MOST_JPEG = 2
"""Bytes that a sample of a JPEG file takes at most, roughly: noise at quality 100 takes 0.98."""

FINE_STEPS = 2048
"""Steps in the grid of a quality that is no integer; one changes the size by about 0.4 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One way to encode: fixed settings, and a quality from `low` to `high` on its own scale.

    `grid` holds the qualities a search for a size tries, smallest file first. `settings` are what
    the encoder is given for RGB (for gray, AVIF takes 4:0:0). `decode` gives what the file holds:
    RGB where the format has no gray. `missing` says why the codec cannot be used here, or None.
    """

    name: str
    title: str
    settings: Mapping[str, Any]
    low: float
    high: float
    integer: bool
    larger_is_better: bool
    grid: tuple[float, ...]
    encode: Callable[[Samples, float], bytes]
    decode: Callable[[bytes], Samples]
    missing: Callable[[], str | None]
    channels: tuple[int, ...] = (1, 2, 3, 4)
    channels_16_bit: tuple[int, ...] = ()


def available_codecs() -> dict[str, str | None]:
    """List every codec by name: None where it can be used, else the reason why not."""
    return {name: codec.missing() for name, codec in CODECS.items()}


def library_versions() -> dict[str, str]:
    """List the versions of the libraries behind the codecs, as far as they are present."""
    found: dict[str, str | None] = {
        "aom": _aom_version(),
        "libavif": features.version_module("avif"),
        "libjpeg_turbo": features.version_feature("libjpeg_turbo"),
        "libwebp": features.version_module("webp"),
        "openjpeg": features.version_codec("jpg_2000"),
        "pillow": features.version_module("pil"),
    }
    if _jpegxl_missing() is None:
        import imagecodecs

        found["imagecodecs"] = str(imagecodecs.__version__)
        found["libjxl"] = str(imagecodecs.jpegxl_version()).removeprefix("libjxl ")
    return {name: version for name, version in sorted(found.items()) if version}


def _pillow_encode(
    file_format: str, settings: Mapping[str, Any], pixels: Samples, quality: float
) -> bytes:
    """Encode an image with Pillow; `quality` is a compression ratio for JPEG 2000."""
    own: dict[str, Any] = {"quality": quality}
    if file_format == "JPEG2000":
        own = {"quality_layers": [quality]}
    if file_format == "AVIF" and pixels.shape[2] < 3:
        own["subsampling"] = "4:0:0"
    if file_format == "JPEG":  # Pillow holds an optimised file in a block, which may be too small
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, MOST_JPEG * pixels.size)
    out = io.BytesIO()
    to_pil(Picture(pixels)).save(out, file_format, **{**settings, **own})
    return out.getvalue()


def _pillow_decode(file_format: str, data: bytes) -> Samples:
    """Decode a file that this format's encoder made, with the channels that Pillow gives it.

    The format's own reader is called: `Image.open` would warn of large images, and a warning can
    only be silenced for all threads at once.
    """
    Image.init()
    reader, _ = Image.OPEN[file_format]
    with reader(io.BytesIO(data), "") as image:
        samples: Samples = np.array(image)
    return samples[:, :, None] if samples.ndim == 2 else samples


def _jpegxl_encode(settings: Mapping[str, Any], pixels: Samples, quality: float) -> bytes:
    """Encode an image with libjxl; `quality` is a Butteraugli distance."""
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(pixels, distance=quality, **settings))


def _jpegxl_decode(data: bytes) -> Samples:
    """Decode a JPEG XL file."""
    import imagecodecs

    samples: Samples = np.asarray(imagecodecs.jpegxl_decode(data, numthreads=1))
    return samples[:, :, None] if samples.ndim == 2 else samples


def _pillow_missing(feature: str) -> str | None:
    """Say why Pillow cannot do this, or None."""
    return None if features.check(feature) else f"this Pillow is built without {feature}"


def _aom_version() -> str | None:
    """Find the version of the AV1 encoder inside Pillow, or None."""
    if not features.check("avif"):
        return None
    from PIL import AvifImagePlugin

    return AvifImagePlugin.get_codec_version("aom")


def _tune_missing(tune: str) -> str | None:
    """Say why AVIF cannot be used with this tune, or None: `tune` is an option of aom alone."""
    if missing := _pillow_missing("avif"):
        return missing
    version = _aom_version()
    if version is None:
        return "this Pillow's AVIF is built without the encoder aom"
    return None if _knows(tune) else f"the aom {version} of this Pillow does not know tune={tune}"


@cache
def _knows(tune: str) -> bool:
    """Whether the AV1 encoder takes this tune."""
    settings = {"codec": "aom", "speed": 10, "max_threads": 1, "advanced": {"tune": tune}}
    try:
        Image.new("RGB", (8, 8)).save(io.BytesIO(), "AVIF", **settings)
    except (OSError, ValueError, RuntimeError):
        return False
    return True


def _jpegxl_missing() -> str | None:
    """Say why JPEG XL cannot be used, or None."""
    try:
        import imagecodecs
    except ImportError:
        return "imagecodecs is not installed: pip install 'inrcodec[metrics]'"
    lacks_jpegxl = "this imagecodecs is built without JPEG XL"
    return None if imagecodecs.JPEGXL.available else lacks_jpegxl


def _linear_grid(low: float, high: float) -> tuple[float, ...]:
    """Even steps from low to high, to four digits."""
    return tuple(float(f"{value:.4g}") for value in np.linspace(low, high, FINE_STEPS + 1))


def _ratio_grid(low: float, high: float) -> tuple[float, ...]:
    """Even steps of the logarithm from high to low, to five digits: for scales of error."""
    return tuple(float(f"{value:.5g}") for value in np.geomspace(high, low, FINE_STEPS + 1))


def _avif_grid() -> tuple[int, ...]:
    """The lowest quality of each of the 64 quantisers libavif maps 0..100 to."""
    quantizers = {((100 - quality) * 63 + 50) // 100: quality for quality in range(100, -1, -1)}
    return tuple(sorted(quantizers.values()))


def _jpeg(name: str, subsampling: str) -> Codec:
    """Progressive JPEG with optimised Huffman tables; its quality is 1..100."""
    settings = {"subsampling": subsampling, "optimize": True, "progressive": True}
    return Codec(
        name=name,
        title=f"JPEG {subsampling}",
        settings=settings,
        low=1,
        high=100,
        integer=True,
        larger_is_better=True,
        grid=tuple(range(1, 101)),
        encode=partial(_pillow_encode, "JPEG", settings),
        decode=partial(_pillow_decode, "JPEG"),
        missing=partial(_pillow_missing, "jpg"),
        channels=(1, 3),
    )


def _jpeg2000() -> Codec:
    """JPEG 2000 (.jp2) with colour transform and 9/7 wavelet; its quality is raw size : file size.

    Below a ratio of about 5 the default quantiser leaves nothing to gain (50 dB).
    """
    settings = {"mct": 1, "irreversible": True}
    return Codec(
        name="jpeg2000",
        title="JPEG 2000",
        settings=settings,
        low=1,
        high=2000,
        integer=False,
        larger_is_better=False,
        grid=_ratio_grid(1, 2000),
        encode=partial(_pillow_encode, "JPEG2000", settings),
        decode=partial(_pillow_decode, "JPEG2000"),
        missing=partial(_pillow_missing, "jpg_2000"),
        channels_16_bit=(1,),
    )


def _webp() -> Codec:
    """Lossy WebP, alpha lossless; its quality is 0..100 in fractions. Gray is stored as colour."""
    settings = {"method": 6, "exact": True}
    return Codec(
        name="webp",
        title="WebP",
        settings=settings,
        low=0,
        high=100,
        integer=False,
        larger_is_better=True,
        grid=_linear_grid(0, 100),
        encode=partial(_pillow_encode, "WEBP", settings),
        decode=partial(_pillow_decode, "WEBP"),
        missing=partial(_pillow_missing, "webp"),
    )


def _avif(name: str, tune: str, subsampling: str) -> Codec:
    """AVIF by aom at speed 2 on one thread; its quality is 0..100, without the quantiser 0 for
    tune=iq, which refuses it."""
    high = 98 if tune == "iq" else 100
    settings = {
        "subsampling": subsampling,
        "speed": 2,
        "max_threads": 1,
        "codec": "aom",
        "advanced": {"tune": tune},
    }
    return Codec(
        name=name,
        title=f"AVIF tune={tune}" + (" 4:2:0" if subsampling == "4:2:0" else ""),
        settings=settings,
        low=0,
        high=high,
        integer=True,
        larger_is_better=True,
        grid=tuple(quality for quality in _avif_grid() if quality <= high),
        encode=partial(_pillow_encode, "AVIF", settings),
        decode=partial(_pillow_decode, "AVIF"),
        missing=partial(_tune_missing, tune),
    )


def _jpegxl() -> Codec:
    """JPEG XL (VarDCT) at effort 7; its quality is a Butteraugli distance, 25 to 0.05."""
    settings = {"effort": 7, "lossless": False, "usecontainer": False, "numthreads": 1}
    return Codec(
        name="jpegxl",
        title="JPEG XL",
        settings=settings,
        low=0.05,
        high=25,
        integer=False,
        larger_is_better=False,
        grid=_ratio_grid(0.05, 25),
        encode=partial(_jpegxl_encode, settings),
        decode=_jpegxl_decode,
        missing=_jpegxl_missing,
        channels=(1, 3),
    )


CODECS: dict[str, Codec] = {
    "jpeg": _jpeg("jpeg", "4:2:0"),
    "jpeg-444": _jpeg("jpeg-444", "4:4:4"),
    "jpeg2000": _jpeg2000(),
    "webp": _webp(),
    "avif": _avif("avif", "psnr", "4:4:4"),
    "avif-ssim": _avif("avif-ssim", "ssim", "4:4:4"),
    "avif-ssim-420": _avif("avif-ssim-420", "ssim", "4:2:0"),
    "avif-iq": _avif("avif-iq", "iq", "4:4:4"),
    "avif-iq-420": _avif("avif-iq-420", "iq", "4:2:0"),
    "jpegxl": _jpegxl(),
}
