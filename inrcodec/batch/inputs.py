"""Which files a batch works on, and what the result of each is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from inrcodec.errors import InputError, InrCodecError, OptionError

MAGIC = frozenset("*?[")
"""Characters that make a name a pattern, unless a file has this very name."""

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a batch: its path, and the path of its result below the folder of results, with
    "/" on every system."""

    input: str
    result: str


@dataclass(slots=True)
class Found:
    """What names stand for: files, errors of what cannot be searched, and how many files were left
    out because their extension is another."""

    items: list[Item] = field(default_factory=list)
    errors: list[InrCodecError] = field(default_factory=list)
    left_out: int = 0


def find(
    names: Sequence[str], extensions: Collection[str], result_extension: str, *, recursive: bool
) -> Found:
    """Find the files that names of files, folders and patterns (`*`, `?`, `[a-z]`, `**`) stand for.

    Of a folder, and with `recursive` of all folders below it, and of a pattern these are the files
    with one of the `extensions` (lower case); hidden ones are left out, and folders behind links
    are searched unless they contain the link. A result keeps its path below the folder, or below
    the part of a pattern before its first wildcard; the result of a file that is named has its name
    alone. What cannot be read, and a name that stands for nothing, is an `InputError` in `errors`.
    Raises `OptionError` where two files would have the same result.
    """
    found = Found()
    for name in names:
        if os.path.isdir(name):
            _add_folder(found, name, extensions, recursive)
        elif os.path.lexists(name) or not MAGIC & set(name):
            found.items.append(Item(name, _file_name(name)))
        else:
            _add_pattern(found, name, extensions)
    results: dict[str, Item] = {}
    for item in found.items:
        path = PurePosixPath(item.result).with_suffix(result_extension)
        named = Item(item.input, str(path))
        before = results.setdefault(named.result, named)
        if before is not named and os.path.realpath(before.input) != os.path.realpath(item.input):
            apart = os.path.dirname(before.input) != os.path.dirname(item.input)
            hint = "; their folder, or a pattern in quotes, keeps paths" if apart else ""
            raise OptionError(
                f"{before.input} and {item.input} would both be written to {named.result}{hint}"
            )
    found.items = list(results.values())
    return found


def _file_name(name: str) -> str:
    """The last part of a path; raises `InputError` for a path that has none."""
    if not (last := Path(name).name):
        raise InputError(f"{name or 'an empty name'}: cannot be read: not a file")
    return last


def _add_folder(found: Found, name: str, extensions: Collection[str], recursive: bool) -> None:
    """Add the files of a folder."""
    files = list(_files(name, lambda parts: recursive, found.errors))
    _add(found, files, extensions)
    if not any(_is_wanted(path, extensions) for path, _ in files) and _is_readable(name):
        hint = "" if recursive else "; --recursive looks into the folders below"
        kinds = "image" if len(extensions) > 2 else " or ".join(sorted(extensions)) + " file"
        found.errors.append(InputError(f"no {kinds} in this folder{hint}").about(name))


def _add_pattern(found: Found, pattern: str, extensions: Collection[str]) -> None:
    """Add the files that match a pattern."""
    parts = Path(pattern).parts
    first = next(k for k, part in enumerate(parts) if MAGIC & set(part))
    base, wanted = str(Path(*parts[:first])), parts[first:]
    errors = found.errors if os.path.isdir(base) else []
    files = [
        (path, below)
        for path, below in _files(base, lambda below: _leads_to(below, wanted), errors)
        if _matches(below, wanted)
    ]
    _add(found, files, extensions)
    if not any(_is_wanted(path, extensions) for path, _ in files):
        found.errors.append(InputError("no file of this kind matches").about(pattern))


def _add(found: Found, files: Iterable[tuple[str, Parts]], extensions: Collection[str]) -> None:
    """Add those of the files that have one of the extensions, and count the others."""
    for path, below in files:
        if not _is_wanted(path, extensions):
            found.left_out += 1
        elif os.path.isfile(path):
            found.items.append(Item(path, "/".join(below)))
        elif os.path.islink(path):
            found.errors.append(InputError("is a link to nothing that can be read").about(path))
        else:
            found.left_out += 1  # a pipe or a device


def _is_wanted(path: str, extensions: Collection[str]) -> bool:
    return os.path.splitext(path)[1].lower() in extensions


def _is_readable(folder: str) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def _files(
    folder: str, enter: Callable[[Parts], bool], errors: list[InrCodecError]
) -> Iterator[tuple[str, Parts]]:
    """Yield (path, parts of it below the folder) of all that is no folder, sorted; folders for
    which `enter` holds are searched too."""
    waiting: list[tuple[str, Parts, frozenset[tuple[int, int]]]] = [(folder, (), frozenset())]
    while waiting:
        path, below, above = waiting.pop()
        try:
            status = os.stat(path)
            names = sorted(os.listdir(path))
        except OSError as error:
            errors.append(InputError(f"cannot be read: {error.strerror}").about(path))
            continue
        here = status.st_dev, status.st_ino
        if here in above:  # a link to a folder that this one is in: all of it is searched already
            continue
        folders = []
        for name in names:
            if name.startswith("."):
                continue
            inner = os.path.join(path, name)
            if not os.path.isdir(inner):
                yield inner, (*below, name)
            elif enter((*below, name)):
                folders.append((inner, (*below, name), above | {here}))
        waiting += reversed(folders)


def _matches(parts: Parts, pattern: Parts) -> bool:
    """Whether the parts of a path match those of a pattern."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[k:], pattern[1:]) for k in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _leads_to(parts: Parts, pattern: Parts) -> bool:
    """Whether a path that matches may begin with these parts."""
    if not parts or not pattern:
        return not parts
    return pattern[0] == "**" or (
        fnmatchcase(parts[0], pattern[0]) and _leads_to(parts[1:], pattern[1:])
    )
