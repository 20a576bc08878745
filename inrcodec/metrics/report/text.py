"""A report as JSON-ready dictionaries and as a Markdown table, and how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from inrcodec.codec.describe import FileInfo
from inrcodec.metrics.damage.operations import TITLES
from inrcodec.metrics.metric_facts import Metric
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.report.matching import best, interpolations
from inrcodec.metrics.report.records import Damaged, Report, Version
from inrcodec.pixels import CHANNEL_NAMES


def shown(metric: Metric, value: float) -> str:
    """Format a value with the metric's digits, more where it would vanish; no unit."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if 0 < abs(value) < 10.0**-metric.digits:
        return f"{value:.2g}"
    return f"{value:.{metric.digits}f}"


def label(metric: Metric) -> str:
    """Join title, unit and an arrow towards better values."""
    unit = f" ({metric.unit})" if metric.unit and metric.unit not in metric.title else ""
    return f"{metric.title}{unit} {'↑' if metric.higher_is_better else '↓'}"


def size_text(version: Version) -> str:
    """The bytes that are compared; "≈" where the values are interpolated for that size."""
    mark = "" if version.interpolated is None else "≈ "
    return f"{mark}{version.compared.size_bytes:,}"


def interpolated_text(versions: Sequence[Version]) -> str:
    """Say which values are interpolated between which files; "" for none."""
    ends = [
        f"{title} between files of {smaller:,} and {larger:,} bytes"
        for title, (smaller, larger) in interpolations(versions).items()
    ]
    return f"≈ interpolated, for there is no file of this size: {'; '.join(ends)}." if ends else ""


def rate(report: Report, version: Version) -> float:
    """Bits for each pixel of the size that is compared."""
    return 8 * version.compared.size_bytes / (report.picture.width * report.picture.height)


def to_dict(report: Report) -> dict[str, Any]:
    """Convert the report to plain dictionaries and lists; infinite values stay floats."""
    picture = report.picture
    return {
        "reference": {
            "name": report.reference.name,
            "width": picture.width,
            "height": picture.height,
            "channels": picture.channels,
            "colours": CHANNEL_NAMES[picture.channels],
            "bit_depth": picture.bit_depth,
            "size_bytes": len(report.reference.data),
            "raw_bytes": report.raw_bytes,
        },
        "versions": [_version(version) for version in report.versions],
        "codecs": [_version(version) for version in report.codecs],
        "curve": [_version(version) for version in report.curve],
        "robustness": [
            {
                "name": damaged.name,
                "undamaged": dict(damaged.undamaged),
                "outcomes": [outcome.as_dict() for outcome in damaged.outcomes],
            }
            for damaged in report.damaged
        ],
        "unavailable": dict(report.unavailable),
        "failures": dict(report.failures),
        "notes": {name: dict(notes) for name, notes in report.notes.items()},
        "prepare_s": report.prepare_s,
        "threads": report.threads,
        "software": dict(report.software),
        "command": report.command,
    }


def _version(version: Version) -> dict[str, Any]:
    """One version; what does not apply to its kind is left out."""
    facts: dict[str, Any] = {
        "name": version.name,
        "kind": version.kind,
        "size_bytes": version.size_bytes,
        "bits_per_pixel": version.bits_per_pixel,
        "metrics": dict(version.metrics),
        "decode_s": version.decode_s,
        "metrics_s": version.metrics_s,
    }
    if version.encode_s is not None:
        facts["encode_s"] = version.encode_s
    if version.setting is not None:
        facts["setting"] = version.setting
    for name in ("encode_memory_bytes", "decode_memory_bytes"):
        if getattr(version, name) is not None:
            facts[name] = getattr(version, name)
    if version.interpolated is not None:
        found = version.interpolated
        facts["interpolated"] = {
            "size_bytes": found.size_bytes,
            "metrics": dict(found.metrics),
            "between": list(found.between),
        }
    if version.about is not None:
        about = version.about
        facts |= {
            "model": about.model,
            "dimensions": list(about.dimensions),
            "parameters": about.parameters,
            "macs_per_pixel": about.macs_per_pixel,
            "bits_per_parameter": about.bits_per_parameter,
            "metadata": list(about.metadata),
            "sections": [{"kind": kind, "size_bytes": size} for kind, size in sections(about)],
        }
    return facts


def sections(about: FileInfo) -> list[tuple[str, int]]:
    """List (kind, bytes) of everything in a file, in order; they sum to the file's size.

    What lies outside the sections is the signature in front, and behind them a piece cut short.
    """
    parts, end = [], 0
    for section in about.sections:
        if section.offset > end:
            parts.append(("signature" if end == 0 else "unreadable", section.offset - end))
        kind = section.kind if section.intact else f"{section.kind} (damaged)"
        parts.append((kind, section.size_bytes))
        end = section.offset + section.size_bytes
    if about.size_bytes > end:
        parts.append(("cut short", about.size_bytes - end))
    return parts


def to_markdown(report: Report) -> str:
    """Write one Markdown table: a row a version, the best of those of one size in bold."""
    versions = [*report.versions, *report.codecs]
    head = ["", "bytes", "bpp", *(label(metric) for metric in report.metrics)]
    lines = [_line(head), _line(["---"] + ["--:"] * (len(head) - 1))]
    winners = {metric.name: best(metric, versions) for metric in report.metrics}
    for number, version in enumerate(versions):
        cells = [_markdown(version.title), size_text(version)]
        cells.append(f"{rate(report, version):.3f}")
        for metric in report.metrics:
            text = shown(metric, version.compared.metrics[metric.name])
            cells.append(f"**{text}**" if number in winners[metric.name] else text)
        lines.append(_line(cells))
    if note := interpolated_text(versions):
        lines.append(f"\n{_markdown(note)}")
    lines += [f"\nLeft out: {_markdown(reason)}." for reason in left_out(report)]
    return "\n".join(lines)


def damage_rows(damaged: Damaged) -> list[list[str]]:
    """The table of a damaged file: a head, the file undamaged, then each kind of damage.

    Of each metric the mean over seeds and the worst seed.
    """
    metrics = [METRICS[name] for name in damaged.undamaged]
    rows = [["", *(t for m in metrics for t in (label(m), f"{m.title}, worst"))]]
    clean = [shown(m, damaged.undamaged[m.name]) for m in metrics]
    rows.append(["undamaged", *(text for value in clean for text in (value, value))])
    found = {(o.kind, o.level, o.metric): o for o in damaged.outcomes}
    for kind, level in dict.fromkeys((o.kind, o.level) for o in damaged.outcomes):
        those = [found[kind, level, m.name] for m in metrics]
        values = [
            (shown(m, o.mean), shown(m, o.worst)) for m, o in zip(metrics, those, strict=True)
        ]
        lost = f"; {those[0].lost} of {len(those[0].values)} without an image"
        text = f"{TITLES[kind]} {level:g}" + (lost if those[0].lost else "")
        rows.append([text, *(text for pair in values for text in pair)])
    return rows


def left_out(report: Report) -> list[str]:
    """Say in a sentence each why metrics and codecs are missing."""
    return [f"{name} {why}" for name, why in report.unavailable.items()] + [
        *report.failures.values()
    ]


def _line(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    """Text that Markdown shows as it is."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{c}" if c in r"\|`*_[]" else c for c in text if c.isprintable())
