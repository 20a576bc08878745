"""Images that suit a lossless format better: drawings, screenshots, text."""

from __future__ import annotations

from inrcodec.pixels import Picture

LEAST_FLAT = 0.5
"""Least share of flat pixels of a graphic. Twenty photographs and scans had 0 to 0.36 of them,
drawings and text in black and white 0.89 and more."""


def is_graphic(picture: Picture) -> bool:
    """Whether at least half of the pixels equal those on their left and above them.

    Lossless WebP and PNG store such an image in few bytes; a lossy file of it is often larger, and
    shows noise on what is flat.
    """
    pixels = picture.pixels
    if min(picture.width, picture.height) < 2:
        return False
    here, left, above = pixels[1:, 1:], pixels[1:, :-1], pixels[:-1, 1:]
    flat = ((here == left) & (here == above)).all(2)
    return bool(flat.mean() >= LEAST_FLAT)
