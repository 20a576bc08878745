"""The section of a page that decodes the file itself: what its first bytes show, at any size.

The decoder for browsers, the file and its initial values go into the page as base64, about 110 KB
beside the file. Without a built decoder, for images or files that are large, and for initial
values that are not shipped, there is no such section.
"""

from __future__ import annotations

import base64
from pathlib import Path

from inrcodec import web_files
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import PHASES
from inrcodec.metrics.report.markup import Markup, element
from inrcodec.metrics.report.records import Report, Version

SCRIPT = "report/report.js"

MOST_PIXELS = 1 << 22
MOST_BYTES = 1 << 20
"""The largest image and file that are decoded in the page."""

SIZES = (("0.25", "¼×"), ("0.5", "½×"), ("1", "1×"), ("2", "2×"))


def decoding(report: Report) -> tuple[Markup, str] | None:
    """Return (section, script) for the file that the report is about, or None if there are none."""
    folder, version = web_files.folder(), report.versions[0]
    if folder is None or not (folder / SCRIPT).is_file():
        return None
    blocks = _blocks(folder, version)
    if blocks is None:
        return None
    return _section(version, blocks), (folder / SCRIPT).read_text("utf-8")


def _section(version: Version, blocks: dict[str, str]) -> Markup:
    """The section: a slider of bytes, sizes, what they show, and all that is needed for it."""
    options = (element("option", name, value=value, selected=value == "1") for value, name in SIZES)
    width = version.picture.width
    return element(
        "section",
        element("h2", "What the first bytes show"),
        element(
            "p",
            f"This page decodes {version.title} itself, as any page can: from its first bytes, "
            "as while it arrives, and at other sizes.",
            class_="small",
        ),
        element(
            "div",
            element(
                "label",
                element("span", "Bytes"),
                element("input", type="range", id="prefix-bytes", min=0, max=100, value=60),
                class_="choice wide",
            ),
            element(
                "label",
                element("span", "Size"),
                element("select", *options, id="prefix-size", data_width=width),
                class_="choice",
            ),
            class_="toolbar",
        ),
        element("p", element("output", id="prefix-told")),
        element("canvas", id="prefix-image", role="img"),
        *(
            element("script", text, id=f"prefix-{name}", type="application/octet-stream")
            for name, text in blocks.items()
        ),
        id="prefix",
        hidden=True,
    )


def _blocks(folder: Path, version: Version) -> dict[str, str] | None:
    """Return what the section decodes and with what, in base64, by name; None if it cannot be."""
    about = version.about
    if about is None or len(version.data) > MOST_BYTES:
        return None
    if about.width * about.height > MOST_PIXELS or not about.complete:
        return None
    found = {"decoder": (folder / web_files.DECODER).read_bytes(), "file": _image(version.data)}
    found["initial"] = b""
    if about.init is not None and about.init[0] != PHASES:
        initial = folder / web_files.initial_name(about.init)
        if not initial.is_file():
            return None
        found["initial"] = initial.read_bytes()
    return {name: base64.b64encode(data).decode("ascii") for name, data in found.items()}


def _image(file: bytes) -> bytes:
    """Return a file without its metadata, which is not for whoever is shown the page."""
    sections = bitstream.read(file).sections
    end = sections[0].offset  # behind the signature
    kept = [file[s.offset : s.offset + s.size] for s in sections if not s.ancillary]
    return file[:end] + b"".join(kept)
