"""Rounding and PSNR."""

import numpy as np
import pytest

from inrcodec import pixels
from inrcodec.errors import ImageError


def test_rounding_is_exact_both_ways() -> None:
    for dtype, depth in ((np.uint8, 8), (np.uint16, 16)):
        every = np.arange(np.iinfo(dtype).max + 1).astype(dtype)[None, :, None]
        assert (pixels.from_unit(pixels.to_unit(every), depth) == every).all()
    assert pixels.from_unit(np.array([-9.0, np.nan, 9.0]), 8).tolist() == [0, 0, 255]


def test_psnr_of_known_pictures() -> None:
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 10, np.uint8)
    assert pixels.psnr(black, black) == float("inf")
    assert pixels.psnr(black, grey) == pytest.approx(20 * np.log10(25.5))
    with pytest.raises(ImageError, match="differ"):
        pixels.psnr(black, grey[:2])
