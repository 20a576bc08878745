"""Which files of several folders belong together: those whose paths differ in extension alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from inrcodec.batch.inputs import Item, find
from inrcodec.errors import InrCodecError


@dataclass(frozen=True, slots=True)
class Matched:
    """Items whose first input is in the first folder and whose `others` are in the other ones, in
    their order; files that not every folder has; errors of what cannot be searched; and how many
    files of other kinds were left out."""

    items: list[Item]
    unmatched: list[str]
    errors: list[InrCodecError]
    left_out: int


def match(
    folders: Sequence[str],
    extensions: Collection[str],
    result_extension: str,
    *,
    recursive: bool,
) -> Matched:
    """Match the files of folders, whose names are paths or URLs. Raises `OptionError` where two
    files of a folder differ in extension alone."""
    errors: list[InrCodecError] = []
    found: list[dict[str, str]] = []
    left_out = 0
    for folder in folders:
        there = find([folder], extensions, result_extension, recursive=recursive)
        errors += there.errors
        left_out += there.left_out
        found.append({item.result: item.input for item in there.items})
    whole = [result for result in found[0] if all(result in paths for paths in found)]
    items = [
        Item(found[0][result], result, tuple(paths[result] for paths in found[1:]))
        for result in whole
    ]
    shared = set(whole)
    unmatched = [path for paths in found for result, path in paths.items() if result not in shared]
    return Matched(items, unmatched, errors, left_out)


def stem_of(item: Item) -> str:
    """The path that the files of an item share below their folders, without an extension."""
    return str(PurePosixPath(item.result).with_suffix(""))
