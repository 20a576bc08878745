"""The page of several images: points and mean curves, BD-rates, and a list of the images.

The list has those first that are worst beside the others, and can be sorted. The page needs nothing
but the pages of the images beside it, where there are any: style and script are inline
(document.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from urllib.parse import quote

from inrcodec.metrics.metric_facts import Metric
from inrcodec.metrics.report.charts import STYLES, Point, Series, chart, legend
from inrcodec.metrics.report.document import document, part
from inrcodec.metrics.report.markup import Markup, element, joined, table
from inrcodec.metrics.report.sections import megabytes, seconds
from inrcodec.metrics.report.sets import FILES, HEADLINE_METRICS, ImageSet, Measured
from inrcodec.metrics.report.text import label, shown

MOST_DOTS = 2000
"""Points that a chart has; of more images, those that are worst beside the others."""

OUTLIER = 3.5
"""Deviations from the median from which an image is marked (Iglewicz and Hoaglin, 1993)."""


def to_html(whole: ImageSet, pages: Mapping[str, str], *, verb: str = "report") -> str:
    """Render the page; `pages` are the paths of the images' own pages below its folder, by name.
    `verb` is the command that it is of."""
    sections = joined(
        _header(whole, verb),
        _curves(whole),
        _bd_rates(whole),
        _costs(whole),
        _images(whole, pages),
        _about(whole),
    )
    return document(
        f"{_count(len(whole.images), 'image')} – inrcodec {verb}",
        element("main", sections),
        style=part("page.css"),
        script=part("set.js"),
    )


def _count(number: int, noun: str) -> str:
    """ "1 image", "2 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _ranked(whole: ImageSet) -> list[tuple[Measured, float]]:
    """The images and how far each is from the others, the worst first."""
    distances = whole.outlyingness()
    return sorted(
        ((image, distances[image.name]) for image in whole.images), key=lambda pair: -pair[1]
    )


def _codecs(whole: ImageSet) -> list[str]:
    """The reference codecs."""
    return [name for name in whole.titles if name != FILES]


def _header(whole: ImageSet, verb: str) -> Markup:
    """What was judged."""
    rates = ", ".join(
        f"{name} {whole.bits_per_pixel(number):.3f}" for number, name in enumerate(whole.settings)
    )
    return element(
        "header",
        element("p", f"inrcodec {verb}", class_="over"),
        element(
            "h1", f"{_count(len(whole.images), 'image')}, {_count(len(whole.settings), 'setting')}"
        ),
        element("p", f"Mean bits per pixel: {rates}", class_="lead"),
    )


def _curves(whole: ImageSet) -> Markup:
    """A chart of means for each metric, of which the page shows one."""
    clouds = {metric: _cloud(whole, metric) for metric in whole.metrics}
    drawn = [m for m, cloud in clouds.items() if any(math.isfinite(p.y) for p in cloud.points)]
    options = [element("option", label(metric), value=metric.name) for metric in drawn]
    note = (
        "Dots are files of single images. Curves are means over all images, at the mean size of "
        "each setting. What another codec reaches there "
        "is interpolated between its own files, linearly in the logarithm of the size; where it "
        "cannot make every image that small, it has no point."
    )
    return element(
        "section",
        element("h2", "Rate and distortion"),
        element(
            "label",
            element("span", "Metric"),
            " ",
            element("select", *options, id="chart-metric"),
            class_="choice toolbar",
        ),
        *(_chart(whole, metric, clouds[metric]) for metric in drawn),
        element("p", note, class_="small"),
        id="rate-distortion",
    )


def _chart(whole: ImageSet, metric: Metric, cloud: Series) -> Markup:
    """The chart of one metric; without the script all of them are shown."""
    series = [cloud]
    for number, (codec, title) in enumerate(whole.titles.items()):
        points = tuple(
            Point(rate, value, f"{title}: {rate:.3f} bpp, {shown(metric, value)}")
            for rate, value in whole.means(codec, metric.name)
        )
        series.append(Series(title, number % STYLES, points))
    summary = f"Mean rate-distortion curves: bits per pixel against {label(metric)}"
    return element(
        "div",
        chart(series, "bits per pixel", label(metric), summary),
        legend(series),
        data_chart=metric.name,
    )


