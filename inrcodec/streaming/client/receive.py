"""Receiving a stream: an asynchronous iterator of images that get better.

    async for frame in receive("http://127.0.0.1:8750/files/photo.inr"):
        frame.picture        # a `Picture`: pixels and metadata
        frame.layers, frame.total_layers, frame.received_bytes, frame.complete

WebRTC data channels are used where the server has them, HTTP where it has not or they fail. What
has arrived is kept when a connection is cut, and only the rest is asked for. Images are decoded in
a thread of their own, which nobody waits for once it is of no use.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING

from inrcodec.errors import FormatError, InrCodecError, TruncatedError
from inrcodec.streaming import decoding
from inrcodec.streaming.client.failures import Incomplete
from inrcodec.streaming.client.options import ReceiveOptions
from inrcodec.streaming.client.reception import Check, Reception, unchecked
from inrcodec.streaming.protocol.frame import Beginning, Frame
from inrcodec.streaming.transport import webrtc
from inrcodec.streaming.transport.threads import in_thread

if TYPE_CHECKING:
    from inrcodec.pixels import Picture

NOTHING = Beginning()

LAST_LOOK_S = 5.0
"""Seconds in which the last image may be decoded after the time for the reception is over."""

Decode = Callable[[list[bytes]], "tuple[Picture, str]"]
"""From runs of a file to its image, and a text of what the image lacks; see `decode_runs`."""

Keep = Callable[[Beginning], object]
"""Is called once, with what is there of a file without a gap when its reception ends."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReceivedFrame(Frame):
    """A frame with its image. `missing` says what the image lacks, "" if it is whole. `elapsed_s`
    counts to when the bytes were there, not to the end of decoding."""

    picture: Picture
    missing: str

    @classmethod
    def of(cls, frame: Frame, picture: Picture, missing: str) -> ReceivedFrame:
        """Add the image to a frame."""
        known = {field.name: getattr(frame, field.name) for field in fields(Frame)}
        return cls(**known, picture=picture, missing=missing)


async def receive(
    url: str,
    options: ReceiveOptions | None = None,
    decode: Decode | None = None,
    known: Beginning = NOTHING,
    keep: Keep | None = None,
) -> AsyncGenerator[ReceivedFrame, None]:
    """Yield the images of the file at a URL, each better than the one before.

    Frames that are overtaken while one is decoded are left out. `known` is the beginning of the
    file from an earlier time (`Frame.beginning`): if the file is still the same, only the rest is
    asked for. `keep` is given the beginning that is there at the end, however that comes: the
    iteration may be left, or its task be cancelled. Raises `StreamError` when the server refuses or
    cannot be reached, and when the time is over: `Incomplete`, after a last frame, if anything had
    arrived. Raises `FormatError` for a file that is not valid, and `LimitError` for one that costs
    more than the options allow, once its header is there; `OptionError` for a URL that is not
    valid.
    """
    options = options or ReceiveOptions()
    limits = decoding.limits_of(options.max_pixels, options.max_work)
    if decode is None:
        decode = partial(
            decoding.decode_runs,
            threads=options.threads,
            max_pixels=options.max_pixels,
            max_work=options.max_work,
        )
    begun = time.monotonic()
    shown: tuple[bytes, ...] = ()
    seen = False
    check = partial(decoding.check_head, limits=limits)
    async with _reception(url, options, known, check, keep) as reception:
        while (frame := await reception.frames.get()) is not None:
            if frame.runs and frame.runs != shown:
                shown = frame.runs
                left_s = None
                if options.timeout_s is not None:
                    left_s = max(LAST_LOOK_S, begun + options.timeout_s - time.monotonic())
                try:
                    at_work = in_thread(decode, list(frame.runs))
                    picture, missing = await asyncio.wait_for(at_work, left_s)
                except asyncio.TimeoutError:
                    late = f"{url}: the image takes too long to decode"
                    raise Incomplete(late, reception.beginning) from None
                except TruncatedError:
                    if frame.complete:
                        raise
                    continue  # not enough yet to see anything
                seen = True
                yield ReceivedFrame.of(frame, picture, missing)
    if not seen:
        raise Incomplete(f"{url}: the base of the image did not arrive", reception.beginning)


async def fetch(
    url: str,
    options: ReceiveOptions | None = None,
    known: Beginning = NOTHING,
    keep: Keep | None = None,
) -> bytes:
    """Return the whole file at a URL, without decoding it, so that `max_pixels` and `max_work` do
    not matter. `keep` is called as by `receive`. Raises what that does, and `Incomplete` if options
    or lost packets leave the file incomplete."""
    last: Frame | None = None
    async with _reception(url, options or ReceiveOptions(), known, keep=keep) as reception:
        while (frame := await reception.frames.get()) is not None:
            last = frame
    if last is None or last.data is None:
        layers = f"{last.layers} of {last.total_layers}" if last else "no"
        raise Incomplete(f"{url}: only {layers} layers arrived", reception.beginning)
    return last.data


@asynccontextmanager
async def _reception(
    url: str,
    options: ReceiveOptions,
    known: Beginning,
    check: Check = unchecked,
    keep: Keep | None = None,
) -> AsyncIterator[Reception]:
    """Run a reception for as long as it is used, and let `keep` have what it leaves; an error of
    the file names the URL."""
    webrtc.require()
    reception = Reception(url, options, known, check)
    task = asyncio.create_task(reception.run())
    try:
        yield reception
    except FormatError as error:
        error.about(url)
        raise
    finally:
        if keep is not None:
            keep(reception.beginning)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, InrCodecError):
            await task
