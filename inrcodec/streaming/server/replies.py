"""What every reply of the server has in common: access, CORS, and one shape for errors."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from inrcodec.errors import InrCodecError
from inrcodec.streaming.server import pages, references
from inrcodec.streaming.server.callers import HostError, Hosts, WrongHostError
from inrcodec.streaming.server.library import BusyError, UnknownFileError
from inrcodec.streaming.server.options import ServerOptions
from inrcodec.streaming.transport.signaling import (
    FILES,
    LAYERS_HEADER,
    START_HEADER,
    Access,
    OfferError,
)

log = logging.getLogger("inrcodec.server.http")
"""What aiohttp has to say of a server: bugs, but no requests that are no HTTP."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_EXPOSED = f"Location, ETag, Content-Range, {LAYERS_HEADER}, {references.HEADER}"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": f"Authorization, Content-Type, Range, {START_HEADER}",
    "Access-Control-Max-Age": "600",
}
RETRY = {"Retry-After": "5"}
"""What a reply says that refuses for now, in seconds."""

_KEPT_HEADERS = ("WWW-Authenticate", "Retry-After", "Allow")

_STATUS = {
    OfferError: 400,
    HostError: 400,
    UnknownFileError: 404,
    WrongHostError: 421,
    BusyError: 503,
}
"""The HTTP status of each kind of error; that of all others is 422."""


class Replies:
    """Answers requests that may not be made, and turns what handlers raise into replies, for a
    server that listens at `addresses`.

    Only errors of this package that are the client's fault become 4xx. Whatever else a handler
    raises is a bug: aiohttp logs it and answers 500.
    """

    def __init__(self, options: ServerOptions, addresses: Sequence[str]) -> None:
        self._origins = options.origins
        self._access = Access(options.token)
        token = options.token is not None
        self._hosts = Hosts(options.host, addresses, options.hosts, token)

    async def to(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Reply to a request."""
        cors = self.cors(request)
        try:
            hosts = request.headers.getall(hdrs.HOST, [])
            self._hosts.check(hosts, needed=request.version >= HttpVersion11)
            if request.method == "OPTIONS" and len(cors) > 1:
                return web.Response(status=204, headers=cors | _PREFLIGHT)
            if not self._allows(request):
                raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
            response = await handler(request)
        except web.HTTPException as error:
            kept = {k: error.headers[k] for k in _KEPT_HEADERS if k in error.headers}
            return web.Response(status=error.status, text=f"{error.reason}\n", headers=cors | kept)
        except ConnectionError:
            return web.Response(status=400)  # the client has gone, and nobody reads this
        except InrCodecError as error:
            retry = RETRY if isinstance(error, BusyError) else {}
            return web.Response(status=_status_of(error), text=f"{error}\n", headers=cors | retry)
        if not response.prepared:
            response.headers.update(cors)
        return response

    def _allows(self, request: web.Request) -> bool:
        """Whether who asks may. The page itself, which holds no file and no name, is for all; who
        may have a file may have its reference."""
        path = request.path
        if path.startswith(references.PATH):
            path = FILES + path.removeprefix(references.PATH)
        authorization = request.headers.get("Authorization")
        return pages.is_wanted(request) or self._access.allows(
            path, authorization, dict(request.query)
        )

    def cors(self, request: web.Request) -> dict[str, str]:
        """Return the headers that let a page of an allowed origin read the reply."""
        origin = request.headers.get("Origin")
        if origin is None or origin not in self._origins:
            return {"Vary": "Origin"} if self._origins else {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
            "Vary": "Origin",
        }


def _status_of(error: InrCodecError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Whether a message tells of a bug, and not of what anyone can send as fast as the link takes
    it."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


log.addFilter(_worth_a_line)
