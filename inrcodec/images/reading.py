"""Image files -> `Picture`: what is kept, what is converted, what is refused.

Pillow reads; imagecodecs steps in for 16-bit colour, which Pillow reduces to 8 bit.
The policy, by what the file holds:

- gray, gray+alpha, RGB, RGB+alpha: kept, at 8 or 16 bit (PNG, TIFF, PPM; other formats at 8 bit);
- palette: RGB, with alpha if any entry is transparent; 1 bit: gray, 0 and 255;
- a transparent colour (tRNS): becomes an alpha channel;
- CMYK: converted to sRGB through its ICC profile, else by Pillow's uncalibrated formula;
- Lab: converted to sRGB; YCbCr and HSV: RGB; 32-bit integers: 16 bit if they fit, else refused;
- floats: refused unless in [0, 1], then 16 bit;
- EXIF orientation: applied, and removed from EXIF and XMP; ICC, EXIF and XMP: kept;
- animations: the first frame, with an `ImageWarning`.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from inrcodec.errors import ImageError, ImageWarning
from inrcodec.pixels import (
    CHANNEL_NAMES,
    MAX_METADATA_BYTES,
    Picture,
    Samples,
    check_size,
    from_unit,
)

MAX_FILE_BYTES = 1 << 30
"""Largest image file read, in bytes."""

ORIENTATION = 0x0112
XMP_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(=\s*["'][0-9]["']|>\s*[0-9]\s*<)""")

Source = str | os.PathLike[str] | bytes | IO[bytes]


def read_image(source: Source) -> Picture:
    """Read one picture from a path, bytes or a binary file object; raises `ImageError`.

    The size is checked against the limits before any sample is decoded.
    """
    name = str(source) if isinstance(source, (str, os.PathLike)) else "the image data"
    data = _read_bytes(source, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                check_size(*image.size)
                sixteen_bit = _read_sixteen_bit_colour(image, data)
                _load(image, name)
                picture = from_pil(image, sixteen_bit)
                frames = getattr(image, "n_frames", 1)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not an image in a known format") from None
    except MemoryError:
        raise ImageError(f"{name}: not enough memory to decode the picture") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error and many more
        reason = str(error).replace("\n", " ") or type(error).__name__
        raise ImageError(f"{name}: cannot be decoded: {reason}") from None
    if frames > 1:
        warnings.warn(
            f"{name}: {frames} frames; only the first is used", ImageWarning, stacklevel=2
        )
    return picture


def _read_bytes(source: Source, name: str) -> bytes:
    """The whole file, refusing folders and anything over `MAX_FILE_BYTES`."""
    try:
        if isinstance(source, bytes):
            data = source
        elif isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        else:
            data = source.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ImageError(f"{name}: cannot be read: {reason}") from None
    if len(data) > MAX_FILE_BYTES:
        raise ImageError(f"{name}: larger than {MAX_FILE_BYTES} bytes")
    if not data:
        raise ImageError(f"{name}: the file is empty")
    return data


def _load(image: Image.Image, name: str) -> None:
    """Decode the samples, forgiving damage that lies behind the last of them.

    Pillow raises on a broken trailing chunk although every sample is there; it then has no tiles
    left to decode, and only then does a second call succeed.
    """
    try:
        image.load()
    except (OSError, SyntaxError):
        if getattr(image, "tile", None):
            raise
        image.load()
        warnings.warn(f"{name}: damaged behind the picture data", ImageWarning, stacklevel=3)


def _read_sixteen_bit_colour(image: Image.Image, data: bytes) -> NDArray[np.uint16] | None:
    """16-bit samples (H, W, C) where Pillow would drop the low byte; None elsewhere."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return None
    arguments = tiles[0][3]
    if image.format == "PPM" and tiles[0][0] == "ppm" and image.mode == "RGB":
        peak = arguments[1] if isinstance(arguments, tuple) else 255
        if peak < 256:
            return None
        count = image.width * image.height * 3
        flat = np.frombuffer(data, ">u2", count, tiles[0][2]).astype(np.uint32)
        scaled = (np.minimum(flat, peak) * 65535 + peak // 2) // peak
        return scaled.astype(np.uint16).reshape(image.height, image.width, 3)
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    if not isinstance(raw_mode, str) or ";16" not in raw_mode:
        return None
    colour = image.mode in ("RGB", "RGBA", "RGBX", "LA")
    if not colour and "transparency" not in image.info:
        return None  # Pillow keeps 16-bit gray
    import imagecodecs

    decoders = {"PNG": imagecodecs.png_decode, "TIFF": imagecodecs.tiff_decode}
    if image.format not in decoders:
        return None
    samples = np.asarray(decoders[image.format](data))
    if image.format == "TIFF":  # Pillow turns a TIFF upright by itself and forgets the tag
        orientation = image.getexif().get(ORIENTATION, 1)
        samples = _oriented(samples, orientation if orientation in range(1, 9) else 1)
    if samples.dtype != np.uint16 or samples.shape[:2] not in (image.size, image.size[::-1]):
        return None
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    if raw_mode.startswith("RGBX"):
        samples = samples[:, :, :3]
    if raw_mode.startswith("RGBa"):
        samples = _unpremultiplied(samples)
    return samples


def _unpremultiplied(samples: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Colour divided by alpha: premultiplied (H, W, 4) -> straight."""
    alpha = samples[:, :, 3:].astype(np.uint64)
    colour = (samples[:, :, :3] * np.uint64(65535) + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colour, 65535).astype(np.uint16), samples[:, :, 3:]], axis=2)


