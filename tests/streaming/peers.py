"""A server in this process, and its receivers."""

import asyncio
import random
from contextlib import asynccontextmanager

from inrcodec.streaming import Library, ReceiveOptions, Server, ServerOptions, Stream, receive
from inrcodec.streaming.server.library import UnknownFileError
from inrcodec.streaming.transport import webrtc


class Shelf:
    """A library of files of random bytes, of so many bytes by name, each of one layer."""

    def __init__(self, **sizes):
        draw = random.Random(0)
        self._streams = {n: Stream(draw.randbytes(size), [0], []) for n, size in sizes.items()}

    def names(self):
        return sorted(self._streams)

    def version(self, name):
        if name not in self._streams:
            raise UnknownFileError
        return name

    def kept(self, version):
        return self._streams[version]

    def stream(self, name):
        return self.kept(self.version(name))


@asynccontextmanager
async def serving(what, slices=None, **options):
    """A server of a path or a library on a free port of this machine: (server, base URL)."""
    library = what if hasattr(what, "stream") else Library(str(what), slices)
    server = Server(library, ServerOptions(port=0, **options))
    await server.start()
    try:
        yield server, f"http://127.0.0.1:{server.port}"
    finally:
        await server.close()


async def offer_of():
    """(a real offer, its peer)."""
    peer = webrtc.connection()
    webrtc.channels(peer)
    await peer.setLocalDescription(await peer.createOffer())
    return peer.localDescription.sdp, peer


async def frames(url, **options):
    """All frames of a reception."""
    return [frame async for frame in receive(url, ReceiveOptions(**options))]


async def until(condition, seconds=30.0):
    """Wait for a condition; whether it came."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        await asyncio.sleep(0.02)
    return condition()
