"""The sections of a report's page that hold numbers: tables, charts, anatomy, measurements."""

from __future__ import annotations

import math
import re
from itertools import groupby

from inrcodec.codec.describe import FileInfo
from inrcodec.metrics.metric_facts import Metric
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.references.baselines import NEAR
from inrcodec.metrics.report.charts import STYLES, Point, Series, bar, chart, legend, swatch
from inrcodec.metrics.report.markup import Markup, element, joined, table
from inrcodec.metrics.report.matching import best
from inrcodec.metrics.report.records import Report, Version
from inrcodec.metrics.report.text import (
    interpolated_text,
    label,
    rate,
    sections,
    shown,
    size_text,
)

INRIQ_NOTE = (
    "INRIQ is not among the default metrics: it fits a network to the reference, which takes half "
    "a minute. --metrics default,inriq adds it, here and under Robustness."
)
KINDS = ("parameters", "header", "signature", "end", "icc", "exif", "xmp")


def metric_table(report: Report) -> Markup:
    """Make the table of metrics: a row a metric, a column a version, the best marked."""
    versions = [*report.versions, *report.codecs]
    rows = [
        ["Bytes", *(size_text(version) for version in versions)],
        ["Bits per pixel", *(f"{rate(report, version):.3f}" for version in versions)],
    ]
    rows += [_metric_row(metric, versions) for metric in report.metrics]
    rows += [
        [_metric_name(METRICS[name]), _missing(why, len(versions))]
        for name, why in report.unavailable.items()
    ]
    rows += [
        ["Encode", *(seconds(version.encode_s) for version in versions)],
        ["Decode", *(seconds(version.decode_s) for version in versions)],
    ]
    memory = {
        "Encode, memory": [version.encode_memory_bytes for version in versions],
        "Decode, memory": [version.decode_memory_bytes for version in versions],
    }
    rows += [
        [name, *map(megabytes, values)]
        for name, values in memory.items()
        if any(value is not None for value in values)
    ]
    notes = [
        element("li", f"{METRICS[name].title}: {key.replace('_', ' ')} {value:.4g}")
        for name, values in report.notes.items()
        for key, value in values.items()
    ]
    interpolated = interpolated_text(versions)
    return element(
        "section",
        element("h2", "Metrics"),
        table(["", *(version.title for version in versions)], rows, class_="metrics"),
        element("p", "↑ higher is better, ↓ lower is better. ", _star_note(report), class_="small")
        if report.metrics
        else None,
        element("p", interpolated, class_="small") if interpolated else None,
        element("p", INRIQ_NOTE, class_="small") if _lacks_inriq(report) else None,
        element("ul", *notes, class_="small") if notes else None,
        id="metrics",
    )


def _lacks_inriq(report: Report) -> bool:
    """Whether INRIQ was neither measured nor asked for."""
    measured = {metric.name for metric in report.metrics} | report.unavailable.keys()
    return "inriq" not in measured


def _star_note(report: Report) -> str | None:
    """What a star says; None where there is none."""
    versions = [*report.versions, *report.codecs]
    if not any(best(metric, versions) for metric in report.metrics):
        return None
    size = f"within {100 * NEAR:g} % of the size of {versions[0].title}"
    return f"★ marks the best of a row among those {size}."


def _metric_row(metric: Metric, versions: list[Version]) -> list[str]:
    """One metric over all versions."""
    winners = best(metric, versions)
    cells = []
    for number, version in enumerate(versions):
        text = shown(metric, version.compared.metrics[metric.name])
        star = element("span", "★", class_="star", role="img", aria_label="best")
        won = number in winners
        cells.append(element("td", star if won else None, text, class_="best" if won else None))
    return [_metric_name(metric), *cells]


def _missing(why: str, columns: int) -> Markup:
    """The cell of a metric that was asked for and cannot be had."""
    return element("td", f"not available: {why}", colspan=columns, class_="missing")


def _metric_name(metric: Metric) -> Markup:
    """A metric's label and what it means."""
    return joined(element("b", label(metric)), element("span", metric.meaning, class_="meaning"))


def rate_distortion(report: Report) -> Markup | None:
    """Draw a chart for each metric, of which the page shows one; None for files of one size."""
    if len({version.size_bytes for version in report.versions}) < 2:
        return None
    versions = [*report.versions, *report.codecs, *report.curve]
    drawn = [m for m in report.metrics if any(math.isfinite(v.metrics[m.name]) for v in versions)]
    if not drawn:
        return None
    options = [element("option", label(metric), value=metric.name) for metric in drawn]
    select = element("select", *options, id="chart-metric")
    charts = [_chart(metric, versions, hidden=metric != drawn[0]) for metric in drawn]
    return element(
        "section",
        element("h2", "Rate and distortion"),
        element("label", element("span", "Metric"), " ", select, class_="choice toolbar"),
        *charts,
        id="rate-distortion",
    )


