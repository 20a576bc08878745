"""TIFF files: which layouts of samples are read, by whom, and the metadata of the first image.

A TIFF file can hold far more kinds of samples than Pillow tells apart. What is not in the lists
here is refused by name: a wrong guess would be another picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import ImageError
from inrcodec.images.by_imagecodecs import decoded
from inrcodec.images.directories import (
    INTEGERS,
    ORIENTATION,
    DamagedDirectoryError,
    Directory,
    Field,
    Tables,
)
from inrcodec.images.modes import from_floats
from inrcodec.pixels import Samples, check_size

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
SAMPLES, PLANAR, INK_SET, EXTRA, FORMAT, SUBSAMPLING = 277, 284, 332, 338, 339, 530
XMP, ICC, DNG_VERSION = 700, 34675, 50706

PHOTOMETRICS = {0: "WhiteIsZero", 1: "BlackIsZero", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr"}
PHOTOMETRICS |= {8: "Lab"}
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
"""Samples a pixel has for a photometric interpretation, without extra ones."""

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
FORMATS = {UNSIGNED: "unsigned", SIGNED: "signed", FLOAT: "float"}
CONTIGUOUS, SEPARATE = 1, 2
UNSPECIFIED, PREMULTIPLIED, STRAIGHT = 0, 1, 2

LOSSLESS = {1: "none", 5: "LZW", 8: "deflate", 32773: "PackBits", 32946: "deflate"}
LOSSLESS |= {34925: "LZMA", 50000: "Zstandard"}
COMPRESSIONS = LOSSLESS | {2: "CCITT RLE", 3: "CCITT group 3", 4: "CCITT group 4"}
COMPRESSIONS |= {6: "old JPEG", 7: "JPEG"}

PACKED_BITS = {2: 1, 3: 1, 4: 1, 6: 8, 7: 8}
"""Bits of the samples that a compression is made for."""

PILLOW_EXTRAS: dict[int, set[tuple[int, ...]]] = {
    0: {()},
    1: {(), (0,), (1,), (2,)},
    2: {(), (0,), (0, 0), (0, 0, 0), (1,), (1, 0), (1, 0, 0), (2,), (2, 0), (2, 0, 0), (999,)},
    3: {(), (0,), (2,)},
    5: {(), (0,), (0, 0)},
    6: {()},
    8: {()},
}
"""The extra samples, by photometric interpretation, that Pillow reads right at 8 bit."""

REVERSED = {(0, 1), (0, 2), (0, 4), (1, 1), (1, 2), (1, 4), (1, 8), (2, 8), (3, 8)}
"""Photometric interpretations and bits that Pillow reads right in the other bit order."""

PLACES = ((273, 279), (324, 325))
"""Tags of where the strips or tiles stand, and of their sizes in bytes."""

MAX_PAGES = 1000
"""Pages counted; a file may chain more."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of an image are stored; `extra` says what those beyond the colours are."""

    size: tuple[int, int]
    photometric: int
    bits: int
    format: int
    samples: int
    extra: tuple[int, ...]
    planar: int
    compression: int
    fill_order: int
    subsampling: tuple[int, ...]
    inks: int
    orientation: int | None

    @property
    def description(self) -> str:
        """The layout in words, for messages."""
        form = FORMATS.get(self.format, f"format {self.format}")
        colour = PHOTOMETRICS.get(self.photometric, f"photometric {self.photometric}")
        planes = {CONTIGUOUS: "one plane", SEPARATE: "separate planes"}.get(self.planar, "")
        packing = COMPRESSIONS.get(self.compression, str(self.compression))
        extra = f" (extra {','.join(map(str, self.extra))})" if self.extra else ""
        return (
            f"{self.samples} x {self.bits}-bit {form} {colour}{extra}, "
            f"{planes or f'planes {self.planar}'}, compression {packing}"
        )


