"""`compare` and `report` of folders: images matched by their names, judged as a batch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from inrcodec.cli import console
from inrcodec.cli.batch import Choice, Verb, Whole, carry_out
from inrcodec.cli.pair_tables import means_of, show_rows
from inrcodec.errors import InputError, OptionError

if TYPE_CHECKING:
    from inrcodec.batch import Found, Item, Journal
    from inrcodec.metrics.report.options import ReportOptions
    from inrcodec.metrics.report.sets import ImageSet

INDEX = "index.html"
REPORTS = "report/"

Reports = Mapping[str, Mapping[str, Any]]


def is_folder(name: str) -> bool:
    """Whether a name is that of a folder; a URL is taken for one."""
    from inrcodec.batch.storage import scheme_of

    return os.path.isdir(name) or scheme_of(name) is not None


def compare_folders(choice: Choice, options: ReportOptions) -> None:
    """Compare each image of the first folder with that of the second; print a table or JSON.

    With a folder for results each pair has a file there, and `index.html` shows all of them.
    """
    from inrcodec.batch.comparing import compared

    found, unmatched = _matched(choice.inputs, ".json", choice.recursive)
    title = _settings(choice.inputs[1:])[0]
    fields = {**_fields(options), "title": title}
    verb = Verb(compared, fields, "compared", _pair_summary, _row)
    whole = _Whole(
        "compare", (title,), options.command, found.items, unmatched, choice.as_json, pages={}
    )
    with _folder_of(choice) as placed:
        carry_out(placed, verb, found, whole)


def report_folders(choice: Choice, options: ReportOptions) -> None:
    """Judge the images that every folder has; write a page for each, and one for all of them."""
    from inrcodec.batch.reporting import reported

    settings = _settings(choice.inputs[1:])
    found, unmatched = _matched(choice.inputs, ".html", choice.recursive)
    if any(item.result == INDEX for item in found.items):
        raise OptionError(f"an image called index would take the name of the page of all, {INDEX}")
    fields = {**_fields(replace(options, every_size=True)), "settings": settings}
    verb = Verb(reported, fields, "judged", _report_summary, _row)
    pages = {_name(item): item.result for item in found.items}
    whole = _Whole(
        "report", settings, options.command, found.items, unmatched, choice.as_json, pages
    )
    if choice.output is None and not choice.as_json:
        choice = replace(choice, output=REPORTS)
    with _folder_of(choice) as placed:
        carry_out(placed, verb, found, whole)


def _settings(folders: list[str]) -> tuple[str, ...]:
    """The names of folders of versions; raises `OptionError` if two are alike."""
    settings = tuple(PurePath(os.path.abspath(folder)).name for folder in folders)
    if len(set(settings)) < len(settings):
        raise OptionError("two folders of versions have the same name, which is that of a setting")
    return settings


def _fields(options: ReportOptions) -> dict[str, Any]:
    """The options of a job, with its threads told."""
    return {**asdict(options), "threads": options.threads or 1}


def _matched(folders: list[str], extension: str, recursive: bool) -> tuple[Found, list[str]]:
    """The images that all folders have, and those that they have not; raises `InputError`."""
    from inrcodec.batch import Found
    from inrcodec.batch.matching import match
    from inrcodec.files import EXTENSIONS
    from inrcodec.images.opening import extensions

    kinds = {*extensions(), *EXTENSIONS}
    matched = match(folders, kinds, extension, recursive=recursive)
    for name in matched.unmatched:
        console.note(f"left out: {name} has no counterpart")
    if not matched.items:
        if matched.errors:
            raise matched.errors[0]
        raise InputError(f"no image in {folders[0]} has the name of one in every other folder")
    items = [replace(item, options={"name": _name(item)}) for item in matched.items]
    return Found(items, matched.errors, matched.left_out), matched.unmatched


def _name(item: Item) -> str:
    """How an image is called: its path below its folder."""
    suffix = PurePath(item.input).suffix
    return str(PurePath(item.result).with_suffix(suffix).as_posix())


@contextmanager
def _folder_of(choice: Choice) -> Iterator[Choice]:
    """The choice with a folder for results: a temporary one, if none was named."""
    if choice.output is not None:
        yield choice
        return
    with tempfile.TemporaryDirectory(prefix="inrcodec-") as folder:
        yield replace(choice, output=folder, is_temporary=True)


def _row(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """The numbers of an image, for a program."""
    row: Mapping[str, Any] = report["row"]
    return row


def _pair_summary(report: dict[str, Any]) -> str:
    """The metrics of a pair, for a person."""
    values = report["row"]["metrics"].items()
    return ", ".join(f"{name} {float(value):.4g}" for name, value in values)


def _report_summary(report: dict[str, Any]) -> str:
    """How many files were judged, for a person."""
    count = len(report["row"]["sizes_bytes"])
    return f"{count} file{'' if count == 1 else 's'} judged"


@dataclass(frozen=True, slots=True)
class _Whole(Whole):
    """What is made of all images: the page of all, and a table or JSON."""

    verb: str
    settings: tuple[str, ...]
    command: str
    items: list[Item]
    unmatched: list[str]
    as_json: bool
    pages: Mapping[str, str]

    def check(self, journal: Journal, choice: Choice) -> None:
        """Before any work: the page of all can be written."""
        from inrcodec.batch.whole import check_whole

        if not choice.is_temporary:
            check_whole(journal, INDEX, force=choice.force)

    def finish(self, journal: Journal, reports: Reports, choice: Choice) -> None:
        """After all work, with the reports of what is done, by result."""
        from inrcodec.metrics.report.sets import Measured, image_set

        done = [reports[item.result] for item in self.items if item.result in reports]
        if not done:
            return
        rows = [Measured.from_json(report["measured"]) for report in done]
        whole = image_set(self.settings, rows, self.command)
        if not choice.is_temporary:
            self._write_index(journal, whole)
        if self.verb == "compare":
            self._tell_pairs([dict(report["row"]) for report in done])
        elif self.as_json:
            from inrcodec.metrics.report.sets import to_dict

            console.print_json_line({"state": "whole", **to_dict(whole)})

    def _write_index(self, journal: Journal, whole: ImageSet) -> None:
        from inrcodec.batch.whole import write_whole
        from inrcodec.metrics.report.set_page import to_html

        page = to_html(whole, self.pages, verb=self.verb).encode("utf-8", "replace")
        path = write_whole(journal, INDEX, page)
        count = len(whole.images)
        console.note(f"{count} image{'' if count == 1 else 's'} -> {path}")

    def _tell_pairs(self, rows: list[dict[str, Any]]) -> None:
        """The rows of `compare` as a table, or their means as JSON."""
        for row in rows:
            row["metrics"] = {name: float(value) for name, value in row["metrics"].items()}
        means = means_of(rows)
        if self.as_json:
            line = {"state": "whole", "images": len(rows), "metrics": means}
            console.print_json_line({**line, "unmatched": self.unmatched})
            return
        for row in rows:
            console.note_skipped(row["reference"], row.get("skipped", {}))
        show_rows(rows, means)