def _cloud(whole: ImageSet, metric: Metric) -> Series:
    """A dot for each file of the images."""
    points = []
    for image, _ in _ranked(whole)[: MOST_DOTS // len(whole.settings)]:
        for number, setting in enumerate(whole.settings):
            value = image.at(FILES, number, metric.name)
            rate = 8 * image.sizes[number] / image.pixels
            text = f"{image.name} {setting}: {rate:.3f} bpp, {shown(metric, value)}"
            points.append(Point(rate, value, text))
    return Series("images", 0, tuple(points), is_cloud=True)


def _bd_rates(whole: ImageSet) -> Markup | None:
    """A table of BD-rates by every metric; None without a codec to compare with."""
    codecs = _codecs(whole)
    if not codecs:
        return None
    anchor, *others = codecs
    compared = [FILES, *others]
    rows: list[list[str]] = [
        [
            element("b", label(metric)),
            *(_bd_cell(whole, anchor, c, metric) for c in compared),
        ]
        for metric in whole.metrics
    ]
    note = (
        f"Mean over images of how many more bits a codec needs than {whole.titles[anchor]} for the "
        "same value of a metric; below 0 it needs fewer. Each image's curve is made of all of its "
        "files (Bjøntegaard delta, Akima or with three files PCHIP interpolation)."
    )
    return element(
        "section",
        element("h2", f"BD-rate against {whole.titles[anchor]}"),
        table(["", *(whole.titles[codec] for codec in compared)], rows, class_="metrics"),
        element("p", note, class_="small"),
        id="bd-rates",
    )


def _bd_cell(whole: ImageSet, anchor: str, codec: str, metric: Metric) -> Markup:
    """One BD-rate, or a dash that says why there is none."""
    found = whole.bd_rate(anchor, codec, metric)
    if not found.images:
        return element("td", "–", title=found.reason)
    missing = len(whole.images) - found.images
    few = element("span", f"{found.images} of {len(whole.images)} images", class_="meaning")
    return element("td", f"{found.value:+.1f} %", few if missing else None)


def _costs(whole: ImageSet) -> Markup:
    """Mean times and memory of every codec."""
    rows = [
        [
            title,
            seconds(whole.mean_of(codec, "encode_s")),
            seconds(whole.mean_of(codec, "decode_s")),
            megabytes(whole.mean_of(codec, "encode_memory_bytes")),
            megabytes(whole.mean_of(codec, "decode_memory_bytes")),
        ]
        for codec, title in whole.titles.items()
    ]
    head = ["", "Encode", "Decode", "Encode, memory", "Decode, memory"]
    return element(
        "section",
        element("h2", "Time and memory"),
        table(head, rows, class_="numbers"),
        element("p", "Means over all files that were measured.", class_="small"),
        id="costs",
    )


def _images(whole: ImageSet, pages: Mapping[str, str]) -> Markup:
    """A row for each image and setting, those first that are worst beside the others."""
    headline = whole.metrics[:HEADLINE_METRICS]
    rows: list[list[str]] = []
    for image, distance in _ranked(whole):
        for number, setting in enumerate(whole.settings):
            rate = 8 * image.sizes[number] / image.pixels
            cells = [
                _cell(f"{distance:.1f}", distance, is_marked=distance >= OUTLIER),
                _cell(f"{image.sizes[number]:,}", image.sizes[number]),
                _cell(f"{rate:.3f}", rate),
            ]
            for metric in headline:
                value = image.at(FILES, number, metric.name)
                cells.append(_cell(shown(metric, value), value))
            picture = image.thumbnail if number == 0 else ""
            rows.append([_name(image, setting, picture, pages.get(image.name)), *cells])
    note = (
        "Worse by: how many deviations the worst value of an image lies beyond the median of all "
        f"images, on its worse side (median of absolute differences); from {OUTLIER} on it is "
        "marked. A click on a column sorts by it."
    )
    head = ["", "Worse by", "Bytes", "bpp", *(label(m) for m in headline)]
    return element(
        "section",
        element("h2", "Images"),
        table(head, rows, class_="numbers sortable"),
        element("p", note, class_="small"),
        id="images",
    )


def _name(image: Measured, setting: str, picture: str, page: str | None) -> Markup:
    """What a row is of: a picture, a name that leads to its page, and a setting."""
    link = element("a", image.name, href=quote(page)) if page else element("span", image.name)
    shown_picture = element("img", src=picture, alt="", class_="thumbnail") if picture else None
    return joined(shown_picture, link, f" {setting}")


def _cell(text: str, value: float, *, is_marked: bool = False) -> Markup:
    """A number, by which its column can be sorted."""
    shown_text = element("strong", text) if is_marked else text
    return element("td", shown_text, data_value=repr(value) if math.isfinite(value) else str(value))


def _about(whole: ImageSet) -> Markup:
    """What is missing, and what the numbers depend on."""
    failures = [element("li", f"{why}.") for why in whole.failures.values()]
    software = ", ".join(f"{name} {version}" for name, version in whole.software.items())
    threads = f"{whole.threads} thread" + ("s" if whole.threads > 1 else "")
    return element(
        "section",
        element("h2", "Versions"),
        element("ul", *failures, class_="small") if failures else None,
        element("p", f"{threads}; {software}", class_="small"),
        element("pre", element("code", whole.command), tabindex=0) if whole.command else None,
        id="measurements",
    )
