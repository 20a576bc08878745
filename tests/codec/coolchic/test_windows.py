"""Windows by which a large image is measured."""

import numpy as np
import pytest

from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.features import COMPLEXITIES
from inrcodec.codec.coolchic.model import grids_model
from inrcodec.codec.format.header import Family


def a_model(width: int, height: int):
    return grids_model(Family.COOLCHIC, width, height, **COMPLEXITIES["high"])


@pytest.mark.parametrize("size", [(768, 512), (1, 1), (2048, 1024), (1 << 20, 2)])
def test_an_ordinary_image_is_measured_as_a_whole(size: tuple[int, int]) -> None:
    model = a_model(*size)
    assert windows.sample(model) == [windows.whole(model)]


@pytest.mark.parametrize(
    "size", [(4000, 3000), (3000, 4000), (11_000, 11_000), (1 << 20, 3), (3, 1 << 20), (2049, 1024)]
)
def test_a_sample_is_small_and_lies_within_the_image(size: tuple[int, int]) -> None:
    model = a_model(*size)
    sample = windows.sample(model)
    assert 1 < len(sample) <= windows.SAMPLES + 8
    for top, bottom, left, right in sample:
        assert 0 <= top < bottom <= model.height
        assert 0 <= left < right <= model.width
        assert max(bottom - top, right - left) <= windows.SAMPLE_SIDE
        assert top % 64 == left % 64 == 0
    assert len(set(sample)) == len(sample)


@pytest.mark.parametrize("size", [(4000, 3000), (6000, 4000), (2500, 7000)])
def test_a_sample_sees_the_middle_and_what_lies_around_it_alike(size: tuple[int, int]) -> None:
    width, height = size
    busy = np.ones((height, width), bool)
    busy[height // 4 : -height // 4, width // 4 : -width // 4] = False
    sample = windows.sample(a_model(width, height))
    seen = np.mean([busy[a:b, c:d].mean() for a, b, c, d in sample])
    assert abs(seen - busy.mean()) < 0.06
