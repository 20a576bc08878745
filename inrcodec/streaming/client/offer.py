"""Signalling from the receiver's side: an offer is POSTed (WHEP), the session is DELETEd."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from inrcodec.errors import StreamError
from inrcodec.streaming.client.failures import Refused, Unavailable
from inrcodec.streaming.transport.signaling import START_HEADER

if TYPE_CHECKING:
    from inrcodec.streaming.client.requests import Requests

MAX_ANSWER_BYTES = 1 << 16
"""Bytes of the longest answer: base64 of 16 KB inline, and the SDP itself, twice over."""

PIECE = 1 << 14
"""Bytes of an answer read at once."""

NO_CHANNELS = (400, 403, 404, 405, 415, 501)
"""The status with which a server answers that knows nothing of offers; redirections, too."""


async def post_offer(http: Requests, offer: str, first: str | None) -> tuple[str, str | None]:
    """POST an offer with the receiver's first messages; return (answer, location of the session).

    Raises `Unavailable` if the server has no data channels, `StreamError` if it is full, and
    `Refused` for any other refusal.
    """
    headers = {"Content-Type": "application/sdp"}
    if first is not None:
        headers[START_HEADER] = first
    async with http.post(offer.encode(), headers) as reply:
        body = bytearray()
        async for piece in reply.content.iter_chunked(PIECE):
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise Refused("an answer that is too long")
        text = body.decode(errors="replace")
        if reply.status in (429, 503):
            raise StreamError(f"the server is full ({reply.status})")
        if reply.status in NO_CHANNELS or 300 <= reply.status < 400:
            raise Unavailable(f"no data channels here ({reply.status})")
        if reply.status != 201:
            raise Refused(f"refused with {reply.status} {text.strip()[:200]}")
        return text, reply.headers.get("Location")


async def hang_up(http: Requests, location: str | None) -> None:
    """DELETE a session if it is one of this server; failures do not matter."""
    if location is not None:
        with contextlib.suppress(Exception):
            await http.delete(location)
