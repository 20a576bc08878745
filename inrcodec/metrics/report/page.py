"""A report as one HTML page that needs nothing else: no network, no file, no font.

Style and script are inline (document.py); text goes through `markup`.
"""

from __future__ import annotations

from string import Template

from inrcodec.metrics.report import prefixes, sections
from inrcodec.metrics.report.damage import robustness
from inrcodec.metrics.report.document import document, part
from inrcodec.metrics.report.markup import Markup, element, joined
from inrcodec.metrics.report.pictures import Gallery, Limits, gallery
from inrcodec.metrics.report.records import Report, Version
from inrcodec.metrics.report.sets import HEADLINE_METRICS
from inrcodec.metrics.report.text import label, shown
from inrcodec.pixels import CHANNEL_NAMES


def to_html(report: Report, limits: Limits | None = None) -> str:
    """Render the whole page; `limits` bound the size of the images in it."""
    pictures = gallery(report, limits)
    primary, decoding = report.versions[0], prefixes.decoding(report)
    body = Template(part("page.html")).substitute(
        header=_header(report),
        options=_options(report),
        facts=_facts(report, pictures),
        picture_note=_picture_note(report, pictures),
        sections=joined(
            sections.metric_table(report),
            _side_by_side(report, pictures),
            sections.rate_distortion(report),
            sections.anatomy(report),
            None if decoding is None else decoding[0],
            robustness(report),
            sections.measurements(report),
        ),
        sources=_sources(pictures) if pictures.is_copy else "",
    )
    return document(
        f"{primary.title} – inrcodec report",
        Markup(body),
        style=part("page.css") + _crop_style(pictures),
        script=part("page.js"),
        decoder=None if decoding is None else decoding[1],
        checkered=report.picture.channels in (2, 4),
    )


def _crop_style(pictures: Gallery) -> str:
    """The corner of the crops side by side, as variables that the script may change."""
    x, y, wide, high = pictures.crop
    zoom = pictures.crop_zoom
    style = f":root{{--crop-x:{x}px;--crop-y:{y}px"
    style += f";--crop-width:{wide * zoom}px;--crop-height:{high * zoom}px}}\n"
    if _is_whole(pictures):
        style += (
            f".figures .crop{{height:auto;aspect-ratio:{wide}/{high}}}.crop img{{object-fit:fill"
        )
        style += ";image-rendering:pixelated}\n" if zoom > 1 else "}\n"
    return style


def _header(report: Report) -> Markup:
    """What was judged, and the numbers that matter most."""
    primary, picture = report.versions[0], report.picture
    kind = f"{CHANNEL_NAMES[picture.channels]}, {picture.bit_depth} bit"
    tiles = [
        _tile("bytes", f"{primary.size_bytes:,}"),
        _tile("bits per pixel", f"{primary.bits_per_pixel:.3f}"),
        _tile("smaller than raw", f"{report.raw_bytes / primary.size_bytes:,.1f}×"),
    ]
    tiles += [
        _tile(label(metric), shown(metric, primary.metrics[metric.name]), metric.meaning)
        for metric in report.metrics[:HEADLINE_METRICS]
    ]
    return element(
        "header",
        element("p", "inrcodec report", class_="over"),
        element("h1", primary.title),
        element(
            "p",
            joined("against ", element("b", report.reference.name)),
            f" – {picture.width} × {picture.height} pixels, {kind}, ",
            f"{len(report.reference.data):,} bytes",
            class_="lead",
        ),
        element("dl", *tiles, class_="tiles"),
    )


def _tile(name: str, value: str, hint: str | None = None) -> Markup:
    """One headline number."""
    return element("div", element("dt", name), element("dd", value), title=hint)


def _options(report: Report) -> Markup:
    """What the slider can compare with the reference."""
    versions = [*report.versions, *report.codecs]
    return joined(
        *(
            element("option", _described(v), value=number, selected=number == 1)
            for number, v in enumerate(versions, 1)
        )
    )


def _described(version: Version) -> str:
    """A version's name and size."""
    return f"{version.title}, {version.size_bytes:,} bytes"


