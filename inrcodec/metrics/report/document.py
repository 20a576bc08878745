"""What all pages of reports have in common: an HTML document that needs nothing from elsewhere.

Style and script are inline and named by their hashes in the content security policy, so nothing
that a file name could smuggle in would run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from inrcodec.metrics.report.markup import Markup, joined


def part(name: str) -> str:
    """The text of a file beside this module."""
    return (files("inrcodec.metrics.report") / name).read_text("utf-8")


def document(
    title: str,
    body: Markup,
    *,
    style: str,
    script: str,
    decoder: str | None = None,
    checkered: bool = False,
) -> str:
    """Render the whole document; `decoder` is a second script, which may compile WebAssembly, and
    `checkered` shows where images are transparent."""
    scripts = [script] if decoder is None else [script, decoder]
    return Template(part("document.html")).substitute(
        policy=_policy(style, scripts, wasm=decoder is not None),
        title=joined(title),
        style=style,
        scripts="\n".join(f"<script>{text}</script>" for text in scripts),
        ground=' class="checkered"' if checkered else "",
        body=body,
    )


def _policy(style: str, scripts: Sequence[str], *, wasm: bool) -> str:
    """Nothing may load but images in the page; this style and these scripts alone may act."""
    allowed = [f"'{_hash(script)}'" for script in scripts] + ["'wasm-unsafe-eval'"] * wasm
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash(style)}'; script-src {' '.join(allowed)}"
    )


def _hash(text: str) -> str:
    """The source expression of an inline block (Content Security Policy level 3, 2.3.1)."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
