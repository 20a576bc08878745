"""ICC, EXIF and XMP of a PIL image, and its orientation, which is applied and then forgotten."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from PIL import ExifTags, Image

from inrcodec.pixels import MAX_METADATA_BYTES

ORIENTATION = ExifTags.Base.Orientation
XMP_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(=\s*["'][0-9]["']|>\s*[0-9]\s*<)""")


@dataclass(frozen=True, slots=True)
class Metadata:
    """EXIF and XMP of an image turned upright, and what to do to turn it.

    `orientation` is 1 to 8 as in EXIF 2.3, tag 0x0112. `damaged` says that the EXIF block could
    not be parsed, so that it is left out.
    """

    orientation: int
    exif: bytes | None
    xmp: bytes | None
    damaged: bool


def metadata_of(image: Image.Image) -> Metadata:
    """Read EXIF and XMP, without their orientation; the image keeps its own.

    `ImageOps.exif_transpose` does the same for pixels that Pillow holds; 16-bit colour is not held
    by Pillow, so both go this way.
    """
    orientation, exif, damaged = 1, None, False
    try:
        own = image.getexif()
        orientation = own.get(ORIENTATION, 1)
        if len(own) and "exif" in image.info:
            tags = Image.Exif()
            tags.load(own.tobytes())
            tags.pop(ORIENTATION, None)
            exif = tags.tobytes() if len(tags) else None
    except Exception:  # Pillow raises many types; a damaged block must not cost the image
        damaged = True
    xmp = image.info.get("xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    if isinstance(xmp, bytes):
        xmp = XMP_ORIENTATION.sub(lambda m: re.sub(rb"[0-9]", b"1", m[0]), xmp)
    return Metadata(
        orientation if orientation in range(1, 9) else 1,
        exif,
        xmp if isinstance(xmp, bytes) else None,
        damaged,
    )


def kept(blocks: dict[str, bytes | None]) -> tuple[dict[str, bytes | None], list[str]]:
    """The blocks that can be stored, by name, and a sentence for each that is too large.

    An empty block is none.
    """
    large = [name for name, block in blocks.items() if len(block or b"") > MAX_METADATA_BYTES]
    stored = {name: None if name in large else block or None for name, block in blocks.items()}
    return stored, [
        f"the {name.upper()} block is larger than {MAX_METADATA_BYTES} bytes and was dropped"
        for name in large
    ]


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn samples (H, W, ...) upright; returns a copy."""
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return turned.copy()
