"""Build hook: the API page lists what the packages export, by kind.

A line `<!-- api inrcodec: functions -->` of a page becomes one mkdocstrings directive for every
name of that kind in `inrcodec.__all__`, so the page follows the code. Kinds are functions, classes,
exceptions (errors and warnings) and constants; a name whose kind the page leaves out is a warning,
which fails a strict build.
"""

from __future__ import annotations

import ast
import logging
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.hooks.api")

LINE = re.compile(r"^<!-- api ([\w.]+): (\w+) -->$", re.M)


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put directives in the place of the lines."""
    root = Path(config.docs_dir).parent
    shown: dict[str, set[str]] = defaultdict(set)

    def directives(line: re.Match[str]) -> str:
        package, wanted = line.groups()
        shown[package].add(wanted)
        names = [name for name in exported(root, package) if kind(name) == wanted]
        return "\n\n".join(f"::: {package}.{name}" for name in names)

    text = LINE.sub(directives, markdown)
    for package, kinds in shown.items():
        for name in exported(root, package):
            if kind(name) not in kinds:
                log.warning("%s leaves out %s.%s", page.file.src_uri, package, name)
    return text


def exported(root: Path, package: str) -> list[str]:
    """The names in `__all__` of a package, without those of two underscores."""
    path = root.joinpath(*package.split("."), "__init__.py")
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [name for name in ast.literal_eval(node.value) if not name.startswith("__")]
    return []


def kind(name: str) -> str:
    """What a name stands for, by how it is written."""
    if name.isupper():
        return "constants"
    if name.endswith(("Error", "Warning")):
        return "exceptions"
    return "classes" if name[0].isupper() else "functions"
