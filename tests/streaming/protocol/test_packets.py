"""Datagrams: what is packed comes back, and nothing else is taken."""

import contextlib
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol import messages, packets
from inrcodec.streaming.protocol.manifest import LayerInfo, Manifest
from inrcodec.streaming.protocol.messages import Have, Mode, Ping, Sent, Start, Stop, Symbol, Want
from inrcodec.streaming.protocol.packets import bitmaps, pack, parse

STREAM = b"12345678"
MESSAGES = [
    Manifest(bytes(range(32)), (LayerInfo(5, 7, 8), LayerInfo(3000, 1 << 31, 1136))),
    Symbol(3, 70000, 17, bytes(100)),
    Symbol(31, 0, messages.NO_SECTION, bytes(1136)),
    Sent(4),
    Sent(4, True),
    Start(Mode.FEC, 3, 20000, 100, 50),
    Have(2, 100, b"\x80\x01"),
    Want(2, 100, b"\xff"),
    Stop(),
    Ping(1 << 31, True),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_round_trip(message):
    packet = pack(STREAM, message)
    assert len(packet) <= packets.MAX_PACKET
    assert parse(packet) == (STREAM, message)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_every_changed_byte_is_noticed(message):
    packet = pack(STREAM, message)
    for at in range(len(packet)):
        damaged = bytearray(packet)
        damaged[at] ^= 1 + at % 255
        with pytest.raises(PacketError):
            parse(bytes(damaged))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_every_other_length_is_refused(message):
    packet = pack(STREAM, message)
    for size in range(len(packet)):
        with pytest.raises(PacketError):
            parse(packet[:size])
    with pytest.raises(PacketError):
        parse(packet + b"\0")


def sealed(kind: int, body: bytes) -> bytes:
    """A datagram whose checksum is right, whatever it says."""
    packet = bytes([packets.MAGIC, kind]) + STREAM + body
    return packet + zlib.crc32(packet).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (0, b""),
        (1, bytes(32)),
        (2, b"\x20\0\0\0\xff\xffx"),
        (2, b"\x00\0\0\0\x00\x01x"),
        (3, b"\x20\0"),
        (3, b"\x02\2"),
        (16, messages._START.pack(9, 0, 0, 0, 0)),
        (16, messages._START.pack(1, 33, 0, 0, 0)),
        (16, messages._START.pack(1, 0, 0, 501, 0)),
        (18, b"\0\0\0\0"),
        (19, b"\0"),
        (32, b"\0\0\0\0\2"),
    ],
)
def test_what_no_peer_sends_is_refused(kind, body):
    with pytest.raises(PacketError):
        parse(sealed(kind, body))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 255), st.binary(max_size=1200))
def test_any_body_parses_or_is_refused(kind, body):
    """What parses packs to the same bytes."""
    packet = sealed(kind, body)
    try:
        stream, message = parse(packet)
    except PacketError:
        return
    assert pack(stream, message) == packet


@pytest.mark.parametrize("other", [None, "text", 7, bytearray(20)])
def test_only_bytes(other):
    with pytest.raises(PacketError):
        parse(other)


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 30000), max_size=300))
def test_bitmaps_name_exactly_the_numbers(numbers):
    messages = bitmaps(Want, 1, sorted(numbers))
    assert sorted(n for message in messages for n in message.numbers()) == sorted(numbers)
    for message in messages:
        assert parse(pack(STREAM, message)) == (STREAM, message)


def test_a_hundred_thousand_datagrams():
    """Random and mutated ones: nothing but our error."""
    draw = random.Random(0)
    valid = [pack(STREAM, message) for message in MESSAGES]
    for _ in range(100_000):
        packet = bytearray(draw.choice(valid))
        for _ in range(draw.randrange(4)):
            packet[draw.randrange(len(packet))] = draw.randrange(256)
        if draw.random() < 0.3:
            packet = bytearray(draw.randbytes(draw.randrange(1300)))
        if len(packet) > 14 and draw.random() < 0.7:
            packet[-4:] = zlib.crc32(packet[:-4]).to_bytes(4, "big")
        with contextlib.suppress(PacketError):
            parse(bytes(packet))
