"""Build hook: pages may link to any file of the repository, as they do when read there.

A link that leaves docs/ (`../benchmarks/results/rate/effort.md`, `../inrcodec/pixels.py`) leads
to a copy of that file in the site: Markdown as a page, source text as a page with highlighting,
and anything else as it is. CONTRIBUTING.md and CHANGELOG.md become pages of the navigation. A link
to a file that does not exist is a warning, which fails a strict build.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.hooks.repository")

LINK = re.compile(r"(?<=\]\()(?!https?://|mailto:|#)([^)#\s]+)")
CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.M | re.S)
LANGUAGES = {".py": "python", ".c": "c", ".h": "c", ".toml": "toml"}
SOURCE_PAGE = """\
---
search:
  exclude: true
---
# {path}

````{language}
{text}
````
"""
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the repository that are pages of the navigation, and the names of these pages."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every file outside docs/ that a page links to."""
    root = Path(config.docs_dir).parent
    found = {
        target
        for file in files.documentation_pages()
        for link in links(file.content_string)
        if (target := outside("docs/" + file.src_uri, link))
    }
    for path in sorted(found | set(PAGES)):
        if not (root / path).is_file():
            log.warning("a page links to %r, which is no file of the repository", path)
        else:
            files.append(copy_of(root / path, path, config))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links that leave docs/ lead to the copies."""
    own = source_of(page.file.src_uri)

    def moved(link: re.Match[str]) -> str:
        path = outside(own, link[0])
        if path is None and own == "docs/" + page.file.src_uri:
            return link[0]
        place = copy_name(path) if path else resolved(own, link[0]).removeprefix("docs/")
        return posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or ".")

    parts = CODE.split(markdown)
    return "".join(p if i % 2 else LINK.sub(moved, p) for i, p in enumerate(parts))


def links(markdown: str) -> list[str]:
    """Targets of all links of a page, without code and without anchors."""
    return LINK.findall(CODE.sub("", markdown))


def resolved(source: str, link: str) -> str:
    """The path in the repository that a link in the file `source` leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def outside(source: str, link: str) -> str | None:
    """The path in the repository that a link leads to; None if it stays in docs/."""
    path = resolved(source, link)
    return None if path.startswith("docs/") else path


def copy_name(path: str) -> str:
    """Where the copy of a file of the repository lies in the site's sources."""
    if path in PAGES:
        return PAGES[path]
    text = Path(path).suffix in LANGUAGES
    return f"repository/{path}.md" if text else f"repository/{path}"


def source_of(src_uri: str) -> str:
    """The path in the repository of the file that a page is made from."""
    for path, name in PAGES.items():
        if src_uri == name:
            return path
    return (
        src_uri.removeprefix("repository/")
        if src_uri.startswith("repository/")
        else f"docs/{src_uri}"
    )


def copy_of(file: Path, path: str, config: MkDocsConfig) -> File:
    """The copy of a file of the repository, as a file of the site."""
    level = InclusionLevel.UNDEFINED if path in PAGES else InclusionLevel.NOT_IN_NAV
    name = copy_name(path)
    language = LANGUAGES.get(file.suffix)
    if language:
        text = SOURCE_PAGE.format(path=path, language=language, text=file.read_text("utf-8"))
        return File.generated(config, name, content=text, inclusion=level)
    return File.generated(config, name, abs_src_path=str(file), inclusion=level)
