"""What metadata costs a reader: one block of a name, and nothing where only the layout matters."""

import zlib
from pathlib import Path

import pytest
import zstandard

import inrcodec
from inrcodec.codec.format import bitstream, metadata
from inrcodec.codec.format.sections import Kind, section_bytes
from inrcodec.errors import PartialFileWarning
from inrcodec.pixels import MAX_METADATA_BYTES
from inrcodec.streaming.decoding import decode_runs
from inrcodec.streaming.layers import is_whole, starts_in, stream_of

BLOCK = zstandard.ZstdCompressor().compress(bytes(MAX_METADATA_BYTES))
BROKEN = BLOCK[:-3] + b"\xff\xff\xff"


def with_sections(file: bytes, *sections: tuple[int, bytes]) -> bytes:
    """The file with these ancillary sections before its end, in place of its own."""
    container = bitstream.read(file)
    kept = [s for s in container.sections if not s.ancillary and s.kind != Kind.END]
    start = file[:5] + b"".join(file[s.offset : s.offset + s.size] for s in kept)
    more = b"".join(section_bytes(kind, payload) for kind, payload in sections)
    end = section_bytes(Kind.END, zlib.crc32(start).to_bytes(4, "little"))
    return start + more + end


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of every frame that is unpacked."""
    sizes: list[int] = []

    class Counting:
        def decompress(self, data: bytes, **named: bool) -> bytes:
            sizes.append(zstandard.get_frame_parameters(data).content_size)
            return decompressor().decompress(data, **named)

    decompressor = zstandard.ZstdDecompressor
    monkeypatch.setattr(metadata.zstandard, "ZstdDecompressor", Counting)
    return sizes


def test_only_the_first_of_a_name_is_unpacked(small_file: bytes, unpacked: list[int]) -> None:
    data = with_sections(small_file, *[(kind, BLOCK) for kind in (0x80, 0x81, 0x82) * 100])
    with pytest.warns(PartialFileWarning, match="but icc, exif, xmp is missing or damaged"):
        picture = inrcodec.decode_picture(data)
    assert picture.icc == picture.exif == picture.xmp == bytes(MAX_METADATA_BYTES)
    assert unpacked == [MAX_METADATA_BYTES] * 3
    assert inrcodec.info(data).damaged == ("icc", "exif", "xmp")
    assert unpacked == [MAX_METADATA_BYTES] * 6


def test_one_that_fails_late_is_not_followed_by_another(
    small_file: bytes, unpacked: list[int]
) -> None:
    data = with_sections(small_file, *[(0x80, BROKEN)] * 100)
    assert inrcodec.info(data).metadata == ()
    assert len(unpacked) == 1


def test_one_cut_short_or_damaged_makes_room_for_the_next(small_file: bytes) -> None:
    good = zstandard.ZstdCompressor().compress(b"the second")
    data = bytearray(with_sections(small_file, (0x80, BLOCK), (0x80, good)))
    data[data.index(BLOCK) + 9] ^= 1
    container = bitstream.read(bytes(data))
    assert container.metadata == {"icc": b"the second"}
    assert container.damaged == ("icc",)


def test_layouts_unpack_nothing(small_file: bytes, unpacked: list[int]) -> None:
    data = with_sections(small_file, *[(0x80, BLOCK)] * 20)
    stream_of(data)
    starts_in(data[:-3])
    assert is_whole(data)
    bitstream.read(data)
    assert unpacked == []
    decode_runs([data])
    assert unpacked == [MAX_METADATA_BYTES]


def test_the_file_that_took_seconds(shared: Path, unpacked: list[int]) -> None:
    inrcodec.info(shared / "faults" / "meta100.inr")
    assert len(unpacked) == 1
