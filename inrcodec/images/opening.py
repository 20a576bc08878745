"""Image files -> samples and metadata, as they stand in the file."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from inrcodec.errors import ImageError
from inrcodec.images import avif, colour, exif, png_reading, tiff
from inrcodec.images.directories import ORIENTATION, DamagedDirectoryError, Directory, Tables
from inrcodec.images.modes import samples_of_image
from inrcodec.images.png import SIGNATURE
from inrcodec.images.sixteen_bit import pixmap_colour, png_colour
from inrcodec.pixels import Samples, check_size

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(slots=True)
class Opened:
    """What an image file holds.

    `orientation` says how the samples are to be turned, None: as EXIF or XMP say. `left_behind` has
    a sentence for everything that is in the file and not here.
    """

    pixels: Samples
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    frames: int = 1
    orientation: int | None = None
    left_behind: list[str] = field(default_factory=list)


def extensions() -> frozenset[str]:
    """The endings of names, in lower case, of image files that can be read."""
    formats = Image.registered_extensions().items()
    return frozenset(ending for ending, name in formats if name in Image.OPEN)


def open_file(data: bytes) -> Opened:
    """Decode an image file; every sample is there, or else this raises.

    Raises `ImageError`, or what Pillow raises, which can be of any type.
    """
    if data.startswith(SIGNATURE):
        return _open_png(data)
    if data.startswith(TIFF_STARTS):
        return _open_tiff(data)
    return _by_pillow(data)


def _by_pillow(data: bytes) -> Opened:
    """Any file that Pillow knows."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            check_size(*image.size)
            deep = pixmap_colour(image, data)
            image.load()
            opened = from_image(image, deep)
            opened.frames = getattr(image, "n_frames", 1)
            codes = avif.codes_of(data) if image.format == "AVIF" and not opened.icc else None
    except UnidentifiedImageError:
        raise ImageError("not an image in a known format") from None
    if codes is not None:
        _add_codes(opened, codes, "colr", gray=opened.pixels.shape[2] < 3)
    return opened


def from_image(image: Image.Image, samples: Samples | None = None) -> Opened:
    """A PIL image; `samples` (H, W, C), where given, stand for those that Pillow decoded."""
    check_size(*image.size)
    icc = image.info.get("icc_profile")
    if samples is None:
        samples, icc = samples_of_image(image)
    opened = Opened(samples, icc=icc or None, exif=_exif_of(image.info), xmp=_xmp_of(image.info))
    if not icc and image.mode not in ("CMYK", "LAB") and "srgb" not in image.info:
        gamma, flat = image.info.get("gamma"), image.info.get("chromaticity")
        primaries = tuple(zip(flat[::2], flat[1::2], strict=True)) if flat else None
        made = colour.profile_of(gamma, primaries, gray=samples.shape[2] < 3)
        _add_profile(opened, *made)
    return opened


def _exif_of(info: Mapping[Any, Any]) -> bytes | None:
    """The EXIF block in what Pillow knows of an image, also one that ImageMagick wrote as text."""
    block = info.get("exif")
    if isinstance(block, bytes) and block:
        return block
    for keyword in ("Raw profile type exif", "Raw profile type APP1"):
        text = info.get(keyword)
        if isinstance(text, (str, bytes)):
            text = text.encode("latin-1", "replace") if isinstance(text, str) else text
            name, block = png_reading.raw_profile("exif", text)
            return block if name == "exif" else None
    return None


def _xmp_of(info: Mapping[Any, Any]) -> bytes | None:
    """The XMP block in what Pillow knows of an image."""
    block = info.get("xmp") or info.get("XML:com.adobe.xmp")
    block = block.encode() if isinstance(block, str) else block
    return block if isinstance(block, bytes) else None


def _add_profile(opened: Opened, profile: bytes | None, reason: str | None) -> None:
    """Keep the profile made from what a file says of its colours, or say why there is none."""
    opened.icc = profile or opened.icc
    if reason is not None:
        opened.left_behind.append(reason)


