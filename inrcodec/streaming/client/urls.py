"""URLs of files, checked before anything is asked for."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from inrcodec.errors import OptionError

PORTS = {"http": 80, "https": 443}


def check_url(url: str) -> tuple[str, int]:
    """Return (host, port) of a URL; raises `OptionError` for one that is not valid, to Python or to
    aiohttp, and for one with a user name, since errors and logs would name its password."""
    from yarl import URL

    if "@" in re.split(r"[/?#\\]", url.partition("://")[2])[0]:
        raise OptionError("a URL with a user name or a password; give a token instead")
    try:
        parts = urlsplit(url)
        host, port = host_of(parts)
        asked = URL(url).host
    except ValueError as error:
        raise OptionError(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in PORTS or not (host and asked) or not url.isprintable():
        raise OptionError(f"{url!r} is not an http or https URL")
    return host, port


def host_of(parts: SplitResult) -> tuple[str, int]:
    """Return (host, port) of the parts of a URL; raises `ValueError` for a port that is none."""
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
