"""ICC, EXIF and XMP of an image, and its orientation, which is applied and then forgotten."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from inrcodec.images import exif
from inrcodec.images.directories import DamagedDirectoryError
from inrcodec.pixels import MAX_METADATA_BYTES

XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)([0-9])(?=\s*["'<])""")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The blocks of an image once it is turned upright, and how to turn it.

    `orientation` is 1 to 8 as in EXIF 2.3, tag 0x0112: that of EXIF, or else of XMP. The blocks
    are the bytes that came in, but for the orientation, which is 1 in them. `left_behind` says what
    was dropped.
    """

    orientation: int
    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None
    left_behind: tuple[str, ...]


def upright_metadata(
    icc: bytes | None, exif_block: bytes | None, xmp: bytes | None, orientation: int | None = None
) -> Metadata:
    """Set the blocks upright; drop those that are damaged or too large.

    `orientation`, where given, stands for that of the blocks.
    """
    blocks: dict[str, bytes | None] = {"icc": icc, "exif": exif_block, "xmp": xmp}
    left_behind: list[str] = []
    for name, block in blocks.items():
        if len(block or b"") > MAX_METADATA_BYTES:
            blocks[name] = None
            limit = f"larger than {MAX_METADATA_BYTES} bytes"
            left_behind.append(f"the {name.upper()} block is {limit} and was dropped")
    told: int | None = None
    if blocks["exif"]:
        try:
            blocks["exif"], told = exif.upright(blocks["exif"])
        except DamagedDirectoryError:
            blocks["exif"] = None
            left_behind.append("the EXIF block is damaged and was dropped")
    if blocks["xmp"]:
        found = XMP_ORIENTATION.search(blocks["xmp"])
        told = int(found[2]) if told is None and found else told
        blocks["xmp"] = XMP_ORIENTATION.sub(rb"\g<1>1", blocks["xmp"])
    told = told if orientation is None else orientation
    return Metadata(
        orientation=told if told is not None and 1 <= told <= 8 else 1,
        icc=blocks["icc"] or None,
        exif=blocks["exif"] or None,
        xmp=blocks["xmp"] or None,
        left_behind=tuple(left_behind),
    )


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn samples (H, W, ...) upright; returns a copy."""
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return turned.copy()
