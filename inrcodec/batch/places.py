"""Where files of a batch are: on this machine, or behind URLs.

    place_of("photos/a.png").read("photos/a.png")

The place of a path does not depend on the file: `s3://bucket/a.png` is in that of all `s3://` URLs.
"""

from __future__ import annotations

from functools import cache

from inrcodec.batch.disk import Disk
from inrcodec.batch.storage import LOCAL_SCHEMES, Place, scheme_of


def place_of(name: str) -> Place:
    """The place of a path or a URL. Raises `OptionError` for a scheme that nothing knows, and
    `MissingExtraError`."""
    return _place_of_scheme(scheme_of(name))


@cache
def _place_of_scheme(scheme: str | None) -> Place:
    if scheme is None or scheme in LOCAL_SCHEMES:
        return Disk()
    from inrcodec.batch.urls import Store

    return Store(scheme)
