"""Images that suit a lossless format better: drawings, screenshots, text."""

from __future__ import annotations

from inrcodec.pixels import Picture

LEAST_FLAT = 0.5
"""Least share of flat pixels of a graphic. Photographs have up to 0.3, screenshots, plots and
drawings 0.6 and more."""


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
