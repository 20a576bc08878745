"""What peers may send to a server or a receiver: offers, answers, first messages, SCTP and STUN."""

import asyncio
import struct
from collections.abc import Callable, Iterable

from aioice import stun
from aiortc.rtcsctptransport import RECONFIG_PARAM_TYPES, crc32c, parse_packet
from aiortc.sdp import SessionDescription

from inrcodec.streaming.protocol.foreign import foreign
from inrcodec.streaming.protocol.messages import STREAM_BYTES, Mode, Ping, Start
from inrcodec.streaming.protocol.packets import pack
from inrcodec.streaming.protocol.receiver import Receiver
from inrcodec.streaming.protocol.sender import Sender
from inrcodec.streaming.protocol.stream import Stream
from inrcodec.streaming.transport import signaling, webrtc

ADDRESSES = ["192.0.2.1", "::1"]
STREAM = Stream(bytes(range(256)) * 20, [0, 3000], [0, 1000, 3000])


def offer(data: bytes) -> None:
    """An SDP offer; what is left of it is an offer itself, and aiortc reads it."""
    kept = signaling.checked_offer(data)
    if signaling.checked_offer(kept.encode()) != kept:
        raise AssertionError("what is kept of an offer is another offer")
    with foreign(signaling.OfferError, "aiortc refuses it"):
        SessionDescription.parse(kept)


def first(data: bytes) -> None:
    """The header of an offer that carries the receiver's first messages."""
    sender = Sender(STREAM)
    for datagram in signaling.started(data.decode("latin-1")):
        sender.push(datagram)


def answer(data: bytes) -> None:
    """An answer to an offer; only addresses of the server are left in it."""
    receiver = Receiver()
    text, inline = signaling.without_inline(data.decode(errors="replace"))
    text, count = signaling.with_candidates(text, ADDRESSES)
    named = [line for line in text.splitlines() if line.startswith("a=candidate:")]
    if len(named) != count or count > signaling.MOST_CANDIDATES:
        raise AssertionError(f"{len(named)} candidates, not {count}")
    if not all(line.split()[4].partition("%")[0] in ADDRESSES for line in named):
        raise AssertionError(f"candidates of others: {named}")
    with foreign(signaling.OfferError, "aiortc refuses it"):
        SessionDescription.parse(text)
    for datagram in inline:
        receiver.push(datagram)


def sctp(data: bytes) -> None:
    """A packet of SCTP whose checksum is right. Whatever passes `sound` is read in no time."""
    head = data[:8] + bytes(4)
    packet = data[:8] + struct.pack("<L", crc32c(head + data[12:])) + data[12:]
    if webrtc.sound(packet):
        with foreign(signaling.OfferError, "SCTP refuses it"):
            for chunk in parse_packet(packet)[3]:
                for kind, value in getattr(chunk, "params", []):
                    if kind in RECONFIG_PARAM_TYPES:
                        RECONFIG_PARAM_TYPES[kind].parse(value)


def binding(data: bytes) -> None:
    """A message of STUN."""
    with foreign(signaling.OfferError, "STUN refuses it"):
        stun.parse_message(data)


KINDS: tuple[Callable[[bytes], None], ...] = (offer, first, answer, sctp, binding)


def peer(data: bytes) -> None:
    """What the first byte says, and behind it the thing itself."""
    KINDS[data[0] % len(KINDS) if data else 0](data[1:])


def seeds() -> Iterable[bytes]:
    """One of each kind."""
    sdp = asyncio.run(_offer())
    start = pack(bytes(STREAM_BYTES), Start(Mode.FEC, 3, 70000, 30, 5))
    ping = pack(bytes(STREAM_BYTES), Ping(1234))
    header = signaling.start_header([start, ping]) or ""
    reply = sdp.replace("a=setup:actpass", "a=setup:active")
    chunks = [(1, bytes(16) + struct.pack(">HHHH", 0x8008, 6, 130, 0)), (130, _RESET), (0, _DATA)]
    yield b"\0" + sdp.encode()
    yield b"\1" + header.encode()
    yield (
        b"\2"
        + signaling.with_inline(reply, [pack(STREAM.manifest.stream, STREAM.manifest)]).encode()
    )
    for kind, body in chunks:
        yield b"\3" + bytes(12) + struct.pack(">BBH", kind, 3, 4 + len(body)) + body
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = "abcd:efgh"
    yield b"\4" + bytes(message)


_RESET = struct.pack(">HHLLLHH", 13, 20, 1, 2, 3, 0, 1)
_DATA = struct.pack(">LHHL", 7, 1, 0, 53) + b"payload"


async def _offer() -> str:
    """A real offer."""
    made = webrtc.connection()
    webrtc.channels(made)
    webrtc.bind(made, ["127.0.0.1"])
    await made.setLocalDescription(await made.createOffer())
    text = str(made.localDescription.sdp)
    await made.close()
    return text