def _open_png(data: bytes) -> Opened:
    """A PNG file: its metadata by chunks, its samples by Pillow, 16-bit colour by libpng."""
    png = png_reading.taken_apart(data)
    deep = png_colour(png)
    opened = _by_pillow(png.plain) if deep is None else Opened(deep)
    opened.icc, opened.exif, opened.xmp = map(png.blocks.get, ("icc", "exif", "xmp"))
    opened.frames, opened.left_behind = png.frames, png.left_behind
    gray = png.colour_type in png_reading.GRAY_TYPES
    codes = png.colour.get(b"cICP")
    if codes is not None:
        _add_codes(opened, codes, "cICP", gray=gray)
    elif opened.icc is None and b"sRGB" not in png.colour:
        _add_profile(opened, *_made_profile(png.colour, gray))
    return opened


def _add_codes(opened: Opened, codes: bytes, place: str, *, gray: bool) -> None:
    """Keep the codes that stand in a place of the file.

    cICP goes before any ICC profile (PNG specification, third edition, 4.3).
    """
    profile, reason = colour.profile_of_codes(codes, place, gray=gray)
    if reason is None and opened.icc is not None and opened.icc != profile:
        if colour.codes_of(opened.icc) == codes:
            return
        opened.icc = None
        reason = "the ICC block was dropped: the chunk cICP goes before it"
    _add_profile(opened, profile, reason)


def _made_profile(chunks: Mapping[bytes, bytes], gray: bool) -> tuple[bytes | None, str | None]:
    """The profile for the chunks gAMA and cHRM."""
    gamma, primaries = None, None
    if b"gAMA" in chunks:
        gamma = int.from_bytes(chunks[b"gAMA"], "big") / 100000
    if b"cHRM" in chunks:
        flat = [value / 100000 for value in struct.unpack(">8I", chunks[b"cHRM"])]
        primaries = tuple(zip(flat[::2], flat[1::2], strict=True))
    return colour.profile_of(gamma, primaries, gray=gray)


def _open_tiff(data: bytes) -> Opened:
    """The first image of a TIFF file: by Pillow if it reads this layout right, else by libtiff."""
    try:
        tables = Tables.of(data)
        fields, _ = tables.directory(tables.first)
        layout = tiff.layout_of(tables, fields)
        if layout.compression not in (1, 6):  # of old JPEG the sizes are seldom right
            tiff.check_whole(tables, fields)
    except DamagedDirectoryError as error:
        raise ImageError(f"cannot be decoded: {error}") from None
    if tiff.pillow_reads(layout) and not (tables.big and tables.order == ">"):
        opened = _tiff_by_pillow(data, layout)
    else:
        opened = Opened(tiff.deep_samples(data, layout), orientation=layout.orientation)
        opened.icc = _kept(opened, "ICC", lambda: _value(tables, fields, tiff.ICC))
    opened.xmp = _kept(opened, "XMP", lambda: _value(tables, fields, tiff.XMP))
    opened.exif = _kept(opened, "EXIF", lambda: exif.of_tiff(tables, fields))
    opened.frames = tiff.pages(tables)
    return opened


def _tiff_by_pillow(data: bytes, layout: tiff.Layout) -> Opened:
    """The samples and the ICC profile of a TIFF file."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            turned = ORIENTATION in image.getexif()  # so that Pillow turns it, and forgets
            image.load()
            opened = from_image(image)
    except UnidentifiedImageError:
        raise tiff.not_supported(layout) from None
    opened.orientation = 1 if turned else None
    if layout.bits == 12:
        opened.pixels = _from_12_bit(opened.pixels)
    return opened


def _value(tables: Tables, fields: Directory, tag: int) -> bytes | None:
    return tables.value(fields[tag]) if tag in fields else None


def _kept(opened: Opened, name: str, block: Callable[[], bytes | None]) -> bytes | None:
    """A block of metadata, or None, which is said, if it is damaged."""
    try:
        return block()
    except DamagedDirectoryError:
        opened.left_behind.append(f"the {name} block is damaged and was dropped")
        return None


def _from_12_bit(pixels: Samples) -> Samples:
    """0 to 4095 -> 0 to 65535."""
    scaled = (pixels.astype(np.uint32) * 65535 + 2047) // 4095
    return scaled.astype(np.uint16)
