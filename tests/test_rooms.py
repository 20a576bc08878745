"""The shape of the package: few rooms in the codec, and no import circle anywhere.

What may import what is checked by the contracts in pyproject.toml (`make lint`).
"""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import inrcodec

PACKAGE = Path(inrcodec.__file__).parent
MOST_ROOMS = 20


def imports() -> dict[str, set[str]]:
    """Modules of the package and the modules of it that each imports, in functions too."""
    names = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = path
    graph = {}
    for name, path in names.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & names.keys()
                found |= inner or {node.module}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
        graph[name] = (found & names.keys()) - {name, "inrcodec"}
    return graph


def test_the_codec_has_few_rooms() -> None:
    rooms = {
        path.stem
        for path in (PACKAGE / "codec").iterdir()
        if path.stem != "__init__" and path.suffix in ("", ".py") and path.stem != "__pycache__"
    }
    assert len(rooms) <= MOST_ROOMS, sorted(rooms)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = imports()
    assert len(graph) > 150
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names them
    assert len(order) == len(graph)