def _facts(report: Report, pictures: Gallery) -> Markup:
    """Beside the slider: the numbers of each version, of which the script shows one."""
    blocks = []
    for number, version in enumerate([*report.versions, *report.codecs], 1):
        rows = [("bytes", f"{version.size_bytes:,}"), ("bpp", f"{version.bits_per_pixel:.3f}")]
        rows += [(label(m), shown(m, version.metrics[m.name])) for m in report.metrics]
        pairs = [element("div", element("dt", n), element("dd", v)) for n, v in rows]
        note = pictures.pictures[number].note
        blocks.append(
            element(
                "div",
                element("h3", version.title),
                element("dl", *pairs),
                element("p", f"{note[0].upper()}{note[1:]}.", class_="small"),
                data_facts=number,
                hidden=number > 1,
            )
        )
    return joined(*blocks)


def _picture_note(report: Report, pictures: Gallery) -> Markup:
    """What to know about the images as shown."""
    notes = []
    if pictures.is_copy:
        notes.append(
            f"The image is large: this view shows copies of {pictures.width} × "
            f"{pictures.height} pixels. Metrics are measured at full size."
        )
    if report.picture.bit_depth == 16:
        notes.append("Shown at 8 bit; metrics are measured at 16.")
    if report.picture.channels in (2, 4):
        notes.append(
            "Transparent parts are shown over a checkerboard and judged over mid-gray, "
            "by PSNR over black and white."
        )
    if any(version.picture.icc for version in report.versions) or report.picture.icc:
        notes.append("Colour profiles are left out, so that every version is shown alike.")
    return joined(" ".join(notes))


def _side_by_side(report: Report, pictures: Gallery) -> Markup:
    """The same crop of every version; for images of usual size also what the slider shows."""
    versions = [*report.versions, *report.codecs]
    headline = report.metrics[:HEADLINE_METRICS]
    figures = [_figure(0, report.reference.name, "reference", [], pictures)]
    for number, version in enumerate(versions, 1):
        size = f"{version.size_bytes:,} bytes"
        values = [f"{m.title} {shown(m, version.metrics[m.name])}" for m in headline]
        figures.append(_figure(number, version.title, size, values, pictures))
    failures = [element("li", f"{why}.") for why in report.failures.values()]
    matched = "Of other codecs, the file whose size is nearest to the "
    matched += f"{report.versions[0].size_bytes:,} bytes of {report.versions[0].title}. "
    return element(
        "section",
        element("h2", "Side by side"),
        element(
            "p", matched if report.codecs else None, _crop_note(report, pictures), class_="small"
        ),
        element("div", *figures, class_="figures"),
        element("ul", *failures, class_="small") if failures else None,
        id="side-by-side",
    )


def _crop_note(report: Report, pictures: Gallery) -> str:
    """Which part of the image is shown side by side."""
    x, y, wide, high = pictures.crop
    if _is_whole(pictures):
        zoom = f", {pictures.crop_zoom} times as large" if pictures.crop_zoom > 1 else ""
        return f"The whole image{zoom}."
    why = "it differs most from the reference"
    if report.codecs:
        why = f"{report.versions[0].title} and the codecs at its size differ most from one another"
    elif len(report.versions) > 1:
        why = "the versions differ most from one another"
    note = f"From the {wide} × {high} pixels at {x}, {y}, where {why}. "
    return note + (
        "At full size." if pictures.is_copy else "Drag a crop, or use arrow keys, to move all."
    )


def _is_whole(pictures: Gallery) -> bool:
    """Whether the crop is all of the image, so that there is nowhere to move it."""
    return pictures.crop[2:] == (pictures.width, pictures.height)


def _figure(number: int, title: str, size: str, values: list[str], pictures: Gallery) -> Markup:
    """One crop: the whole image behind a window, or for large images a cut-out."""
    picture = pictures.pictures[number]
    source = None if picture.crop_uri else number
    image = element("img", src=picture.crop_uri or picture.uri, alt=title, data_source=source)
    movable = source is not None and not _is_whole(pictures)
    window = element(
        "div",
        image,
        class_="crop movable" if movable else "crop",
        tabindex=0 if movable else None,
        role="group" if movable else None,
        aria_label=f"Crop of {title}; arrow keys move all crops" if movable else None,
    )
    lines = [element("b", title), element("span", size)]
    lines += [element("span", value) for value in values]
    return element("figure", window, element("figcaption", *lines))


def _sources(pictures: Gallery) -> Markup:
    """Images for the slider alone, where the crops are separate."""
    return joined(
        *(
            element("img", src=picture.uri, alt="", data_source=number)
            for number, picture in enumerate(pictures.pictures)
        )
    )
