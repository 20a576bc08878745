"""`inrcodec report` of folders: several images, each in every folder, as one set of pages."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inrcodec.cli import console
from inrcodec.cli.compare import match
from inrcodec.cli.progress import Show, bar_of
from inrcodec.errors import InputError, InrCodecError, OptionError

if TYPE_CHECKING:
    from inrcodec.metrics.report.evaluation import ReportOptions
    from inrcodec.metrics.report.records import Report
    from inrcodec.metrics.report.sets import Measured

DEFAULT_FOLDER = "report/"
INDEX = "index"


def report_sets(
    reference: str,
    folders: list[str],
    output: str | None,
    options: ReportOptions,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Judge the images that every folder has, write a page for each and one for all of them.

    With `as_json` the numbers go to stdout, and pages are written only into a named folder.
    """
    from inrcodec.metrics.report.sets import image_set, titles_of, to_dict

    settings = [Path(os.path.abspath(folder)).name for folder in folders]
    if len(set(settings)) < len(settings):
        raise OptionError("two folders of versions have the same name, which is that of a setting")
    images = _matched(reference, folders)
    where = output if output or as_json else DEFAULT_FOLDER
    pages = _pages(images, where, force)
    rows: list[Measured] = []
    last: Report | None = None
    titles: dict[str, str] = {}
    with console.exit_codes() as codes, bar_of("") as show:
        for number, (stem, paths) in enumerate(images.items()):
            try:
                last = _one(stem, paths, settings, options, show, number, len(images))
            except InrCodecError as error:
                console.show_error(error)
                codes.append(console.exit_code(error))
                continue
            row, page = _kept(last, pages.get(stem))
            rows.append(row)
            titles = titles_of(last) | titles
            if page is not None:
                console.write_output(pages[stem], page, force=force)
        if last is None:
            return
        whole = image_set(settings, rows, last, titles)
        if as_json:
            console.print_json(to_dict(whole))
        if pages:
            from inrcodec.metrics.report.set_page import to_html

            names = {Path(row.name).stem: row.name for row in rows}
            addresses = {name: Path(pages[stem]).name for stem, name in names.items()}
            page = to_html(whole, addresses).encode("utf-8", "replace")
            console.write_output(pages[INDEX], page, force=force)
            console.note(f"{len(rows)} images -> {pages[INDEX]}")


def _one(
    stem: str,
    paths: list[str],
    settings: list[str],
    options: ReportOptions,
    show: Show,
    number: int,
    images: int,
) -> Report:
    """Judge one image; its files are named by their settings."""
    from inrcodec.metrics.report.evaluation import Evaluation
    from inrcodec.metrics.report.files import File

    names = [Path(paths[0]).name]
    names += [
        f"{setting}/{Path(path).name}" for setting, path in zip(settings, paths[1:], strict=True)
    ]
    first, *others = (
        File(name, console.read_input(path)) for name, path in zip(names, paths, strict=True)
    )
    job = Evaluation(first, others, replace(options, every_size=True))
    for step, text in enumerate(job):
        show((number + step / job.steps) / images, f"{stem}: {text}")
    return job.finish()


def _kept(report: Report, path: str | None) -> tuple[Measured, bytes | None]:
    """What is kept of an image's report: its numbers, and its page if it has a place."""
    from inrcodec.metrics.report.sets import measured

    if path is None:
        return measured(report), None
    from inrcodec.metrics.report.page import to_html

    return measured(report), to_html(report).encode("utf-8", "replace")


def _matched(reference: str, folders: list[str]) -> dict[str, list[str]]:
    """The paths of each image by stem, the reference first, of those that every folder has."""
    found: dict[str, list[str]] = {}
    for number, folder in enumerate(folders):
        pairs, unmatched = match(reference, folder)
        for name in unmatched:
            console.note(f"left out: {name} has no counterpart")
        for first, second in pairs:
            stem = Path(first).stem
            if number == 0:
                found[stem] = [first]
            if stem in found:
                found[stem].append(second)
    whole = {stem: paths for stem, paths in found.items() if len(paths) == 1 + len(folders)}
    if not whole:
        raise InputError(f"no image in {reference} has the name of one in every other folder")
    return whole


def _pages(images: dict[str, list[str]], where: str | None, force: bool) -> dict[str, str]:
    """Where the page of each image goes, and that of all; checked before any work."""
    if where is None:
        return {}
    folder = where if where.endswith(("/", os.sep)) else where + os.sep
    inputs = [f"{stem}.png" for stem in (*images, INDEX)]
    paths = console.outputs_for(inputs, folder, ".html", force, False)
    return dict(zip((*images, INDEX), paths, strict=True))
