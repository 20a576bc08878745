"""Graphics are told from photographs."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inrcodec.images.graphics import is_graphic, is_unlike_photographs
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
    picture = Picture(pixels if pixels.ndim == 3 else pixels[..., None])
    assert not is_graphic(picture)
    assert not is_unlike_photographs(picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_windows_and_flat_images_are(dtype: type) -> None:
    assert is_graphic(Picture(window().astype(dtype)))
    assert is_graphic(Picture(np.full((9, 9, 1), 7, dtype)))
    assert not is_graphic(Picture(np.zeros((1, 50, 3), dtype)))  # nothing to tell by


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_text_is_unlike_photographs_on_any_ground(dtype: type) -> None:
    """On a gradient, on a third of a photograph, and gray; less than half of which is flat."""
    from skimage import data

    high = np.iinfo(dtype).max // 255
    page = Image.new("RGB", (320, 150), "white")
    for line in range(12):
        words = "the quick brown fox jumps over the lazy dog, and again"
        ImageDraw.Draw(page).text((4, 3 + 12 * line), words, fill="black")
    text = np.asarray(page)
    y, x = np.mgrid[0:150, 0:320]
    ground = np.stack([60 + y // 3 + x % 2, 120 + x // 4 + y % 2, 200 - y // 3], 2)
    below = data.coffee()[:300, :320].astype(int)
    on_gradient = np.where((text < 128).all(2)[..., None], text, ground)
    on_photograph = np.concatenate([text, below])
    for pixels in (on_gradient, on_photograph, on_photograph[..., :1]):
        picture = Picture((pixels * high).astype(dtype))
        assert not is_graphic(picture)
        assert is_unlike_photographs(picture)
    assert not is_unlike_photographs(Picture((below * high).astype(dtype)))
    assert not is_unlike_photographs(Picture(np.zeros((50, 1, 3), dtype)))
