"""Graphics are told from photographs."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inrcodec.images.graphics import is_graphic
from inrcodec.pixels import Picture


def window() -> np.ndarray:
    """A window with a title, lines of text and a button."""
    image = Image.new("RGB", (320, 200), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 320, 24), fill=(60, 90, 160))
    for line in range(8):
        draw.text((12, 36 + 18 * line), "The quick brown fox jumps over it", fill="black")
    draw.rounded_rectangle((230, 160, 300, 188), 6, fill=(200, 60, 40))
    return np.asarray(image)


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket", "astronaut", "camera", "moon"])
def test_photographs_are_none(name: str) -> None:
    from skimage import data

    pixels = getattr(data, name)()
    assert not is_graphic(Picture(pixels if pixels.ndim == 3 else pixels[..., None]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_windows_and_flat_images_are(dtype: type) -> None:
    assert is_graphic(Picture(window().astype(dtype)))
    assert is_graphic(Picture(np.full((9, 9, 1), 7, dtype)))
    assert not is_graphic(Picture(np.zeros((1, 50, 3), dtype)))  # nothing to tell by
