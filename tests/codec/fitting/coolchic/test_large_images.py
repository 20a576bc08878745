"""What an encode of a large image takes: trials of its size are few, and near at once."""

import numpy as np
from skimage import data

from inrcodec.codec.fitting.coolchic.encoder import GridEncoding
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.options import EncodeOptions
from inrcodec.pixels import Picture


def an_encode(pixels: np.ndarray, bpp: float) -> GridEncoding:
    picture = Picture(pixels)
    return GridEncoding(picture, plan_of(EncodeOptions(effort=0, bpp=bpp), picture))


def with_a_plain_middle() -> np.ndarray:
    """1600 x 1400, of which the middle 1024 x 1024 are sky."""
    cat = data.chelsea()
    pixels = np.tile(np.concatenate((cat, cat[:, ::-1]), 1), (5, 2, 1))[:1400, :1600].copy()
    pixels[188:1212, 288:1312] = 180
    return pixels


def test_the_size_of_a_large_image_is_known_before_it_is_written() -> None:
    job = an_encode(with_a_plain_middle(), 0.3)
    asked = 0.3 * 1600 * 1400 / 8
    first = job.written()
    assert 0.9 * asked < len(first.data) < 1.25 * asked
    size, decibels = job.tried(first, 0.02).rank
    there = job.written(first.networks, 0.02)
    assert len(there.data) < size < 1.02 * len(there.data)
    assert abs(decibels - there.psnr_db) < 0.1


def test_an_initialisation_is_written_once(photo: np.ndarray) -> None:
    job = an_encode(photo, 0.5)
    first = job.written()
    assert job.written() is first
    for _ in job.refit(job.lmbda * 1.0001):
        pass
    assert job.written() is first
    for _ in job.refit(job.lmbda / 4):
        pass
    assert len(job.written().data) > 1.5 * len(first.data)
