"""Modes, metadata, animations and damage of image files."""

import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inrcodec import pixels
from inrcodec.errors import ImageWarning, InrCodecError
from inrcodec.images.reading import as_picture, read_image
from inrcodec.images.writing import image_bytes
from tests.images.made import RAMP, saved


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "maker"
    picture = read_image(saved(Image.fromarray(RAMP), exif=exif))
    from PIL import ImageOps

    turned = Image.fromarray(RAMP)
    turned.getexif()[0x0112] = orientation
    assert (picture.pixels[:, :, 0] == np.asarray(ImageOps.exif_transpose(turned))).all()
    again = read_image(image_bytes(picture))
    assert (again.pixels == picture.pixels).all()


def test_reading_does_not_change_the_callers_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(saved(Image.fromarray(RAMP), exif=exif)))
    first, again = as_picture(image).pixels, as_picture(image).pixels
    assert first.shape == again.shape == (12, 5, 1)
    assert (first == again).all()


def test_lab_pictures_keep_their_orientation_and_metadata() -> None:
    lab = Image.new("LAB", (12, 5), (128, 128, 128))
    out = io.BytesIO()
    lab.save(out, "TIFF")
    image = Image.open(io.BytesIO(out.getvalue()))
    image.info["xmp"] = b"<x:xmpmeta/>"
    image.load()
    image.getexif()[0x0112] = 6
    picture = as_picture(image)
    assert picture.pixels.shape == (12, 5, 3)
    assert picture.xmp == b"<x:xmpmeta/>"


def test_transparent_colours_and_palettes_become_alpha() -> None:
    gray = Image.fromarray(RAMP)
    keyed = read_image(saved(gray, transparency=7)).pixels
    assert keyed.shape == (5, 12, 2)
    assert ((keyed[:, :, 1] == 0) == (RAMP == 7)).all()
    palette = Image.fromarray(RAMP % 3).convert("P")
    assert read_image(saved(palette)).pixels.shape == (5, 12, 3)
    palette.info["transparency"] = 1
    assert read_image(saved(palette, transparency=1)).channels == 4
    bilevel = Image.fromarray(RAMP > 20)
    assert set(np.unique(read_image(saved(bilevel)).pixels)) == {0, 255}


def test_cmyk_becomes_rgb() -> None:
    cmyk = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    red = read_image(saved(cmyk, "TIFF")).pixels[0, 0]
    assert red[0] > 200
    assert red[1:].max() < 60


def test_animations_give_their_first_frame_and_a_warning() -> None:
    frames = [Image.fromarray(RAMP + 60 * i) for i in range(3)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.warns(ImageWarning, match="3 frames"):
        assert read_image(data).pixels.shape == (5, 12, 3)


def test_damage_behind_the_samples_is_a_warning() -> None:
    whole = saved(Image.fromarray(np.tile(RAMP, (9, 9))))
    cut_in_a_text = whole[: whole.index(b"IEND") - 4] + b"\0\0\x10\0tEXtab\0cd"
    with pytest.warns(ImageWarning, match="damaged behind the image data"):
        assert (read_image(cut_in_a_text).pixels == read_image(whole).pixels).all()


def test_a_damaged_exif_block_is_dropped_with_a_warning() -> None:
    data = saved(Image.fromarray(RAMP), exif=b"Exif\0\0neither II nor MM")
    with pytest.warns(ImageWarning, match="EXIF block is damaged"):
        assert read_image(data).exif is None


def test_metadata_too_large_to_store_is_dropped_with_a_warning() -> None:
    image = Image.fromarray(RAMP)
    image.info["icc_profile"] = bytes(pixels.MAX_METADATA_BYTES + 1)
    image.info["xmp"] = bytes(pixels.MAX_METADATA_BYTES)
    with pytest.warns(ImageWarning, match="the ICC block is larger than 16777216 bytes"):
        picture = as_picture(image)
    assert picture.icc is None
    assert picture.xmp == image.info["xmp"]
    image.info = {"icc_profile": b"", "xmp": b""}
    assert as_picture(image).metadata == {"icc": None, "exif": None, "xmp": None}


READ_ALL_THE_SAME = {"corrupt/png_decompression_dos.png", "corrupt/unknown_compression_method.png"}
"""Files whose metadata alone is what Pillow refuses."""

WRONG_CHECKSUM = {"corrupt/broken_data_stream.png", "pngsuite/xcsn0g01.png"}
"""Files whose image data is not what its checksum says, at which Pillow does not look."""


def test_torture_files_round_trip_or_give_one_clear_error(shared: Path) -> None:
    folder = shared / "torture"
    wrong = []
    for row in csv.DictReader((folder / "EXPECTED_pillow.csv").read_text().splitlines()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                picture = read_image(folder / row["path"])
            except InrCodecError as error:
                refused = row["error"] or row["path"] in WRONG_CHECKSUM
                if not refused or row["path"] not in str(error):
                    wrong.append((row["path"], str(error)))
                continue
            size = {picture.width, picture.height}
            deep = "16" in row["mode"] or row["mode"] == "I"
            if row["path"] in READ_ALL_THE_SAME:
                continue
            if row["error"] or size != {int(row["width"]), int(row["height"])}:
                wrong.append((row["path"], size))
            elif (deep and picture.bit_depth != 16) or (row["icc"] == "1" and not picture.icc):
                wrong.append((row["path"], "depth or profile"))
            elif row["transparency"] == "1" and picture.channels not in (2, 4):
                wrong.append((row["path"], "alpha"))
            elif not (read_image(image_bytes(picture)).pixels == picture.pixels).all():
                wrong.append((row["path"], "round trip"))
    assert wrong == []
