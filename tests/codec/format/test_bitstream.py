from dataclasses import replace

import msgpack
import pytest

from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Family, Header, Kind
from inrcodec.errors import FormatError, LimitError, TruncatedError
from inrcodec.pixels import MAX_METADATA_BYTES
from tests import reference_reader

HEADER = Header(768, 512, 3, 8, Family.PE_SIREN, (64, 6, 16))
SECTIONS = [(Kind.PARAMETERS, b"parameters" * 20)]
FILE = bitstream.write(HEADER, SECTIONS, {"icc": b"profile" * 50, "xmp": b"<x/>"})
CRITICAL = len(bitstream.write(HEADER, SECTIONS)) - 10
LATENT_HEADER = Header(768, 512, 4, 8, Family.COOLCHIC, (7, 16, 24, 32), (0xFFFFFFFF, 255), 64)
LATENT_SECTIONS = [
    (Kind.PARAMETERS, b"networks"),
    (Kind.ALPHA_PARAMETERS, b"more"),
    (Kind.LATENTS, b"coarse" * 40),
    (Kind.ALPHA_LATENTS, b"hazy"),
    (Kind.LATENTS, b"fine" * 99),
]


def test_what_was_written_is_read() -> None:
    container = bitstream.read(FILE)
    assert container.complete
    assert container.header == HEADER
    assert container.payload(Kind.PARAMETERS) == b"parameters" * 20
    assert container.metadata == {"icc": b"profile" * 50, "xmp": b"<x/>"}
    assert not container.damaged
    assert sum(s.size for s in container.sections) + 5 == len(FILE)


def test_overhead_is_at_most_32_bytes() -> None:
    data = bitstream.write(HEADER, [(Kind.PARAMETERS, b"x" * 500)])
    assert len(data) - 500 - len(HEADER.to_bytes()) <= 32


def test_every_changed_critical_byte_is_noticed() -> None:
    for at in [*range(CRITICAL), *range(len(FILE) - 10, len(FILE))]:
        for change in (1, 0x80, 0xFF):
            damaged = bytearray(FILE)
            damaged[at] ^= change
            with pytest.raises(FormatError):
                bitstream.read(bytes(damaged)).payload(Kind.END)


def test_damaged_metadata_is_dropped_and_named() -> None:
    damaged = bytearray(FILE)
    damaged[CRITICAL + 10] ^= 0x55
    container = bitstream.read(bytes(damaged))
    assert container.damaged == ("icc",)
    assert container.metadata == {"xmp": b"<x/>"}
    assert container.payload(Kind.PARAMETERS) == b"parameters" * 20


def test_every_prefix_gives_whole_sections_or_truncated_error() -> None:
    for size in range(len(FILE)):
        if size < 5 + 6 + len(HEADER.to_bytes()):
            with pytest.raises(FormatError):
                bitstream.read(FILE[:size])
            continue
        container = bitstream.read(FILE[:size])
        assert not container.complete
        if size < CRITICAL:
            with pytest.raises(TruncatedError):
                container.payload(Kind.PARAMETERS)
        else:
            assert container.payload(Kind.PARAMETERS) == b"parameters" * 20


def test_sections_of_latents_are_read_and_a_prefix_shows_its_last_one() -> None:
    data = bitstream.write(LATENT_HEADER, LATENT_SECTIONS, {"icc": b"profile" * 50})
    container = bitstream.read(data)
    assert container.header == LATENT_HEADER
    assert container.payloads(Kind.LATENTS) == [b"coarse" * 40, b"fine" * 99]
    assert container.partial is None
    ends = [5] + [s.offset + s.size for s in container.sections]
    for size in range(ends[1], len(data)):
        cut = bitstream.read(data[:size])
        whole = sum(end <= size for end in ends) - 1
        assert not cut.complete
        assert cut.sections == container.sections[:whole]
        following = container.sections[whole]
        body = following.offset + following.size - 4 - len(following.payload)
        if size < body:
            assert cut.partial is None
            continue
        assert cut.partial is not None
        assert (cut.partial.kind, cut.partial.offset) == (following.kind, following.offset)
        assert cut.partial.payload == following.payload[: size - body]
        assert cut.partial.size == size - following.offset


@pytest.mark.parametrize(
    ("header", "kinds"),
    [
        (HEADER, [2, 3]),
        (HEADER, [2, 4]),
        (LATENT_HEADER, [3, 2]),
        (LATENT_HEADER, [4, 2]),
        (LATENT_HEADER, [2, 5, 4]),
        (LATENT_HEADER, [2, 4, 4]),
        (LATENT_HEADER, [2, 2]),
        (replace(LATENT_HEADER, channels=3), [2, 4]),
        (replace(LATENT_HEADER, channels=1), [2, 5]),
    ],
)
def test_sections_out_of_place_are_refused(header: Header, kinds: list[int]) -> None:
    data = bitstream.write(header, [(Kind(kind), b"x" * 20) for kind in kinds])
    for size in (len(data), len(data) - 20):
        with pytest.raises(FormatError, match=r"comes before|in a file|more than one"):
            bitstream.read(data[:size])


