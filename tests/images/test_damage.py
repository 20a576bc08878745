"""Cut and damaged image files are errors; only what is proven whole is forgiven."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inrcodec.errors import ImageError, ImageWarning
from inrcodec.images import png_reading
from inrcodec.images.png import SIGNATURE, chunk
from inrcodec.images.reading import read_image
from tests.images.made import RAMP, saved

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size


def zeroed(data: bytes) -> bytes:
    """Eight bytes at a third of the file become zero."""
    third = len(data) // 3
    return data[:third] + bytes(8) + data[third + 8 :]


def with_right_checksums(data: bytes) -> bytes:
    return SIGNATURE + b"".join(chunk(kind, payload) for kind, payload in chunks(data))


def test_a_cut_jpeg_2000_file_is_an_error() -> None:
    noise = Image.effect_noise((256, 256), 60)
    whole = saved(noise, "JPEG2000")
    assert (read_image(whole).pixels[:, :, 0] == np.asarray(noise)).all()
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_image(whole[:60000])


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "AVIF", "JPEG", "BMP", "PPM", "TGA", "QOI"])
def test_a_cut_file_is_an_error(kind: str) -> None:
    whole = saved(Image.fromarray(NOISE), kind)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(ImageError):
            read_image(whole[: int(share * len(whole))])


@pytest.mark.parametrize("kind", ["ICNS"])
def test_damage_that_a_decoder_notices_is_an_error(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_image(zeroed(saved(Image.fromarray(noise), kind)))


def test_a_gif_that_its_decoder_gives_up_is_an_error() -> None:
    whole = saved(Image.fromarray(NOISE).convert("P"), "GIF")
    start = whole.index(b",\0\0\0\0") + 10  # the picture's own header
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_image(whole[:start] + b"\x0d" + whole[start + 1 :])


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_damage_inside_the_samples_of_a_png_is_an_error(smooth: bool, deep: bool) -> None:
    from inrcodec.images.writing import image_bytes
    from inrcodec.pixels import Picture

    samples = np.tile(RAMP[:, :, None], (20, 9, 3)) if smooth else NOISE
    whole = image_bytes(Picture(samples.astype(np.uint16) * 257 if deep else samples))
    for damaged in (zeroed(whole), with_right_checksums(zeroed(whole))):
        with pytest.raises(ImageError, match="cannot be decoded"):
            read_image(damaged)
    assert (read_image(with_right_checksums(whole)).pixels == read_image(whole).pixels).all()


def test_a_png_is_forgiven_what_it_lacks_behind_its_last_sample() -> None:
    whole = saved(Image.fromarray(NOISE))
    packed = next(payload for kind, payload in chunks(whole) if kind == b"IDAT")
    end = whole.index(packed) + len(packed)
    for cut in range(end - 4, len(whole) - 4):  # from the checksum in the image data to IEND
        with pytest.warns(ImageWarning, match="damaged behind the image data"):
            assert (read_image(whole[:cut]).pixels == NOISE).all()
    for cut in (end - 40, end - 200):
        with pytest.raises(ImageError, match="bytes of image data"):
            read_image(whole[:cut])


def test_interlaced_images_are_counted_whole() -> None:
    for width, height in ((1, 1), (3, 2), (5, 5), (8, 9), (33, 17)):
        for colour, bits, channels in ((2, 8, 3), (0, 1, 1), (6, 16, 4), (3, 4, 1)):
            expected = 0
            for top, down, left, right in png_reading.PASSES:
                columns, rows = len(range(left, width, right)), len(range(top, height, down))
                expected += rows * (1 + (columns * bits * channels + 7) // 8) if columns else 0
            png = png_reading.Png((width, height), bits, colour, True)
            assert png_reading._image_bytes(png) == expected


def test_image_data_that_unpacks_to_more_than_the_image_is_not_unpacked() -> None:
    head = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    bomb = zlib.compress(bytes(1 << 27), 9)
    data = SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", bomb) + chunk(b"IEND", b"")
    with pytest.warns(ImageWarning, match="damaged behind"):
        assert read_image(data).pixels.max() == 0


def test_the_number_of_chunks_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_reading, "MAX_CHUNKS", 50)
    whole = saved(Image.fromarray(RAMP))
    head, tail = whole[:33], whole[33:]
    assert read_image(head + chunk(b"prVt", b"") * 40 + tail).width == 12
    with pytest.raises(ImageError, match="more than 50 chunks"):
        read_image(head + chunk(b"prVt", b"") * 60 + tail)


def test_every_command_that_reads_images_says_so_and_fails(tmp_path: Path) -> None:
    from inrcodec.cli.app import app

    good, bad = tmp_path / "good.png", tmp_path / "bad.jp2"
    noise = Image.effect_noise((64, 64), 60)
    good.write_bytes(saved(noise))
    bad.write_bytes(saved(noise, "JPEG2000")[:2500])
    for command in (
        ["encode", bad, "-o", tmp_path / "a.inr", "-e", "0"],
        ["compare", good, bad],
        ["report", bad, bad],
    ):
        result = CliRunner().invoke(app, list(map(str, command)))
        told = str(result.exception) + result.stderr
        assert result.exit_code == 1, command
        assert "bad.jp2: cannot be decoded" in told
    assert not (tmp_path / "a.inr").exists()
