"""Parts of photographs that studies are made on."""

import numpy as np

from inrcodec.pixels import Samples


def middle(pixels: Samples, high: int, wide: int) -> Samples:
    """The middle rows and columns of a picture (H, W, C)."""
    top, left = (pixels.shape[0] - high) // 2, (pixels.shape[1] - wide) // 2
    return np.ascontiguousarray(pixels[top : top + high, left : left + wide])
