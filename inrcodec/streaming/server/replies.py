"""What every reply of the server has in common: access, CORS, and one shape for errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from inrcodec.errors import InrCodecError
from inrcodec.streaming.server.library import BusyError, UnknownFileError
from inrcodec.streaming.server.options import ServerOptions
from inrcodec.streaming.transport.signaling import (
    LAYERS_HEADER,
    START_HEADER,
    Access,
    OfferError,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_EXPOSED = f"Location, ETag, Content-Range, {LAYERS_HEADER}"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": f"Authorization, Content-Type, Range, {START_HEADER}",
    "Access-Control-Max-Age": "600",
}
RETRY = {"Retry-After": "5"}
"""What a reply says that refuses for now, in seconds."""

_KEPT_HEADERS = ("WWW-Authenticate", "Retry-After", "Allow")


class Replies:
    """Answers requests that may not be made, and turns what handlers raise into replies.

    Only errors of this package that are the client's fault become 4xx. Whatever else a handler
    raises is a bug: aiohttp logs it and answers 500.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._origins = options.origins
        self._access = Access(options.token)

    async def to(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Reply to a request."""
        cors = self.cors(request)
        if request.method == "OPTIONS" and len(cors) > 1:
            return web.Response(status=204, headers=cors | _PREFLIGHT)
        try:
            if not self._access.allows(
                request.path, request.headers.get("Authorization"), dict(request.query)
            ):
                raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
            response = await handler(request)
        except web.HTTPException as error:
            kept = {k: error.headers[k] for k in _KEPT_HEADERS if k in error.headers}
            return web.Response(status=error.status, text=f"{error.reason}\n", headers=cors | kept)
        except InrCodecError as error:
            retry = RETRY if isinstance(error, BusyError) else {}
            return web.Response(status=_status_of(error), text=f"{error}\n", headers=cors | retry)
        if not response.prepared:
            response.headers.update(cors)
        return response

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
    if isinstance(error, UnknownFileError):
        return 404
    if isinstance(error, BusyError):
        return 503
    return 400 if isinstance(error, OfferError) else 422