def from_pil(image: Image.Image, samples: NDArray[np.uint16] | None = None) -> Picture:
    """A PIL image -> `Picture`; `samples`, where given, replace what Pillow decoded."""
    check_size(*image.size)
    icc = image.info.get("icc_profile")
    orientation, exif, xmp = _metadata(image)
    if samples is None:
        image, icc = _to_supported_mode(image, icc)
    pixels: Samples = _samples(image) if samples is None else samples
    kept: dict[str, bytes | None] = {"icc": icc, "exif": exif, "xmp": xmp}
    for kind, block in kept.items():
        if block is not None and not 0 < len(block) <= MAX_METADATA_BYTES:
            kept[kind] = None
    return Picture(_oriented(pixels, orientation), **kept)


def _to_supported_mode(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None]:
    """Convert to a mode whose samples are used as they are; the ICC profile that still applies."""
    info, mode = image.info, image.mode
    converted = image
    if mode == "CMYK":
        return _cmyk_to_rgb(image, icc), None
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        rgb = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        return rgb or image.convert("RGB"), None
    if mode == "P":
        converted = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif mode in ("1", "L") and "transparency" in info:
        converted = image.convert("RGBA").convert("LA")
    elif mode == "RGB" and "transparency" in info:
        converted = image.convert("RGBA")
    else:
        target = {"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB"}
        target |= {"YCbCr": "RGB", "HSV": "RGB"}
        if mode in target:
            converted = image.convert(target[mode])
    converted.info = info
    return converted, icc


