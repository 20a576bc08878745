"""Which files a batch works on, and what the result of each is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from inrcodec.batch.places import place_of
from inrcodec.batch.storage import plain, reason_of, scheme_of
from inrcodec.errors import InputError, InrCodecError, OptionError

MAGIC = frozenset("*?[")
"""Characters that make a name a pattern, unless a file has this very name."""

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a batch: its path or URL, and the path of its result below the folder of results,
    with "/" on every system.

    Some results are made of `others` too, and some have `options` of their own beside those of the
    batch: numbers, texts or None by name.
    """

    input: str
    result: str
    others: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        """All files that the result is made of."""
        return self.input, *self.others


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
    """Find the files that names of files, folders and patterns (`*`, `?`, `[a-z]`, `**`) stand for;
    names are paths or URLs.

    Of a folder, and with `recursive` of all folders below it, and of a pattern these are the files
    with one of the `extensions` (lower case); hidden ones are left out, and folders behind links
    are searched unless they contain the link. A result keeps its path below the folder, or below
    the part of a pattern before its first wildcard; the result of a file that is named has its name
    alone. What cannot be read, and a name that stands for nothing, is an `InputError` in `errors`.
    Raises `OptionError` where two files would have the same result.
    """
    found = Found()
    for name in map(plain, names):
        if scheme_of(name) is not None:
            _add_url(found, name, extensions, recursive)
        elif os.path.isdir(name):
            _add_folder(found, name, extensions, recursive)
        elif os.path.lexists(name) or not MAGIC & set(name):
            found.items.append(Item(name, _file_name(name)))
        else:
            _add_pattern(found, name, extensions)
    results: dict[str, Item] = {}
    for item in found.items:
        path = PurePosixPath(item.result).with_suffix(result_extension)
        named = replace(item, result=str(path))
        before = results.setdefault(named.result, named)
        if before is not named and not _is_same(before.input, item.input):
            apart = os.path.dirname(before.input) != os.path.dirname(item.input)
            hint = "; their folder, or a pattern in quotes, keeps paths" if apart else ""
            raise OptionError(
                f"{before.input} and {item.input} would both be written to {named.result}{hint}"
            )
    found.items = list(results.values())
    return found


def _is_same(one: str, other: str) -> bool:
    """Whether two names are those of one file, which need not exist."""
    if scheme_of(one) is None and scheme_of(other) is None:
        return os.path.realpath(one) == os.path.realpath(other)
    return place_of(one).identity(one) == place_of(other).identity(other)


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
        found.errors.append(_none(name, extensions, recursive, is_pattern=False))


def _add_url(found: Found, name: str, extensions: Collection[str], recursive: bool) -> None:
    """Add the files that a URL stands for: a folder, a pattern, or else one file."""
    from inrcodec.batch.urls import Store

    store = place_of(name)
    if not isinstance(store, Store):  # never: every other place has paths
        raise OptionError(f"{name}: not a URL of files")
    scheme, _, rest = name.partition("://")
    parts = tuple(part for part in rest.split("/") if part)
    first = next((k for k, part in enumerate(parts) if MAGIC & set(part)), None)
    try:
        if first is not None:
            base, wanted = f"{scheme}://{'/'.join(parts[:first])}", parts[first:]
            depth = None if "**" in wanted else len(wanted)
            files = [each for each in store.below(base, depth) if _matches(each[1], wanted)]
        elif store.is_folder(name):
            files, wanted = store.below(name, None if recursive else 1), ()
        else:
            found.items.append(Item(name, _file_name(name)))
            return
    except OSError as error:
        found.errors.append(InputError(f"cannot be read: {reason_of(error)}").about(name))
        return
    for path, below in files:
        if _is_wanted(path, extensions):
            found.items.append(Item(path, "/".join(below)))
        else:
            found.left_out += 1
    if not any(_is_wanted(path, extensions) for path, _ in files):
        found.errors.append(_none(name, extensions, recursive, is_pattern=bool(wanted)))


def _none(
    name: str, extensions: Collection[str], recursive: bool, *, is_pattern: bool
) -> InrCodecError:
    """The error of a name that no file of the kind belongs to."""
    if is_pattern:
        return InputError("no file of this kind matches").about(name)
    hint = "" if recursive else "; --recursive looks into the folders below"
    kinds = "image" if len(extensions) > 2 else " or ".join(sorted(extensions)) + " file"
    kinds += " or WAV file" if kinds == "image" and ".wav" in extensions else ""
    return InputError(f"no {kinds} in this folder{hint}").about(name)


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
        found.errors.append(_none(pattern, extensions, False, is_pattern=True))


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
