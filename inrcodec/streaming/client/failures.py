"""Why a connection failed, as types: they tell whether to try again, and how."""

from __future__ import annotations

from inrcodec.errors import StreamError


class Refused(StreamError):
    """The server answered with a refusal that asking again will not change."""


class Unavailable(StreamError):
    """The server has no data channels, but perhaps plain HTTP."""


class Unreachable(StreamError):
    """HTTP gets through to the server, UDP does not."""
