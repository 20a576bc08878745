"""16-bit images at full depth."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from inrcodec.errors import ImageWarning, MissingExtraError
from inrcodec.images import colour, metadata, png
from inrcodec.images.reading import as_picture, read_image
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture
from tests.images.made import RAMP

P3 = colour.profile_of(None, colour.P3, gray=False)[0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bit_tiff_is_turned_upright_at_full_depth(orientation: int) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (4, 6, 3)).astype("<u2")
    tags = [(256, 4, 6), (257, 4, 4), (258, 3, 0), (259, 3, 1), (262, 3, 2), (273, 4, 0)]
    tags += [(274, 3, orientation), (277, 3, 3), (278, 4, 4), (279, 4, samples.nbytes)]
    extra = 8 + 2 + 12 * len(tags) + 4
    values = {258: extra, 273: extra + 6}
    data = b"II*\0" + (8).to_bytes(4, "little") + len(tags).to_bytes(2, "little")
    for tag, kind, value in tags:
        count = 3 if tag == 258 else 1
        data += tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + count.to_bytes(4, "little")
        data += values.get(tag, value).to_bytes(4, "little")
    data += bytes(4) + 3 * (16).to_bytes(2, "little") + samples.tobytes()
    upright = metadata.upright(samples, orientation)
    picture = read_image(data)
    assert picture.bit_depth == 16
    assert (picture.pixels == upright).all()


def test_sixteen_bit_ppm_keeps_its_precision() -> None:
    samples = np.arange(24, dtype=np.uint16).reshape(2, 4, 3) * 2500
    data = b"P6 4 2 65535\n" + samples.astype(">u2").tobytes()
    assert (read_image(data).pixels == samples).all()


def test_sixteen_bit_gray_with_a_transparent_value_keeps_both() -> None:
    gray = (RAMP.astype(np.uint16) * 1001)[:, :, None]
    data = image_bytes(Picture(gray))
    chunk = png.chunk(b"tRNS", int(gray[1, 1, 0]).to_bytes(2, "big"))
    picture = read_image(data[: png.HEADER_BYTES] + chunk + data[png.HEADER_BYTES :])
    assert (picture.pixels[:, :, :1] == gray).all()
    assert (picture.pixels[:, :, 1:] == np.where(gray == gray[1, 1, 0], 0, 65535)).all()


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colour_that_pillow_will_cut_to_eight_bits_is_said(channels: int) -> None:
    deep = np.arange(20 * channels, dtype=np.uint16).reshape(5, 4, channels) * 900
    with Image.open(io.BytesIO(image_bytes(Picture(deep)))) as image:
        with pytest.warns(ImageWarning, match="16-bit colour at 8 bit"):
            assert as_picture(image).bit_depth == 8


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_with_a_profile_stays_so(channels: int) -> None:
    deep = np.arange(20 * channels, dtype=np.uint16).reshape(5, 4, channels) * 800
    for profile in (P3, b"none" * 50, b"p" * (1 << 21)):
        picture = read_image(image_bytes(Picture(deep, icc=profile)))
        assert picture.icc == profile
        assert picture.pixels.dtype == np.uint16
        assert (picture.pixels == deep).all()


def test_only_sixteen_bit_colour_files_need_an_optional_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    deep = np.arange(60, dtype=np.uint16).reshape(5, 4, 3) * 900
    with pytest.raises(MissingExtraError, match=r'imagecodecs.*"inrcodec\[encode\]"'):
        read_image(image_bytes(Picture(deep)))
    for samples in (deep.astype(np.uint8), deep[:, :, :1]):
        assert (read_image(image_bytes(Picture(samples))).pixels == samples).all()
    pixmap = b"P6 4 5 65535\n" + deep.astype(">u2").tobytes()
    assert (read_image(pixmap).pixels == deep).all()
