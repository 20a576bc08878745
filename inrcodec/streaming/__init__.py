"""Streaming over lossy links: a file as layers, packets that survive loss, WebRTC and HTTP.

layers.py     from a file to its layers and the stream of them: knows the file format
decoding.py   from what has arrived to an image: the only module that decodes
protocol/     what sender and receiver say, as state machines without I/O
simulated/    a link that loses packets, and sessions over it, without I/O
transport/    WebRTC peer connections and signalling, for both ends
server/       the asyncio shell that serves
client/       the asyncio shell that receives

The names below are public. They are imported when they are first used, so the protocol needs none
of the packages that the server and the client do.

receive         asynchronous iterator of images of a URL that get better
fetch           the whole file at a URL, not decoded
ReceiveOptions  how to receive: mode, transport, when to stop
ReceivedFrame   a frame with its image
Frame           what a receiver had of a file at a time
Beginning       the beginning of a file, to go on from
Incomplete      the error of a reception that had brought something
Server          an HTTP and WebRTC server of a library
ServerOptions   where it listens, who may ask
Limits          what it allows strangers
Library         the files it offers, by name
Stream          a file cut into layers and datagrams
stream_of       from the bytes of a file to its stream
slice_side      the side of slices that suits the rate of a file
Sender          the sending end of a stream, without I/O
Receiver        the receiving end of a stream, without I/O
Mode            how lost packets are made up for
decode_runs     from what has arrived of a file to its image and a text of what it lacks
PacketLoss      which packets of a link are lost
Conditions      packet loss, round trip and rate of a simulated link
simulate        a session of a stream over a simulated link
Transmission    its outcome
Comparison      a stream beside a JPEG over the same simulated links
Jpeg            the JPEG it is compared with
Trial           one session of a comparison, rated
share_of        from a text such as 10% to a share of packets
bytes_per_s     from a text such as 1M to a rate
signed          a link that is good for a while without the token
require         raises `MissingExtraError` if the packages for streaming are not installed
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inrcodec.streaming.client.failures import Incomplete
    from inrcodec.streaming.client.options import ReceiveOptions
    from inrcodec.streaming.client.receive import ReceivedFrame, fetch, receive
    from inrcodec.streaming.decoding import decode_runs
    from inrcodec.streaming.layers import slice_side, stream_of
    from inrcodec.streaming.protocol.frame import Beginning, Frame
    from inrcodec.streaming.protocol.messages import Mode
    from inrcodec.streaming.protocol.receiver import Receiver
    from inrcodec.streaming.protocol.sender import Sender
    from inrcodec.streaming.protocol.stream import Stream
    from inrcodec.streaming.server.app import Server
    from inrcodec.streaming.server.library import Library
    from inrcodec.streaming.server.options import Limits, ServerOptions
    from inrcodec.streaming.simulated.comparison import Comparison, Jpeg, Trial
    from inrcodec.streaming.simulated.link import PacketLoss, bytes_per_s, share_of
    from inrcodec.streaming.simulated.session import Conditions, Transmission, simulate
    from inrcodec.streaming.transport.signaling import signed
    from inrcodec.streaming.transport.webrtc import require

_MODULES = {
    "client.failures": ("Incomplete",),
    "client.options": ("ReceiveOptions",),
    "client.receive": ("ReceivedFrame", "fetch", "receive"),
    "decoding": ("decode_runs",),
    "layers": ("slice_side", "stream_of"),
    "protocol.frame": ("Beginning", "Frame"),
    "protocol.messages": ("Mode",),
    "protocol.receiver": ("Receiver",),
    "protocol.sender": ("Sender",),
    "protocol.stream": ("Stream",),
    "server.app": ("Server",),
    "server.library": ("Library",),
    "server.options": ("Limits", "ServerOptions"),
    "simulated.comparison": ("Comparison", "Jpeg", "Trial"),
    "simulated.link": ("PacketLoss", "bytes_per_s", "share_of"),
    "simulated.session": ("Conditions", "Transmission", "simulate"),
    "transport.signaling": ("signed",),
    "transport.webrtc": ("require",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Beginning",
    "Comparison",
    "Conditions",
    "Frame",
    "Incomplete",
    "Jpeg",
    "Library",
    "Limits",
    "Mode",
    "PacketLoss",
    "ReceiveOptions",
    "ReceivedFrame",
    "Receiver",
    "Sender",
    "Server",
    "ServerOptions",
    "Stream",
    "Transmission",
    "Trial",
    "bytes_per_s",
    "decode_runs",
    "fetch",
    "receive",
    "require",
    "share_of",
    "signed",
    "simulate",
    "slice_side",
    "stream_of",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
