"""A server in this process, and its receivers."""

import asyncio
from contextlib import asynccontextmanager

from inrcodec.streaming.client.receive import ReceiveOptions, receive
from inrcodec.streaming.server.app import Server, ServerOptions
from inrcodec.streaming.server.library import Library


@asynccontextmanager
async def serving(path, slices=None, **options):
    """A server on a free port of this machine: (server, base URL)."""
    server = Server(Library(str(path), slices), ServerOptions(port=0, **options))
    await server.start()
    try:
        yield server, f"http://127.0.0.1:{server.port}"
    finally:
        await server.close()


async def frames(url, **options):
    """All frames of a reception."""
    return [frame async for frame in receive(url, ReceiveOptions(**options))]


async def until(condition, seconds=5.0):
    """Wait for a condition; whether it came."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        await asyncio.sleep(0.02)
    return condition()
