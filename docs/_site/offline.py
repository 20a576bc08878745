"""Build hook: fail if a page of the site would fetch anything from another host when viewed.

Links that a reader follows (`<a href>`) may lead anywhere; scripts, styles, pictures and frames
must be part of the site.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

HOST = r"(?:https?:)?//"
REMOTE = re.compile(HOST)
IN_STYLE = re.compile(rf"""url\(\s*["']?({HOST}[^"')]+)|@import\s+["']({HOST}[^"']+)""")
FETCHED = {"src", "srcset", "poster", "data"}


class Fetches(HTMLParser):
    """Collects what a browser would fetch from other hosts to show one page."""

    def __init__(self) -> None:
        super().__init__()
        self.remote: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attributes of one element."""
        values = {name: value or "" for name, value in attrs}
        fetched = [values[name] for name in FETCHED if name in values]
        if tag == "link" and values.get("rel") not in ("canonical", "next", "prev", "alternate"):
            fetched.append(values.get("href", ""))
        if "mermaid" in values.get("class", "").split():
            self.remote.append("a Mermaid diagram, whose library comes from another host")
        self.remote += [value for value in fetched if REMOTE.match(value)]
        self.remote += in_style(values.get("style", ""))

    def handle_data(self, data: str) -> None:
        """Look at style sheets inside the page."""
        if self.cdata_elem == "style":
            self.remote += in_style(data)


def in_style(text: str) -> list[str]:
    """Addresses of other hosts that a style sheet would fetch from."""
    return [first or second for first, second in IN_STYLE.findall(text)]


def remote_fetches(site: Path) -> list[str]:
    """One line for each thing that a page of the built site would fetch from another host."""
    lines = []
    for path in sorted(site.rglob("*.html")):
        page = Fetches()
        page.feed(path.read_text("utf-8"))
        lines += [f"{path.relative_to(site)}: {what}" for what in page.remote]
    for path in sorted(site.rglob("*.css")):
        lines += [f"{path.relative_to(site)}: {what}" for what in in_style(path.read_text("utf-8"))]
    return lines


def on_post_build(config: MkDocsConfig) -> None:
    """Check the finished site."""
    from mkdocs.exceptions import PluginError

    if lines := remote_fetches(Path(config.site_dir)):
        raise PluginError("the site fetches from other hosts:\n" + "\n".join(lines))
