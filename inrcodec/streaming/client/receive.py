"""Receiving a stream: an asynchronous iterator of pictures that get better.

    async for frame in receive("http://127.0.0.1:8750/files/photo.inr"):
        frame.picture        # a `Picture`
        frame.layers, frame.received_bytes, frame.complete

WebRTC data channels where the server has them, HTTP where it has not or they fail; what has arrived
is kept over a cut, and only the rest is asked for. Pictures are decoded in a thread of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from inrcodec.errors import InrCodecError, StreamError
from inrcodec.streaming.client.options import ReceiveOptions
from inrcodec.streaming.client.reception import Reception
from inrcodec.streaming.transport import webrtc

if TYPE_CHECKING:
    from inrcodec.pixels import Picture

__all__ = ["Decode", "ReceiveOptions", "ReceivedFrame", "fetch", "receive"]

Decode = Callable[[list[bytes]], "Picture"]
"""From what has arrived of a file, as `decode_picture` takes it, to a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedFrame:
    """A picture on the way. `elapsed_s` counts from the beginning to when its bytes were there, not
    to the end of decoding; `layers` of `total_layers` are whole; `data` is the file, once it is."""

    picture: Picture
    layers: int
    total_layers: int
    received_bytes: int
    elapsed_s: float
    complete: bool
    transport: str
    data: bytes | None


async def receive(
    url: str, options: ReceiveOptions | None = None, decode: Decode | None = None
) -> AsyncGenerator[ReceivedFrame, None]:
    """Pictures of the file at a URL, each better than the one before; see the module.

    Frames that are overtaken while one is decoded are left out. Raises `StreamError` when the
    server refuses or cannot be reached, after a last frame of what had arrived; `FormatError` for a
    file that is none; `OptionError`.
    """
    options = options or ReceiveOptions()
    if decode is None:
        decode = partial(_decoded, options.threads)
    shown: tuple[bytes, ...] = ()
    async with _reception(url, options) as reception:
        while True:
            state = await reception.states.get()
            receiver = reception.receiver
            if state.runs and state.runs != shown:
                shown = state.runs
                picture = await asyncio.to_thread(decode, list(state.runs))
                complete = state.last and receiver.complete
                yield ReceivedFrame(
                    picture,
                    state.layers,
                    state.total,
                    state.received_bytes,
                    state.elapsed_s,
                    complete,
                    state.transport,
                    receiver.file() if complete else None,
                )
            if state.last:
                if not state.runs:
                    raise StreamError(f"{url}: the base of the picture did not arrive")
                return


async def fetch(url: str, options: ReceiveOptions | None = None) -> bytes:
    """The whole file at a URL, without decoding it. Raises as `receive`, and `StreamError` if the
    options or losses that nothing mends leave it incomplete."""
    async with _reception(url, options or ReceiveOptions()) as reception:
        state = await reception.states.get()
        while not state.last:
            state = await reception.states.get()
        if not reception.receiver.complete:
            raise StreamError(f"{url}: only {state.layers} of {state.total} layers arrived")
        return reception.receiver.file()


@asynccontextmanager
async def _reception(url: str, options: ReceiveOptions) -> AsyncIterator[Reception]:
    """A reception that runs as long as it is used."""
    webrtc.require()
    reception = Reception(url, options)
    task = asyncio.create_task(reception.run())
    try:
        yield reception
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, InrCodecError):
            await task


def _decoded(threads: int | None, runs: list[bytes]) -> Picture:
    """A picture without the warnings that it is coarse: the frame says so."""
    import warnings

    from inrcodec.codec.decoder import decode_picture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return decode_picture(runs, threads=threads)
