"""Files to report on, and a parser of the page."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from inrcodec.images.writing import image_bytes
from inrcodec.metrics.report.options import ReportOptions
from inrcodec.pixels import Picture

HOSTILE = '<script>alert(1)</script>" onload="x\' $style &amp; |.png'


FAST = ReportOptions(metrics=("psnr", "ssim"), codecs=())


def png(pixels: np.ndarray) -> bytes:
    return image_bytes(Picture(pixels))


def jpeg(pixels: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=50, **options)
    return out.getvalue()


class Page(HTMLParser):
    """A parsed page: every element with its attributes, text by element, and balance checked."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in ("meta", "link", "img", "input", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> str:
        return "".join(text for name, text in self.texts if name == tag)

    def pictures(self) -> dict[int, bytes]:
        """The embedded files by their number in the page."""
        found = {}
        for image in self.all("img"):
            if "data-source" in image:
                kind, _, data = str(image["src"]).partition(";base64,")
                assert re.fullmatch(r"data:image/(webp|jpeg|avif|png)", kind)
                found[int(str(image["data-source"]))] = base64.b64decode(data)
        return found


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)
