"""What all pages of reports have in common: an HTML document that needs nothing from elsewhere.

Style and script are inline and named by their hashes in the content security policy, so nothing
that a file name could smuggle in would run.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from string import Template

from inrcodec.metrics.report.markup import Markup, joined


def part(name: str) -> str:
    """The text of a file beside this module."""
    return (files("inrcodec.metrics.report") / name).read_text("utf-8")


def document(title: str, body: Markup, *, style: str, script: str, checkered: bool = False) -> str:
    """Render the whole document; `checkered` shows where images are transparent."""
    return Template(part("document.html")).substitute(
        policy=_policy(style, script),
        title=joined(title),
        style=style,
        script=script,
        ground=' class="checkered"' if checkered else "",
        body=body,
    )


def _policy(style: str, script: str) -> str:
    """Nothing may load but images in the page; this style and this script alone may act."""
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )


def _hash(text: str) -> str:
    """The source expression of an inline block (Content Security Policy level 3, 2.3.1)."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
