"""Which files of several folders belong together: those whose paths differ in extension alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from inrcodec.batch.inputs import Item, find
from inrcodec.batch.places import place_of
from inrcodec.batch.storage import plain, reason_of, scheme_of
from inrcodec.errors import InputError, InrCodecError


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
    files of a folder differ in extension alone, `InputError` for a URL without files."""
    errors: list[InrCodecError] = []
    found: list[dict[str, str]] = []
    left_out = 0
    for folder in map(plain, folders):
        if scheme_of(folder) is not None and not _is_folder(folder):
            raise InputError("no such folder").about(folder)
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


def _is_folder(url: str) -> bool:
    """Whether there are files below a URL; raises `InputError`."""
    from inrcodec.batch.urls import Store

    store = place_of(url)
    try:
        return isinstance(store, Store) and store.is_folder(url)
    except OSError as error:
        raise InputError(f"cannot be read: {reason_of(error)}").about(url) from None
