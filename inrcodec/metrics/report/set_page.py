"""The page of several images: mean curves, BD-rates, and a list that leads to the pages of images.

It needs nothing but those pages beside it: style and script are inline (document.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from inrcodec.metrics.metric_facts import Metric
from inrcodec.metrics.report.charts import STYLES, Point, Series, chart, legend
from inrcodec.metrics.report.document import document, part
from inrcodec.metrics.report.markup import Markup, element, joined, table
from inrcodec.metrics.report.page import HEADLINE_METRICS
from inrcodec.metrics.report.sections import megabytes, seconds
from inrcodec.metrics.report.sets import FILES, ImageSet
from inrcodec.metrics.report.text import label, shown


def to_html(whole: ImageSet, pages: Mapping[str, str]) -> str:
    """Render the page; `pages` are the addresses of the images' own pages, by name."""
    sections = joined(
        _header(whole),
        _curves(whole),
        _bd_rates(whole),
        _costs(whole),
        _images(whole, pages),
        _about(whole),
    )
    return document(
        f"{len(whole.images)} images – inrcodec report",
        element("main", sections),
        style=part("page.css"),
        script=part("set.js"),
    )


def _codecs(whole: ImageSet) -> list[str]:
    """The reference codecs."""
    return [name for name in whole.titles if name != FILES]


def _header(whole: ImageSet) -> Markup:
    """What was judged."""
    rates = ", ".join(
        f"{name} {whole.bits_per_pixel(number):.3f}" for number, name in enumerate(whole.settings)
    )
    return element(
        "header",
        element("p", "inrcodec report", class_="over"),
        element("h1", f"{len(whole.images)} images, {len(whole.settings)} settings"),
        element("p", f"Mean bits per pixel: {rates}", class_="lead"),
    )


def _curves(whole: ImageSet) -> Markup:
    """A chart of means for each metric, of which the page shows one."""
    drawn = [metric for metric in whole.metrics if whole.means(FILES, metric.name)]
    options = [element("option", label(metric), value=metric.name) for metric in drawn]
    note = (
        "Means over all images, at the mean size of each setting. What another codec reaches there "
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
        *(_chart(whole, metric) for metric in drawn),
        element("p", note, class_="small"),
        id="rate-distortion",
    )


def _chart(whole: ImageSet, metric: Metric) -> Markup:
    """The chart of one metric; without the script all of them are shown."""
    series = []
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
    """A row for each image and setting."""
    headline = whole.metrics[:HEADLINE_METRICS]
    rows = []
    for image in whole.images:
        link = element("a", image.name, href=pages[image.name])
        for number, setting in enumerate(whole.settings):
            values = [shown(m, image.at(FILES, number, m.name)) for m in headline]
            rate = 8 * image.sizes[number] / image.pixels
            name = joined(link, f" {setting}")
            rows.append([name, f"{image.sizes[number]:,}", f"{rate:.3f}", *values])
    return element(
        "section",
        element("h2", "Images"),
        table(["", "Bytes", "bpp", *(label(m) for m in headline)], rows, class_="numbers"),
        id="images",
    )


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