def _chart(metric: Metric, versions: list[Version], *, hidden: bool) -> Markup:
    """The chart of one metric, its legend, and what has no place in it."""
    series = _series(metric, versions)
    summary = f"Rate-distortion chart: bits per pixel against {label(metric)}"
    infinite = [v.title for v in versions if not math.isfinite(v.metrics[metric.name])]
    note = f"Not drawn, because the value is infinite: {', '.join(infinite)}."
    return element(
        "div",
        chart(series, "bits per pixel", label(metric), summary),
        legend(series),
        element("p", note, class_="small") if infinite else None,
        data_chart=metric.name,
        hidden=hidden,
    )


def _series(metric: Metric, versions: list[Version]) -> list[Series]:
    """Files of one kind as one line: .inr files, other files by extension, and each codec."""
    groups: dict[str, list[Version]] = {}
    for version in versions:
        name = version.title if version.kind == "codec" else family(version)
        groups.setdefault(name, []).append(version)
    return [
        Series(name, number % STYLES, tuple(_point(metric, version) for version in group))
        for number, (name, group) in enumerate(groups.items())
    ]


def family(version: Version) -> str:
    """What a file's line in the chart is called."""
    if version.about is not None:
        return f"inrcodec ({version.about.model})"
    extension = version.name.rpartition(".")[2]
    return f".{extension} files" if extension != version.name else version.name


def _point(metric: Metric, version: Version) -> Point:
    """Where one file lies in the chart."""
    value = version.metrics[metric.name]
    title = f"{version.title}: {version.bits_per_pixel:.3f} bpp, {shown(metric, value)}"
    return Point(version.bits_per_pixel, value, title)


def anatomy(report: Report) -> Markup | None:
    """Show what the bytes of each .inr file are; None if there is no such file."""
    files = [(v, v.about) for v in report.versions if v.about is not None]
    if not files:
        return None
    largest = max(version.size_bytes for version, _ in files)
    return element(
        "section",
        element("h2", "Inside the file" if len(files) == 1 else "Inside the files"),
        element("div", *(_file(v, about, largest) for v, about in files), class_="files"),
        id="anatomy",
    )


def _file(version: Version, about: FileInfo, largest: int) -> Markup:
    """One file: its network, and a bar and a table of its sections."""
    parts = [(kind, size, _colour(kind)) for kind, size in folded(sections(about))]
    rows = [
        [joined(swatch(colour), kind), f"{size:,}", f"{100 * size / about.size_bytes:.1f} %"]
        for kind, size, colour in parts
    ]
    rows.append([element("b", "whole file"), element("td", f"{about.size_bytes:,}"), "100 %"])
    precision = about.bits_per_parameter
    facts = {
        "Model": f"{about.model} ({' × '.join(map(str, about.dimensions))})",
        "Parameters": f"{about.parameters:,}",
        "Bits per parameter": "–" if precision is None else f"{precision:.2f}",
        "Work": f"{about.macs_per_pixel:,} MAC/pixel",
        "Metadata": ", ".join(about.metadata).upper() or "none",
        "Format": f"version {about.format_version}" + ("" if about.complete else ", cut short"),
    }
    pairs = [element("div", element("dt", n), element("dd", v)) for n, v in facts.items()]
    numbers = table(["Section", "Bytes", "Share"], rows, class_="numbers")
    return element(
        "article",
        element("h3", version.title),
        bar(parts, largest, f"Sections of {version.title}"),
        element("div", element("dl", *pairs), numbers, class_="parts"),
    )


def folded(parts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Sum up neighbouring sections of one level of latents: grids and slices by the dozen say
    little. Sizes still sum to the file's."""
    sums: list[tuple[str, int]] = []
    for name, group in groupby(parts, key=lambda part: _level(part[0])):
        sizes = [size for _, size in group]
        sums.append((name if len(sizes) == 1 else f"{name}, {len(sizes)} sections", sum(sizes)))
    return sums


def _level(kind: str) -> str:
    """The level of latents that a section belongs to; a damaged section stays by itself."""
    found = re.match(r"(alpha )?latents level \d+", kind)
    return found[0] if found and "damaged" not in kind else kind


def _colour(kind: str) -> int:
    """The style of a section's part of the bar: the same in every file."""
    return KINDS.index(kind) if kind in KINDS else STYLES - 1


def measurements(report: Report) -> Markup:
    """Say what the times and the numbers of this page depend on."""
    threads = f"{report.threads} thread" + ("s" if report.threads > 1 else "")
    software = ", ".join(f"{name} {version}" for name, version in report.software.items())
    judging = report.prepare_s + sum(v.metrics_s for v in (*report.versions, *report.codecs))
    times = f"Times are those of this machine, {threads}; a file does not say how long its encode "
    times += f"took. Judging took {seconds(judging)}. Memory is by how much a process grows."
    return element(
        "section",
        element("h2", "Times and versions"),
        element("p", times, class_="small"),
        element("p", software, class_="small"),
        element("pre", element("code", report.command), tabindex=0) if report.command else None,
        id="measurements",
    )


def seconds(value: float | None) -> str:
    """Format a time with sensible digits; a dash where it is not known."""
    if value is None:
        return "–"
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def megabytes(value: float | None) -> str:
    """Format memory; a dash where it is not known."""
    return "–" if value is None else f"{value / 1e6:.1f} MB"
