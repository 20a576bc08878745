"""A file over HTTP: the bytes and the headers that answer a request (RFC 9110: ranges, ETag)."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from inrcodec.streaming.transport.signaling import LAYERS_HEADER

if TYPE_CHECKING:
    from aiohttp import web

    from inrcodec.streaming.protocol.stream import Stream


def content(
    request: web.Request, stream: Stream, caching: str
) -> tuple[int, dict[str, str], memoryview]:
    """Return (status, headers, body) for the file, or for the range of it that is asked for."""
    data, digest = memoryview(stream.data), stream.manifest.digest.hex()
    tag = f'"{digest}"'
    sizes = [layer.size_bytes for layer in stream.manifest.layers[:-1]]
    headers = {
        "ETag": tag,
        "Cache-Control": caching,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        LAYERS_HEADER: ", ".join(map(str, accumulate(sizes, initial=0))),
        "Content-Location": f"/blobs/{digest}.inr",
        "X-Content-Type-Options": "nosniff",
    }
    known = [
        part.strip().removeprefix("W/")
        for part in request.headers.get("If-None-Match", "").split(",")
    ]
    if "*" in known or tag in known:
        return 304, headers, data[:0]
    if "Range" in request.headers and request.headers.get("If-Range") in (None, tag):
        try:
            wanted = request.http_range
        except ValueError:
            return 200, headers, data  # another unit, or several ranges: RFC 9110 allows the file
        start, stop, _ = wanted.indices(len(data))
        if start >= stop or (wanted.start == 0 and wanted.stop is None and _suffix(request)):
            return 416, headers | {"Content-Range": f"bytes */{len(data)}"}, data[:0]
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        return 206, headers, data[start:stop]
    return 200, headers, data


def _suffix(request: web.Request) -> bool:
    """Whether a range asks for a number of bytes at the end, such as "bytes=-0" for none."""
    return "=-" in request.headers["Range"].replace(" ", "")