def test_many_sections_are_read_and_their_number_is_limited() -> None:
    most = [(Kind.LATENTS, b"x")] * (bitstream.MAX_SECTIONS - 3)
    data = bitstream.write(LATENT_HEADER, [LATENT_SECTIONS[0], *most])
    assert len(bitstream.read(data).payloads(Kind.LATENTS)) == len(most)
    with pytest.raises(LimitError, match="sections"):
        bitstream.read(bitstream.write(LATENT_HEADER, [LATENT_SECTIONS[0], *most, most[0]]))


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        (7, 1, FormatError),
        (7, [1], FormatError),
        (7, [1, 2, 3], FormatError),
        (7, [1, 256], FormatError),
        (7, [1 << 32, 0], FormatError),
        (7, [-1, 0], FormatError),
        (7, [True, 0], FormatError),
        (8, 7, LimitError),
        (8, 4097, LimitError),
        (8, 8.0, FormatError),
        (9, 0, FormatError),
    ],
)
def test_bad_fields_of_latent_headers_are_refused(key: int, value: object, error: type) -> None:
    fields = msgpack.unpackb(LATENT_HEADER.to_bytes(), strict_map_key=False)
    assert Header.from_bytes(msgpack.packb(fields)) == LATENT_HEADER
    with pytest.raises(error):
        Header.from_bytes(msgpack.packb(fields | {key: value}))


def test_unknown_ancillary_kinds_are_skipped_and_critical_ones_refused() -> None:
    end = bitstream.section_bytes(Kind.END, FILE[-8:-4])
    known = FILE[:CRITICAL]
    assert bitstream.read(known + bitstream.section_bytes(0xEE, b"future") + end).complete
    with pytest.raises(FormatError, match="unknown critical"):
        bitstream.read(known + bitstream.section_bytes(0x33, b"future") + end)


def test_trailing_bytes_and_repeated_sections_are_refused() -> None:
    with pytest.raises(FormatError, match="follow the end"):
        bitstream.read(FILE + b"x")
    twice = bitstream.SIGNATURE + b"\1" + bitstream.section_bytes(Kind.HEADER, HEADER.to_bytes())
    with pytest.raises(FormatError, match="more than one"):
        bitstream.read(twice + bitstream.section_bytes(Kind.HEADER, HEADER.to_bytes()))
    twice += 2 * bitstream.section_bytes(Kind.PARAMETERS, b"p")
    with pytest.raises(FormatError, match="more than one"):
        bitstream.read(twice)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        (1, 10**9, LimitError),
        (1, 0, LimitError),
        (1, True, FormatError),
        (1, 1.5, FormatError),
        (2, -3, LimitError),
        (2, 1 << 20, LimitError),
        (3, 5, LimitError),
        (4, 12, FormatError),
        (5, 999, FormatError),
        (6, "wide", FormatError),
        (6, [1] * 17, FormatError),
        (6, [-1, 2, 3], FormatError),
        (7, [1, 256], FormatError),
        (7, [1], FormatError),
        (8, 64, FormatError),
        (9, 1, FormatError),
        (True, 5, FormatError),
        (1.0, 5, FormatError),
    ],
)
def test_bad_header_fields_are_refused(key: int, value: object, error: type[Exception]) -> None:
    fields = msgpack.unpackb(HEADER.to_bytes(), strict_map_key=False)
    if isinstance(key, int) and type(key) is not bool:
        fields[key] = value
    else:
        fields = {(key if k == 1 else k): v for k, v in fields.items()}
    with pytest.raises(error):
        Header.from_bytes(msgpack.packb(fields))


def test_header_garbage_and_metadata_bombs_are_refused() -> None:
    import zstandard

    for payload in (b"", b"\xc1", b"\x80", msgpack.packb([1, 2]), b"\x81" * 300):
        with pytest.raises(FormatError):
            Header.from_bytes(payload)
    with pytest.raises(FormatError, match="once"):
        Header.from_bytes(b"\x87" + HEADER.to_bytes()[1:] + b"\x01\x05")
    whole = zstandard.ZstdCompressor().compress(bytes(range(256)) * 99)
    for block in (whole[:-5], whole + b"more", zstandard.ZstdCompressor().compress(b"")):
        framed = FILE[:CRITICAL] + bitstream.section_bytes(Kind.XMP, block)
        assert bitstream.read(framed).damaged == ("xmp",)
    bomb = zstandard.ZstdCompressor().compress(bytes(MAX_METADATA_BYTES + 1))
    start = FILE[:CRITICAL] + bitstream.section_bytes(Kind.ICC, bomb)
    assert bitstream.read(start).damaged == ("icc",)


def test_a_section_cannot_claim_more_than_is_there() -> None:
    start = bitstream.SIGNATURE + b"\1" + bytes([1])
    with pytest.raises(TruncatedError):
        bitstream.read(start + b"\xff\xff\x7f" + bytes(50))
    with pytest.raises(LimitError):
        bitstream.read(start + b"\xff\xff\xff\xff\x0f" + bytes(50))
    with pytest.raises(FormatError, match="shortest"):
        bitstream.read(start + b"\x80\x00" + bytes(50))


def test_the_reference_reader_agrees(small_file: bytes) -> None:
    file = reference_reader.read(small_file)
    container = bitstream.read(small_file)
    assert file.header[1] == container.header.width
    assert file.metadata[0x80] == container.metadata["icc"]
