"""What browsers see: the page with gallery and viewer, and the decoder that it uses.

Its files are those of inrcodec/web_files.py. They are read once, and nothing else is ever served as
a page.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from inrcodec import web_files
from inrcodec.streaming.server.library import UnknownFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INDEX = "page/page.html"

LASTING = "initial/"
"""Folder of the files whose names say what is in them, so that they never change."""

TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".wasm": "application/wasm",
    ".bin": "application/octet-stream",
}
"""The types of files that are served; others in the folder are not."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
        "connect-src 'self'; style-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""Headers of all of them. Workers and modules obey the policy that came with themselves."""

PACKED_BYTES = 1024
"""Files of at least so many bytes are sent compressed to those who take that."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page: its type, bytes, those bytes compressed, and the ETag of both, which is
    weak since they differ."""

    type: str
    data: bytes
    packed: bytes
    tag: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return all files of the page by their paths; none if it is not built."""
    folder = web_files.folder()
    if folder is None or not (folder / INDEX).is_file():
        return {}
    paths = [path for path in folder.rglob("*") if path.suffix in TYPES and path.is_file()]
    return {path.relative_to(folder).as_posix(): _asset(path) for path in sorted(paths)}


def _asset(path: Path) -> Asset:
    data = path.read_bytes()
    packed = gzip.compress(data, mtime=0) if len(data) >= PACKED_BYTES else data
    tag = f'W/"{hashlib.sha256(data).hexdigest()[:32]}"'
    return Asset(TYPES[path.suffix], data, packed if len(packed) < len(data) else data, tag)


def is_wanted(request: web.Request) -> bool:
    """Whether a request for / is one of a browser, which wants the page and not the names."""
    return request.path == "/" and "text/html" in request.headers.get(hdrs.ACCEPT, "")


async def page(request: web.Request) -> web.Response:
    """Answer with the page, whichever image it is to show."""
    if not assets():
        return web.Response(status=503, text="the page is not built; `make web` builds it\n")
    return _answer(request, INDEX)


async def gallery(_: web.Request) -> web.Response:
    """Send who asks to view an image without a name to the gallery."""
    return web.Response(status=308, headers={"Location": "/"}, text="the gallery is at /\n")


async def asset(request: web.Request) -> web.Response:
    """Answer with a file of the page; raises `UnknownFileError`."""
    return _answer(request, request.match_info["path"])


def _answer(request: web.Request, path: str) -> web.Response:
    found = assets().get(path)
    if found is None:
        raise UnknownFileError
    headers = HEADERS | {"ETag": found.tag, "Vary": "Accept, Accept-Encoding"}
    if path.startswith(LASTING):
        headers |= {"Cache-Control": "public, max-age=31536000, immutable"}
    if found.tag.removeprefix("W/") in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=304, headers=headers)
    body = found.data
    takes = request.headers.get(hdrs.ACCEPT_ENCODING, "")
    if found.packed is not found.data and "gzip" in takes:
        body = found.packed
        headers |= {"Content-Encoding": "gzip"}
    charset = "utf-8" if found.type.startswith("text/") else None
    return web.Response(body=body, content_type=found.type, charset=charset, headers=headers)
