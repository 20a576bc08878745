"""EXIF stays byte for byte but for its orientation, from every kind of file."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from inrcodec.errors import ImageWarning
from inrcodec.images import exif
from inrcodec.images.directories import DamagedDirectoryError, Tables
from inrcodec.images.png import HEADER_BYTES, chunk
from inrcodec.images.reading import as_picture, read_image
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture
from tests.images.made import ARTIST, COMMENT, MAKER_NOTE, RAMP, block, by_hand, saved, simple, tiff


def turned(old: bytes, order: str) -> bytes:
    """The block with orientation 6 replaced by 1, by search."""
    entry = struct.pack(f"{order}HHIH", 0x0112, 3, 1, 6)
    assert old.count(entry) == 1
    return old.replace(entry, struct.pack(f"{order}HHIH", 0x0112, 3, 1, 1))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_block_comes_back_byte_for_byte(kind: str, order: str) -> None:
    image = Image.fromarray(np.tile(RAMP[:, :, None], (1, 1, 3)))
    for orientation in (None, 1, 6):
        written = block(order, orientation)
        picture = read_image(saved(image, kind, exif=written))
        expected = turned(written, order) if orientation == 6 else written
        assert picture.exif == expected
        assert picture.pixels.shape[:2] == ((12, 5) if orientation == 6 else (5, 12))
        for out in ("PNG", "JPEG", "WEBP"):
            assert read_image(image_bytes(picture, out)).exif == expected
        from_memory = as_picture(Image.open(io.BytesIO(saved(image, kind, exif=written))))
        assert from_memory.exif == expected


def test_avif_keeps_it_where_nothing_is_to_be_turned() -> None:
    image = Image.fromarray(np.tile(RAMP[:, :, None], (1, 1, 3)))
    written = block("<", None)
    assert read_image(saved(image, "AVIF", exif=written)).exif == written
    sideways = read_image(saved(image, "AVIF", exif=block("<", 6)))
    assert sideways.pixels.shape == (12, 5, 3)
    assert sideways.exif is not None
    assert exif.upright(sideways.exif)[1] == 1


def test_text_that_imagemagick_writes_is_read() -> None:
    whole, old = saved(Image.fromarray(RAMP)), block("<", 6)
    digits = old.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = b"\nexif\n%8d\n" % len(old) + lines + b"\n"
    for keyword in (b"Raw profile type exif", b"Raw profile type APP1"):
        for kind, payload in ((b"tEXt", text), (b"zTXt", b"\0" + zlib.compress(text))):
            data = whole[:HEADER_BYTES] + chunk(kind, keyword + b"\0" + payload)
            picture = read_image(data + whole[HEADER_BYTES:])
            assert picture.exif == turned(old, "<")
            assert picture.pixels.shape == (12, 5, 1)
            opened = Image.open(io.BytesIO(data + whole[HEADER_BYTES:]))
            assert as_picture(opened).exif == turned(old, "<")


@pytest.mark.parametrize("order", "<>")
def test_what_a_tiff_file_says_of_its_image_is_kept(order: str) -> None:
    data = tiff(
        np.tile(RAMP, (2, 2)),
        photometric="minisblack",
        byteorder=order,
        software=False,
        extratags=[
            (315, 2, len(ARTIST), ARTIST, True),
            (33432, 2, 8, b"(c) \xfcb\0\0", True),
            (274, 3, 1, 6, True),
        ],
    )
    picture = read_image(data)
    assert picture.pixels.shape == (24, 10, 1)
    assert picture.exif is not None
    tables = Tables.of(picture.exif.removeprefix(b"Exif\0\0"))
    fields, _ = tables.directory(tables.first)
    assert tables.value(fields[315]) == ARTIST
    assert tables.value(fields[33432]) == b"(c) \xfcb\0\0"
    assert tables.integers(fields[274]) == (1,)
    assert set(fields) == {274, 282, 283, 296, 315, 33432}


def test_directories_below_that_of_a_tiff_file_are_kept() -> None:
    for order in "<>":
        whole = block(order, None).removeprefix(b"Exif\0\0")
        tables = Tables.of(whole)
        found = exif.of_tiff(tables, tables.directory(tables.first)[0])
        assert found is not None
        image = Image.Exif()
        image.load(found)
        assert image.get_ifd(0x8769)[0x927C] == MAKER_NOTE
        assert image.get_ifd(0x8769)[0x9286] == COMMENT
        assert image.get_ifd(0x8825)[2][2] == 20
        assert image.get_ifd(0xA005)[1] == "R98"
        assert 0xC4A5 not in image  # of no standard


def test_a_tiff_file_that_says_nothing_of_its_image_has_no_exif() -> None:
    assert read_image(saved(Image.fromarray(RAMP), "TIFF", dpi=(72, 72))).exif is None


@pytest.mark.parametrize(
    "damaged",
    [
        b"neither II nor MM",
        b"II*\0",
        b"II*\0\xff\0\0\0",
        b"II*\0\x08\0\0\0\xff\xff",
        block("<", 6)[6:150],
        b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\xff\xff\0\0" + bytes(4),
    ],
)
def test_a_damaged_block_is_dropped_with_a_warning(damaged: bytes) -> None:
    with pytest.raises(DamagedDirectoryError):
        exif.upright(damaged)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Corrupt EXIF")
        for kind in ("PNG", "WEBP", "JPEG"):
            data = saved(Image.new("RGB", (12, 5)), kind, exif=b"Exif\0\0" + damaged)
            with pytest.warns(ImageWarning, match="EXIF block is damaged and was dropped"):
                assert read_image(data).exif is None


@pytest.mark.filterwarnings("ignore:Tag data larger")  # Pillow's own limit
def test_values_that_share_bytes_do_not_multiply() -> None:
    entry = struct.pack("<HHII", 0, 7, 1 << 20, 8)
    many = b"".join(struct.pack("<H", tag) + entry[2:] for tag in range(1000, 2000))
    below = struct.pack("<H", 1000) + many + bytes(4)
    data = by_hand(simple(1, 8) | {0x8769: (1 << 21,)}, bytes((1 << 21) - 400))
    data = data[: 1 << 21].ljust(1 << 21, b"\0") + below
    with pytest.warns(ImageWarning, match="EXIF block is damaged"):
        assert read_image(data).exif is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "form", [b'tiff:Orientation="%d"', b"tiff:Orientation='%d'", b"<tiff:Orientation>%d<"]
)
def test_the_orientation_of_xmp_is_applied_and_set_to_one(orientation: int, form: bytes) -> None:
    from inrcodec.images.metadata import upright

    xmp = b"<x:xmpmeta " + form % orientation + b"/></x:xmpmeta>"
    expected = upright(RAMP, orientation)
    whole = image_bytes(Picture(RAMP[:, :, None], xmp=xmp))
    webp = saved(Image.fromarray(np.tile(RAMP[:, :, None], (1, 1, 3))), "WEBP", xmp=xmp)
    tif = tiff(RAMP, photometric="minisblack", extratags=[(700, 1, len(xmp), xmp, True)])
    for data in (whole, webp, tif):
        picture = read_image(data)
        assert picture.pixels.shape[:2] == expected.shape
        assert picture.xmp == xmp.replace(b"%d" % orientation, b"1")
    assert (read_image(whole).pixels[:, :, 0] == expected).all()
    assert (read_image(tif).pixels[:, :, 0] == expected).all()


def test_exif_goes_before_xmp() -> None:
    own = Image.Exif()
    own[0x0112] = 1
    data = image_bytes(Picture(RAMP[:, :, None], exif=own.tobytes(), xmp=b"tiff:Orientation='6'"))
    assert read_image(data).pixels.shape == (5, 12, 1)
    for xmp in (b'tiff:Orientation="6"', b"tiff:Orientation='6'"):
        turned_by_tag = tiff(
            RAMP,
            photometric="minisblack",
            extratags=[(700, 1, len(xmp), xmp, True), (274, 3, 1, 8, True)],
        )
        from inrcodec.images.metadata import upright

        assert (read_image(turned_by_tag).pixels[:, :, 0] == upright(RAMP, 8)).all()
