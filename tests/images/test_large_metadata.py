"""Metadata of every legal size passes, is bounded, and changes no limit of Pillow."""

import os
import tracemalloc
import zlib
from contextlib import nullcontext

import pytest
from PIL import Image, PngImagePlugin

from inrcodec.errors import ImageWarning
from inrcodec.images import png_reading
from inrcodec.images.png import HEADER_BYTES, chunk
from inrcodec.images.reading import read_image
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import MAX_METADATA_BYTES
from tests.images.made import RAMP, block, saved

WHOLE = saved(Image.fromarray(RAMP))
LARGE = os.urandom(1 << 21)


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """`WHOLE` with chunks behind its header."""
    return WHOLE[:HEADER_BYTES] + b"".join(chunk(*each) for each in chunks) + WHOLE[HEADER_BYTES:]


def xmp_chunk(text: bytes, packed: bool) -> tuple[bytes, bytes]:
    text = b"\1\0en\0Titel\0" + zlib.compress(text) if packed else b"\0\0\0\0" + text
    return b"iTXt", png_reading.XMP_KEYWORD + b"\0" + text


def test_large_blocks_and_texts_of_a_png_pass() -> None:
    limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    xmp = b"<x:xmpmeta>" + bytes(LARGE).hex().encode() + b"</x:xmpmeta>"
    texts = [(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 23)))] * 12
    for packed in (False, True):
        data = with_chunks(
            (b"iCCP", b"P3\0\0" + zlib.compress(LARGE)),
            (b"eXIf", block("<", 1)[6:]),
            xmp_chunk(xmp, packed),
            *texts,
        )
        picture = read_image(data)
        assert picture.metadata == {"icc": LARGE, "exif": block("<", 1), "xmp": xmp}
        assert read_image(image_bytes(picture)).metadata == picture.metadata
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)


def test_blocks_behind_the_image_data_count_too() -> None:
    end = WHOLE.rindex(b"IEND") - 4
    late = chunk(*xmp_chunk(b"<x:xmpmeta/>", False)) + chunk(b"eXIf", block(">", 6)[6:])
    picture = read_image(WHOLE[:end] + late + WHOLE[end:])
    assert picture.xmp == b"<x:xmpmeta/>"
    assert picture.pixels.shape == (12, 5, 1)


def test_only_the_first_block_of_a_kind_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = []
    original = png_reading._unpacked
    monkeypatch.setattr(png_reading, "_unpacked", lambda b: unpacked.append(1) or original(b))
    for content in (LARGE, b""):
        damaged = zlib.compress(content)[: None if content else 3]
        with nullcontext() if content else pytest.warns(ImageWarning, match="damaged"):
            read_image(with_chunks(*[(b"iCCP", b"P3\0\0" + damaged)] * 9))
    assert len(unpacked) == 2


def test_a_block_that_unpacks_to_too_much_is_dropped_within_bounds() -> None:
    bomb = zlib.compress(bytes(1 << 28), 9)
    for chunks in (
        [(b"iCCP", b"P3\0\0" + bomb)],
        [(b"iTXt", png_reading.XMP_KEYWORD + b"\0\1\0\0\0" + bomb)],
        [(b"zTXt", b"Raw profile type exif\0\0" + bomb)],
    ):
        data = with_chunks(*chunks)
        tracemalloc.start()
        with pytest.warns(ImageWarning, match="dropped"):
            assert read_image(data).width == 12
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 6 * MAX_METADATA_BYTES


def test_damaged_metadata_costs_no_image() -> None:
    whole = chunk(b"iCCP", b"P3\0\0" + zlib.compress(LARGE))
    wrong = whole[:-1] + bytes([whole[-1] ^ 1])
    data = WHOLE[:HEADER_BYTES] + wrong + WHOLE[HEADER_BYTES:]
    with pytest.warns(ImageWarning, match="ICC block is damaged"):
        assert (read_image(data).pixels[:, :, 0] == RAMP).all()
    for chunks in (
        (b"iCCP", b"P3\0\1" + zlib.compress(LARGE)),
        (b"iCCP", b"no end"),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 3\nzz")),
        (b"tEXt", b"Raw profile type icc\0no lines"),
    ):
        with pytest.warns(ImageWarning, match="block is damaged"):
            assert (read_image(with_chunks(chunks)).pixels[:, :, 0] == RAMP).all()