def _cmyk_to_rgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """CMYK -> sRGB through the embedded profile, or by Pillow's formula if there is none usable."""
    if icc:
        try:
            srgb = ImageCms.createProfile("sRGB")
            rgb = ImageCms.profileToProfile(image, io.BytesIO(icc), srgb, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            rgb = None
        if rgb is not None:
            return rgb
    return image.convert("RGB")


def _samples(image: Image.Image) -> Samples:
    """Integer samples (H, W, C) of an image in a supported mode."""
    array = np.asarray(image)
    if image.mode.startswith("I;16"):
        array = array.astype(np.uint16)
        if "transparency" in image.info:
            opaque = np.uint16(65535) * (array != image.info["transparency"]).astype(np.uint16)
            array = np.stack([array, opaque], axis=2)
    elif image.mode == "I":
        if array.min() < 0 or array.max() > 65535:
            low, high = int(array.min()), int(array.max())
            raise ImageError(f"32-bit samples in [{low}, {high}] do not fit 16 bits")
        array = array.astype(np.uint16)
    elif image.mode == "F":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise ImageError("float samples must be finite and in [0, 1]")
        array = from_unit(array * 2 - 1, 16)
    elif image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise ImageError(f"pictures of mode {image.mode} are not supported")
    return array[:, :, None] if array.ndim == 2 else array


def _metadata(image: Image.Image) -> tuple[int, bytes | None, bytes | None]:
    """(orientation 1..8, EXIF, XMP), the last two without the orientation."""
    orientation, exif = 1, None
    try:
        own = image.getexif()
        orientation = own.get(ORIENTATION, 1)
        if len(own) and "exif" in image.info:
            tags = Image.Exif()  # a copy: the caller's image keeps its tags
            tags.load(own.tobytes())
            tags.pop(ORIENTATION, None)
            exif = tags.tobytes() if len(tags) else None
    except Exception:  # a damaged EXIF block must not cost the picture
        warnings.warn("the EXIF block is damaged and was dropped", ImageWarning, stacklevel=2)
    if orientation not in range(1, 9):
        orientation = 1
    xmp = image.info.get("xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    if isinstance(xmp, bytes):
        xmp = XMP_ORIENTATION.sub(lambda m: re.sub(rb"[0-9]", b"1", m[0]), xmp)
    return orientation, exif, xmp if isinstance(xmp, bytes) else None


def _oriented(pixels: Samples, orientation: int) -> Samples:
    """Samples turned upright; orientation as in EXIF 2.3, tag 0x0112."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels.copy()


def as_picture(image: object) -> Picture:
    """Whatever a caller holds -> `Picture`.

    Accepts a path, a file object or bytes of an image file, a PIL image, a `Picture`, or an array:
    numpy (H, W), (H, W, C) or a torch tensor (C, H, W). Arrays are uint8, uint16, bool, or floats
    in [0, 1] (kept at 8 bit). Raises `ImageError` for anything else.
    """
    if isinstance(image, Picture):
        return image
    try:
        if type(image).__module__.partition(".")[0] == "torch":
            return _from_tensor(image)
        if isinstance(image, np.ndarray):
            return Picture(_from_array(image))
        if isinstance(image, (bytearray, memoryview)):
            return read_image(bytes(image))
        if isinstance(image, (str, os.PathLike, bytes)) or hasattr(image, "read"):
            return read_image(image)  # type: ignore[arg-type]
        if isinstance(image, Image.Image):
            return from_pil(image)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # a lazily read image or an odd tensor fails in its own ways
        raise ImageError(f"the {type(image).__name__} cannot be used: {error}") from None
    raise ImageError(
        "expected a path, bytes, PIL image, numpy array or torch tensor, "
        f"got {type(image).__name__}"
    )


def _from_tensor(image: Any) -> Picture:
    """A torch tensor (C, H, W) or (H, W), on any device -> Picture."""
    array = image.detach().cpu().numpy()
    if array.ndim == 3:
        if array.shape[0] not in CHANNEL_NAMES:
            raise ImageError(f"expected a tensor of shape (1..4, H, W), got {array.shape}")
        array = np.moveaxis(array, 0, -1)
    return Picture(_from_array(array))


def _from_array(array: NDArray[Any]) -> Samples:
    """(H, W) or (H, W, C) of a supported dtype -> contiguous integer samples (H, W, C)."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in CHANNEL_NAMES:
        raise ImageError(f"expected an array of shape (H, W) or (H, W, 1..4), got {array.shape}")
    check_size(array.shape[1], array.shape[0])
    if array.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return np.ascontiguousarray(array.astype(np.uint8) * 255)
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ImageError("the array holds NaN or infinite values")
        low, high = float(array.min()), float(array.max())
        if low < 0 or high > 1:
            raise ImageError(f"float arrays must lie in [0, 1], got [{low:.4g}, {high:.4g}]")
        return from_unit(array * 2 - 1, 8)
    raise ImageError(f"expected uint8, uint16, bool or float samples, got {array.dtype}")
