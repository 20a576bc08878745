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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colours", [1, 3])
def test_with_alpha_what_shows_counts(colours: int, dtype: type) -> None:
    peak = np.iinfo(dtype).max
    random = np.random.default_rng(0)
    first, second = (
        random.integers(0, peak + 1, (9, 7, colours + 1)).astype(dtype) for _ in range(2)
    )
    errors = []
    for background in (0.0, 1.0):
        seen = []
        for samples in (first, second):
            colour, alpha = samples[..., :-1] / peak, samples[..., -1:] / peak
            seen.append(colour * alpha + background * (1 - alpha))
        errors.append(np.square(seen[0] - seen[1]).mean())
    assert pixels.mean_squared_error(first, second) == pytest.approx(np.mean(errors))


def test_hidden_colours_do_not_count_and_alpha_always_does() -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    other = clear.copy()
    other[..., :3] = 200
    assert pixels.psnr(clear, other) == float("inf")
    for gray in (0, 128, 255):  # over one background such an error would vanish
        solid = np.full((4, 4, 2), gray, np.uint8)
        solid[..., 1] = 255
        thin = solid.copy()
        thin[..., 1] = 128
        assert pixels.psnr(solid, thin) < 13
