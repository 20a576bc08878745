"""Image files written, read again by others."""

import io

import numpy as np
import pytest
from PIL import Image

from inrcodec.errors import ImageWarning, OptionError
from inrcodec.images import writing
from inrcodec.images.reading import read_image
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture
from tests.images.made import block


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_every_kind_of_picture(dtype: type, channels: int) -> None:
    random = np.random.default_rng(0)
    samples = random.integers(0, np.iinfo(dtype).max, (7, 9, channels), endpoint=True).astype(dtype)
    exif = Image.Exif()
    exif[0x010F] = "maker"
    picture = Picture(samples, icc=b"p" * 200, exif=exif.tobytes(), xmp=b"<x:xmpmeta/>")
    back = read_image(image_bytes(picture))
    assert (back.pixels == samples).all()
    assert back.pixels.dtype == dtype
    assert back.icc == picture.icc
    assert back.xmp == picture.xmp
    assert back.exif is not None
    assert b"maker" in back.exif


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 70, 4), (70, 1, 2), (64, 3, 1), (129, 5, 3)])
def test_sixteen_bit_png_is_what_other_readers_read(shape: tuple[int, int, int]) -> None:
    import imagecodecs

    steps = np.random.default_rng(0).integers(-90, 90, shape)
    for axis in (0, 1):  # smooth across and down, so that both filters are taken
        samples = (30000 + steps.cumsum(axis)).astype(np.uint16)
        data = image_bytes(Picture(samples))
        assert (imagecodecs.png_decode(data).reshape(shape) == samples).all()
        with Image.open(io.BytesIO(data)) as image:
            image.verify()


def test_sixteen_bit_png_is_about_as_small_as_that_of_libpng() -> None:
    import imagecodecs
    from skimage import data

    coffee = data.coffee().astype(np.uint16) * 257
    assert len(image_bytes(Picture(coffee))) < 1.05 * len(imagecodecs.png_encode(coffee))


def test_output_formats() -> None:
    assert writing.image_format("a.JPG") == "JPEG"
    for name in ("a", "a.xyz", "a.inr2"):
        with pytest.raises(OptionError):
            writing.image_format(name)
    alpha = Picture(np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(OptionError, match="JPEG"):
        image_bytes(alpha, "JPEG")
    with pytest.raises(OptionError, match="16-bit"):
        image_bytes(Picture(np.zeros((4, 4, 3), np.uint16)), "TIFF")
    assert read_image(image_bytes(Picture(np.zeros((4, 4, 1), np.uint16)), "TIFF")).bit_depth == 16


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_metadata_is_written_byte_for_byte(kind: str, order: str) -> None:
    for orientation in (None, 1):
        picture = Picture(
            np.zeros((5, 12, 3), np.uint8),
            icc=b"p" * 90000,
            exif=block(order, orientation),
            xmp=b"<x:xmpmeta/>",
        )
        assert read_image(image_bytes(picture, kind)).metadata == picture.metadata


@pytest.mark.parametrize("order", "<>")
def test_tiff_holds_what_exif_says_of_the_image(order: str) -> None:
    from inrcodec.images import exif
    from inrcodec.images.directories import Tables

    for samples in (np.zeros((5, 12, 3), np.uint8), np.full((5, 12, 1), 700, np.uint16)):
        xmp = b"<x:xmpmeta>" + bytes(33)
        picture = Picture(samples, icc=b"p" * 101, exif=block(order, 1), xmp=xmp)
        back = read_image(image_bytes(picture, "TIFF"))
        assert (back.pixels == samples).all()
        assert (back.icc, back.xmp) == (picture.icc, picture.xmp)
        same_order = Tables.of(block("<", 1)[6:])
        expected = exif.of_tiff(same_order, same_order.directory(same_order.first)[0])
        assert back.exif is not None
        told = exif.copied(*_first(expected)), exif.copied(*_first(back.exif))
        added = {tag: told[1][tag] for tag in set(told[1]) - set(told[0])}
        assert {**told[0], **added} == told[1]
        assert set(added) <= exif.RESOLUTION


def test_a_damaged_block_does_not_cost_a_tiff_file() -> None:
    picture = Picture(np.zeros((5, 12, 3), np.uint8), exif=b"Exif\0\0II*\0\xff\xff\xff\0")
    with pytest.warns(ImageWarning, match="EXIF block is damaged"):
        assert read_image(image_bytes(picture, "TIFF")).exif is None


def _first(block: bytes) -> tuple:
    from inrcodec.images.directories import Tables

    tables = Tables.of(block.removeprefix(b"Exif\0\0"))
    return tables, tables.directory(tables.first)[0]


def test_what_a_format_cannot_hold_is_left_out_with_a_warning() -> None:
    samples = np.zeros((5, 12, 3), np.uint8)
    picture = Picture(samples, xmp=b"<x:xmpmeta/>" + bytes(1 << 21), icc=b"p" * (1 << 21))
    with pytest.warns(ImageWarning, match="JPEG holds no XMP block of 2097164 bytes"):
        back = read_image(image_bytes(picture, "JPEG"))
    assert (back.icc, back.xmp) == (picture.icc, None)
    with pytest.warns(ImageWarning, match="BMP holds no ICC block; it was left out"):
        image_bytes(Picture(samples, icc=b"p" * 200), "BMP")
