"""Images that are no photographs: drawings, screenshots, text."""

from __future__ import annotations

import numpy as np

from inrcodec.pixels import Picture, Samples

LEAST_FLAT = 0.5
"""Least share of flat pixels of a graphic. Twenty photographs and scans had 0 to 0.36 of them,
drawings and text in black and white 0.89 and more."""

SHARP, LEAST_SHARP = 0.19, 0.06
"""Standard deviation of 2 x 2 pixels, of full range 1, from which they are sharp, and the least
share of them of an image unlike a photograph. 220 photographs of CID22 and Kodak have up to 0.045
of them; text on a gradient 0.09, a window of text on a third of a photograph 0.07, dithering in
black and white 0.67."""

SAMPLED_PIXELS = 1 << 17
"""Of an image so many pixels are looked at, in pairs of rows."""


def is_graphic(picture: Picture) -> bool:
    """Whether at least half of the pixels equal those on their left and above them.

    Lossless WebP and PNG store such an image in few bytes; a lossy file of it is often larger, and
    shows noise on what is flat.
    """
    if min(picture.width, picture.height) < 2:
        return False
    upper, lower = _pairs_of_rows(picture)
    here, left, above = lower[:, 1:], lower[:, :-1], upper[:, 1:]
    flat = ((here == left) & (here == above)).all(2)
    return bool(flat.mean() >= LEAST_FLAT)


def is_unlike_photographs(picture: Picture) -> bool:
    """Whether an image is a graphic, or full of strokes and dots of one pixel and much contrast,
    such as text on a photograph or on a gradient.

    What was trained on photographs does badly there: details of one pixel are as strong as large
    shapes, where a photograph has ever less of what is finer.
    """
    return is_graphic(picture) or _sharp_share(picture) >= LEAST_SHARP


def _sharp_share(picture: Picture) -> float:
    """The share of blocks of 2 x 2 pixels whose brightness deviates by `SHARP` or more."""
    width = picture.width // 2 * 2
    if not width or picture.height < 2:
        return 0.0
    colours = 3 if picture.channels > 2 else 1
    blocks = [
        sum(row[:, column:width:2, colour].astype(np.float32) for colour in range(colours))
        for row in _pairs_of_rows(picture)
        for column in (0, 1)
    ]
    deviations = np.stack(blocks).std(0) / (colours * np.iinfo(picture.pixels.dtype).max)
    return float((deviations >= SHARP).mean())


def _pairs_of_rows(picture: Picture) -> tuple[Samples, Samples]:
    """The upper and the lower rows of pairs from all over an image of at least two rows; as many
    pairs begin at odd rows, as rows of an enlarged image are equal by twos."""
    every = picture.width * picture.height // SAMPLED_PIXELS | 1
    return picture.pixels[:-1:every], picture.pixels[1::every]