def layout_of(tables: Tables, fields: Directory) -> Layout:
    """The layout of the image in this directory.

    Raises `DamagedDirectoryError`, and `ImageError` for what cannot be an image.
    """

    def number(tag: int, default: int) -> int:
        return tables.integers(fields[tag], 1)[0] if tag in fields else default

    def numbers(tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
        return tables.integers(fields[tag]) if tag in fields else default

    if DNG_VERSION in fields:
        raise ImageError("raw photographs (DNG) are not supported")
    compression, photometric = number(COMPRESSION, 1), number(PHOTOMETRIC, 0)
    extra = numbers(EXTRA, ())
    usual = COLOURS.get(photometric, 1) if compression in (6, 7) else 1
    samples = number(SAMPLES, usual)
    bits, formats = numbers(BITS, (1,)), numbers(FORMAT, (UNSIGNED,))
    layout = Layout(
        (number(WIDTH, 0), number(HEIGHT, 0)),
        photometric,
        bits[0],
        formats[0],
        samples,
        extra,
        number(PLANAR, CONTIGUOUS) if samples > 1 else CONTIGUOUS,
        compression,
        number(FILL_ORDER, 1),
        numbers(SUBSAMPLING, (2, 2)),
        number(INK_SET, 1),
        number(ORIENTATION, 1) if ORIENTATION in fields else None,
    )
    if len(set(bits)) > 1 or len(set(formats)) > 1:
        raise ImageError(f"TIFF with samples of different kinds ({bits} bits) is not supported")
    check_size(*layout.size)
    return layout


def check_whole(tables: Tables, fields: Directory) -> None:
    """Raise `ImageError` for a file that ends before its strips or tiles do.

    libtiff would write a line of its own to stderr.
    """
    for offsets, sizes in PLACES:
        if offsets in fields and sizes in fields:
            starts, lengths = (_numbers(tables, fields[tag]) for tag in (offsets, sizes))
            if starts.size != lengths.size:
                raise ImageError("cannot be decoded: as many strips as sizes of strips expected")
            ends = starts + lengths
            if ends.size and int(ends.max()) > len(tables.data):
                beyond = int((ends > len(tables.data)).sum())
                raise ImageError(f"cannot be decoded: {beyond} of {ends.size} strips are cut")


def _numbers(tables: Tables, field: Field) -> NDArray[np.uint64]:
    """All values of a field of integers, of which there may be many."""
    if field.kind not in INTEGERS:
        raise DamagedDirectoryError("expected integers")
    kind = f"{tables.order}{INTEGERS[field.kind]}"
    return np.frombuffer(tables.value(field), kind).astype(np.uint64)


def pillow_reads(layout: Layout) -> bool:
    """Whether Pillow gives the picture that these samples are."""
    photometric, extra, beyond = layout.photometric, layout.extra, _beyond(layout)
    if layout.compression not in COMPRESSIONS or layout.format != UNSIGNED or beyond is None:
        return False
    if layout.bits != PACKED_BITS.get(layout.compression, layout.bits):
        return False
    if layout.fill_order != 1 and (photometric, layout.bits) not in REVERSED:
        return False
    if layout.planar != CONTIGUOUS:
        return beyond == 0 and layout.bits == 8 and photometric in (2, 5) and layout.inks == 1
    if layout.bits == 16:
        gray = photometric == 1 and beyond == 0
        return (gray or (photometric == 5 and beyond == 0)) and layout.inks == 1
    if layout.bits == 12:
        return photometric == 1 and beyond == 0 and layout.compression == 1
    if layout.bits in (1, 2, 4):
        return photometric in (0, 1, 3) and beyond == 0
    if photometric == 6 and layout.compression == 1 and layout.subsampling != (1, 1):
        return False
    untold = photometric == 2 and beyond == 1 and not extra
    listed = len(extra) == beyond and extra in PILLOW_EXTRAS[photometric]
    return layout.bits == 8 and layout.inks == 1 and (listed or untold)


def _beyond(layout: Layout) -> int | None:
    """How many samples a pixel has beyond its colours; None if that cannot be."""
    colours = COLOURS.get(layout.photometric)
    if colours is None or layout.samples < colours:
        one_of_three = layout.photometric == 6 and layout.samples == 1
        return 0 if one_of_three else None
    return layout.samples - colours


def _libtiff_reads(layout: Layout) -> bool:
    """Whether libtiff gives these samples as they are: gray and RGB, 8 bit and more."""
    whole = layout.format == UNSIGNED and layout.bits in (8, 16)
    gray = layout.photometric == 1 and layout.samples == 1 and layout.planar == CONTIGUOUS
    integers = layout.format in (UNSIGNED, SIGNED) and layout.bits in (16, 32) and gray
    floats = layout.format == FLOAT and layout.bits in (16, 32, 64) and layout.photometric != 0
    known = layout.extra in ((), (UNSPECIFIED,), (PREMULTIPLIED,), (STRAIGHT,))
    beyond = _beyond(layout)
    alpha = beyond == 0 or (beyond == 1 and known and bool(layout.extra or layout.photometric == 2))
    return (
        layout.photometric in (0, 1, 2)
        and (whole or integers or floats)
        and alpha
        and layout.planar in (CONTIGUOUS, SEPARATE)
        and layout.compression in LOSSLESS
        and layout.fill_order == 1
    )


def not_supported(layout: Layout) -> ImageError:
    """The error for a layout that is not read."""
    return ImageError(f"TIFF of this kind is not supported: {layout.description}")


def deep_samples(data: bytes, layout: Layout) -> Samples:
    """The samples (H, W, C), as stored: not turned. Needs imagecodecs.

    Floats become 16 bit, alpha straight, WhiteIsZero black is zero. Raises `ImageError` for a
    layout that is not read, and `MissingExtraError` without imagecodecs.
    """
    if not _libtiff_reads(layout):
        raise not_supported(layout)
    array = decoded("tiff", data)
    if array.ndim == 2:
        array = array[:, :, None]
    elif layout.planar == SEPARATE:
        array = np.moveaxis(array, 0, -1)
    if array.shape != (layout.size[1], layout.size[0], layout.samples):
        raise ImageError(f"cannot be decoded: {array.shape} samples of {layout.description}")
    samples = _unsigned(array, layout)
    colours = COLOURS[layout.photometric]
    if layout.photometric == 0:
        samples[:, :, :1] = np.iinfo(samples.dtype).max - samples[:, :, :1]
    if layout.extra == (UNSPECIFIED,):
        samples = samples[:, :, :colours]
    return straight(samples) if layout.extra == (PREMULTIPLIED,) else samples


def _unsigned(array: NDArray[Any], layout: Layout) -> Samples:
    """Samples of 8 or 16 bit, of which the caller may change every one."""
    if layout.format == FLOAT:
        return from_floats(array.astype(np.float64))
    if layout.format == SIGNED or layout.bits == 32:
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 65535:
            raise ImageError(f"{layout.bits}-bit samples in [{low}, {high}] do not fit 16 bits")
    return array.astype(np.uint8) if layout.bits == 8 else array.astype(np.uint16)


def straight(samples: Samples) -> Samples:
    """Divide the colours by alpha, the last channel: premultiplied -> straight."""
    peak = int(np.iinfo(samples.dtype).max)
    alpha = samples[:, :, -1:].astype(np.uint64)
    colour = (samples[:, :, :-1] * np.uint64(peak) + alpha // 2) // np.maximum(alpha, 1)
    made: Samples = np.empty_like(samples)
    made[:, :, :-1], made[:, :, -1:] = np.minimum(colour, peak), samples[:, :, -1:]
    return made


def pages(tables: Tables) -> int:
    """The number of images in a file, of which `MAX_PAGES` are counted."""
    seen, offset = set[int](), tables.first
    while offset and offset not in seen and len(seen) < MAX_PAGES:
        seen.add(offset)
        try:
            _, offset = tables.directory(offset)
        except DamagedDirectoryError:
            break
    return len(seen)
