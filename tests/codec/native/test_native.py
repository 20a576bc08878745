"""The seam between Python and C: declarations, limits, imports."""

import ast
import re
from ctypes import c_double, c_float, c_int32, c_int64, c_size_t, c_uint32, c_void_p
from pathlib import Path

import pytest

from inrcodec.codec import native
from inrcodec.codec.native import core

HEADER = (native.SOURCES / "kernels.h").read_text()
CORE = (native.SOURCES / "core" / "inr.h").read_text()
TYPES = {
    "void": None,
    "double": c_double,
    "float": c_float,
    "int32_t": c_int32,
    "int64_t": c_int64,
    "uint32_t": c_uint32,
    "size_t": c_size_t,
    "inr_error": c_int32,
    "inr_layout": c_int32,
}
NOT_CALLED_AS_KERNELS = {"source_crc"}


def declared(header: str) -> dict[str, tuple[object, list[object]]]:
    """Result and arguments of every exported function, as ctypes has them."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    functions = {}
    pattern = r"^(?:EXPORT|INR_API) (\w+) (\*?)(\w+)\(([^)]*)\);"
    for result, pointer, name, given in re.findall(pattern, text, re.MULTILINE):
        arguments = [] if given == "void" else [argument(part) for part in given.split(",")]
        functions[name] = (c_void_p if pointer else TYPES[result], arguments)
    return functions


def argument(text: str) -> object:
    """Of one parameter with its name."""
    if "*" in text:
        return c_void_p
    kind, _ = text.split()
    return TYPES[kind]


def test_signatures_are_those_of_the_header() -> None:
    functions = declared(HEADER)
    assert len(functions) == HEADER.count("EXPORT ") - len(re.findall("#define EXPORT", HEADER))
    for name in NOT_CALLED_AS_KERNELS:
        assert functions.pop(name) == (c_uint32, [])
    assert functions == native._SIGNATURES


def test_signatures_of_the_core_are_those_of_its_header() -> None:
    functions = declared(CORE)
    assert len(functions) == len(re.findall(r"^INR_API ", CORE, re.MULTILINE))
    for name, signature in core.SIGNATURES.items():
        assert functions[name] == signature


def test_the_core_has_a_text_for_every_error() -> None:
    codes = {int(code) for code in re.findall(r"INR_\w+ = (-\d+)", CORE)}
    assert codes == {*core.ERRORS, core.NO_MEMORY, core.STOPPED}
    assert f"INR_STOPPED = {core.STOPPED}" in CORE


def test_structures_of_the_core_have_the_fields_of_its_header() -> None:
    text = re.sub(r"/\*.*?\*/", "", CORE, flags=re.DOTALL)
    given = {"inr_header": core.Fields, "inr_section": core.Latents, "inr_threads": core.Threads}
    for name, structure in given.items():
        body = re.search(r"typedef struct \{([^{}]*)\} " + name, text)[1]
        fields = re.findall(r"(\w+)(?:\[\d+\])?[,;]", re.sub(r"\(\*(\w+)\)\(.*\)", r"\1", body))
        assert fields == [field[0] for field in structure._fields_]


@pytest.mark.parametrize(
    "change",
    [
        ("int64_t size);", "int32_t size);"),
        ("float scale, float *out", "float *out"),
        ("EXPORT double squares_update", "EXPORT float squares_update"),
        ("EXPORT void squares_step", "EXPORT void squares_steps"),
    ],
)
def test_a_change_of_the_header_alone_is_noticed(change: tuple[str, str]) -> None:
    changed = HEADER.replace(*change)
    assert changed != HEADER
    assert declared(changed) != declared(HEADER)


def test_limits_are_those_of_the_header() -> None:
    limits = {name: int(n) for name, n in re.findall(r"#define (MOST_\w+) (\d+)", HEADER)}
    assert limits == {name: getattr(native, name) for name in limits}
    assert len(limits) == 3
    vectors = (native.SOURCES / "vectors.h").read_text()
    for name in ("LANES", "ACROSS"):
        most = max(map(int, re.findall(rf"#define {name} (\d+)", vectors)))
        assert most == getattr(native, f"MOST_{name}")


@pytest.mark.parametrize("path", sorted(native.FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_wrappers_import_nothing_of_the_package_but_errors_and_each_other(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [str(node.module)]
        for name in names:
            other = name.split(".")[0] != "inrcodec"
            assert other or name == "inrcodec.errors" or name.startswith("inrcodec.codec.native")


def test_every_source_is_small_and_has_no_call_of_the_allocator_but_in_one_place() -> None:
    paths = list(native.SOURCES.rglob("*.[ch]"))
    assert {path.parent.name for path in paths} == {"src", "core"}
    for path in paths:
        text = path.read_text()
        calls = re.search(r"\b(aligned_alloc|malloc|calloc|realloc|free)\(", text)
        assert bool(calls) == (path.name == "host.c")
        assert text.count("\n") <= 300


def test_the_core_includes_nothing_of_a_system() -> None:
    """Headers that a compiler has without one, and functions of numbers."""
    free = {"math.h", "stddef.h", "stdint.h", "string.h"}
    for path in native.SOURCES.rglob("*.[ch]"):
        if path.name not in ("host.c", "probe.c", "denormals.c"):
            assert set(re.findall(r"#include <(.*)>", path.read_text())) <= free
