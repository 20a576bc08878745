"""Why a connection failed, as types: they tell whether to try again, and how."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl

from inrcodec.errors import StreamError
from inrcodec.streaming.protocol.frame import Beginning


class Refused(StreamError):
    """The server answered with a refusal that asking again will not change."""


class Unavailable(StreamError):
    """The server has no data channels, but perhaps plain HTTP."""


class Unreachable(StreamError):
    """HTTP gets through to the server, UDP does not."""


class Incomplete(StreamError):
    """The reception ended before everything was there. `beginning` is what had come of the file
    without a gap: with it, another reception asks for the rest only."""

    def __init__(self, message: str, beginning: Beginning) -> None:
        super().__init__(message)
        self.beginning = beginning


def said(error: BaseException) -> str:
    """Say for a person, in one line, what went wrong."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, socket.gaierror):
        return f"the host is not known: {error.strerror or error}"
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
        return "the connection was cut"
    if isinstance(error, aiohttp.ClientResponseError):  # of its parser: we look at status ourselves
        return "the answer is not valid HTTP"
    if isinstance(error, OSError) and error.errno:
        return f"cannot connect: {os.strerror(error.errno)}"
    return " ".join(str(error).split()) or type(error).__name__
