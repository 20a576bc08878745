"""HTTP requests for one file: redirections as far as they are wanted, no waiting at the end."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from inrcodec.streaming.client.failures import Refused
from inrcodec.streaming.client.options import ReceiveOptions
from inrcodec.streaming.client.urls import check_url, host_of
from inrcodec.streaming.transport.threads import in_thread

MOST_REDIRECTIONS = 5

REDIRECTIONS = (301, 302, 303, 307, 308)


class Requests:
    """Asks for the file at `url`, and whatever else of its server. The token goes to nobody but the
    server of the URL itself."""

    def __init__(self, http: aiohttp.ClientSession, url: str, options: ReceiveOptions) -> None:
        self._http, self._url, self._options = http, url, options

    @asynccontextmanager
    async def get(self, headers: dict[str, str]) -> AsyncIterator[Any]:
        """GET the file."""
        async with self._followed("GET", headers) as reply:
            yield reply

    @asynccontextmanager
    async def head(self) -> AsyncIterator[Any]:
        """Ask for the head of the reply alone."""
        async with self._followed("HEAD", {}) as reply:
            yield reply

    @asynccontextmanager
    async def post(self, body: bytes, headers: dict[str, str]) -> AsyncIterator[Any]:
        """POST to the URL itself."""
        async with self._asked("POST", self._url, headers, body) as reply:
            yield reply

    async def delete(self, location: str) -> None:
        """DELETE what a reply named, if it is of the same server."""
        target = urljoin(self._url, location)
        if _origin(urlsplit(target)) == _origin(urlsplit(self._url)):
            async with self._asked("DELETE", target, {}):
                pass

    @asynccontextmanager
    async def _followed(self, method: str, headers: dict[str, str]) -> AsyncIterator[Any]:
        """Ask, and follow redirections."""
        url = self._url
        for _ in range(MOST_REDIRECTIONS + 1):
            async with self._asked(method, url, headers) as reply:
                if reply.status not in REDIRECTIONS or "Location" not in reply.headers:
                    yield reply
                    return
                url = self._redirected(url, reply.headers["Location"])
        raise Refused(f"more than {MOST_REDIRECTIONS} redirections")

    def _redirected(self, url: str, location: str) -> str:
        """Return where a redirection leads; raises `Refused` if that is not wanted."""
        try:
            target = urljoin(url, location)
            check_url(target)
        except ValueError:  # `OptionError` among them
            raise Refused("redirected to what is no http or https URL") from None
        old, new = urlsplit(url), urlsplit(target)
        if new.hostname != old.hostname and not self._options.other_hosts:
            raise Refused(f"redirected to another host, {new.hostname}")
        if old.scheme == "https" and new.scheme == "http":
            raise Refused("redirected from https to http")
        return target

    @asynccontextmanager
    async def _asked(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None = None
    ) -> AsyncIterator[Any]:
        """Send one request."""
        token = self._options.token
        if token is not None and _origin(urlsplit(url)) == _origin(urlsplit(self._url)):
            headers = headers | {"Authorization": f"Bearer {token}"}
        headers = headers | {"Accept-Encoding": "identity"}
        async with self._http.request(
            method, url, data=body, headers=headers, allow_redirects=False
        ) as reply:
            yield reply


@asynccontextmanager
async def requests(url: str, options: ReceiveOptions) -> AsyncIterator[Requests]:
    """Make requests to one URL."""
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=options.connect_s, sock_read=options.silence_s
    )
    connector = aiohttp.TCPConnector(resolver=_Resolver())
    async with aiohttp.ClientSession(
        timeout=timeout, connector=connector, auto_decompress=False
    ) as http:
        yield Requests(http, url, options)


class _Resolver(AbstractResolver):
    """Asks the system for addresses, in a thread that nobody waits for."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host; raises `OSError`."""
        try:
            found = await in_thread(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        except UnicodeError as error:  # a name that cannot be asked for
            raise socket.gaierror(socket.EAI_NONAME, str(error)) from None
        return [
            ResolveResult(
                hostname=host,
                host=str(target[0]),
                port=int(target[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, target in found
        ]

    async def close(self) -> None:
        """Hold nothing, so let go of nothing."""


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return (parts.scheme, *host_of(parts))
