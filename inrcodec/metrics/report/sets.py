"""Several images in one report: mean rate-distortion curves, and BD-rates by every metric.

    rows = [measured(report) for report in reports]     # of `evaluation`, one an image
    whole = image_set(settings, rows, "inrcodec report ...")
    whole.bd_rates("jpeg")

Every image has the same number of files, one a setting. A reference codec is compared at their
sizes: what it reaches there lies between its own files, linear in the logarithm of the size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from inrcodec.errors import OptionError, RateError
from inrcodec.jsonable import finite
from inrcodec.metrics.curves.bd import FEWEST_POINTS, bd_rate
from inrcodec.metrics.metric_facts import Metric
from inrcodec.metrics.metric_table import metric as metric_named
from inrcodec.metrics.references.baselines import NEAR
from inrcodec.metrics.report.pictures import thumbnail
from inrcodec.metrics.report.records import Report, Version
from inrcodec.metrics.report.sections import family

HEADLINE_METRICS = 3
"""How many of the first metrics a list of images shows."""

FILES = "files"
"""The key of the files that the report is about, beside the names of reference codecs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What was measured of one file; `Version` without its bytes and pixels."""

    size_bytes: int
    bits_per_pixel: float
    metrics: Mapping[str, float]
    encode_s: float | None
    decode_s: float
    encode_memory_bytes: int | None
    decode_memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The numbers of one image: of each codec its files, smallest first.

    `sizes` are the bytes of the files that the report is about, by setting; `titles` name `FILES`
    and the codecs for people. `failures` say of codecs why they are missing. `thumbnail` is a data
    URI. `to_json` and `from_json` are inverse.
    """

    name: str
    pixels: int
    sizes: tuple[int, ...]
    files: Mapping[str, tuple[Numbers, ...]]
    titles: Mapping[str, str]
    failures: Mapping[str, str]
    software: Mapping[str, str]
    threads: int
    thumbnail: str = ""

    def to_json(self) -> dict[str, Any]:
        """As dictionaries and lists that strict JSON can say."""
        plain: dict[str, Any] = finite(asdict(self))
        return plain

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Measured:
        """Read what `to_json` gave."""
        files = {
            codec: tuple(
                Numbers(**{**n, "metrics": {m: float(v) for m, v in n["metrics"].items()}})
                for n in group
            )
            for codec, group in value["files"].items()
        }
        return cls(**{**value, "files": files, "sizes": tuple(value["sizes"])})

    def at(self, codec: str, setting: int, metric: str) -> float:
        """A metric at the size of the file of a setting; NaN where the codec has no such size."""
        size = self.sizes[setting]
        found = self.files.get(codec, ())
        if codec == FILES:
            return next(v.metrics[metric] for v in found if v.size_bytes == size)
        sizes = [math.log(version.size_bytes) for version in found]
        values = [version.metrics[metric] for version in found]
        if not sizes or not sizes[0] - NEAR <= math.log(size) <= sizes[-1] + NEAR:
            return math.nan
        return float(np.interp(math.log(size), sizes, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """The mean BD-rate of a codec over images, in percent; `images` counts those that have one.

    `reason` says why there is none.
    """

    value: float
    images: int
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """All images of a report; `metrics` are those that every file has."""

    settings: tuple[str, ...]
    metrics: tuple[Metric, ...]
    images: tuple[Measured, ...]
    titles: Mapping[str, str]
    failures: Mapping[str, str]
    software: Mapping[str, str]
    threads: int
    command: str

    def means(self, codec: str, metric: str) -> list[tuple[float, float]]:
        """Mean bits per pixel and mean metric over images, by setting; finite ones alone."""
        points = []
        for setting in range(len(self.settings)):
            value = float(np.mean([image.at(codec, setting, metric) for image in self.images]))
            if math.isfinite(value):
                points.append((self.bits_per_pixel(setting), value))
        return sorted(points)

    def bits_per_pixel(self, setting: int) -> float:
        """The mean over images."""
        return float(np.mean([8 * image.sizes[setting] / image.pixels for image in self.images]))

    def mean_of(self, codec: str, field: str) -> float | None:
        """The mean of a time or of memory over all files of a codec; None where one is unknown."""
        values = [
            getattr(version, field)
            for image in self.images
            for version in image.files.get(codec, ())
        ]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    def outlyingness(self) -> dict[str, float]:
        """By name of an image, how much worse than the others its files are: the most, over
        settings and the first metrics, of (median - value) / deviation, signed so that more is
        worse, where the deviation is 1.4826 times the median of absolute differences from the
        median (that of a normal distribution). 0 for what is no worse than the median."""
        found = dict.fromkeys((image.name for image in self.images), 0.0)
        for metric in self.metrics[:HEADLINE_METRICS]:
            for setting in range(len(self.settings)):
                values = np.array([image.at(FILES, setting, metric.name) for image in self.images])
                known = values[np.isfinite(values)]
                if not known.size:
                    continue
                median = float(np.median(known))
                deviation = 1.4826 * float(np.median(np.abs(known - median)))
                worse = (median - values) * (1 if metric.higher_is_better else -1)
                for image, distance in zip(self.images, worse, strict=True):
                    if deviation > 0 and math.isfinite(distance):
                        found[image.name] = max(found[image.name], float(distance / deviation))
        return found

    def bd_rate(self, anchor: str, codec: str, metric: Metric) -> Mean:
        """The mean over images of a codec's BD-rate against an anchor, each by its own files."""
        values, reason = [], None
        for image in self.images:
            curves = [_curve(image, name, metric.name) for name in (anchor, codec)]
            fewest = min(len(rates) for rates, _ in curves)
            method = "akima" if fewest >= FEWEST_POINTS["akima"] else "pchip"
            try:
                delta = bd_rate(*curves, method=method, higher_is_better=metric.higher_is_better)
            except (RateError, OptionError) as error:
                reason = str(error)
                continue
            values.append(delta.value)
        mean = float(np.mean(values)) if values else math.nan
        return Mean(value=mean, images=len(values), reason=reason)


def measured(report: Report) -> Measured:
    """Keep the numbers of one image's report, and none of its pixels."""
    files: dict[str, list[Version]] = {FILES: list(report.versions)}
    for version in (*report.codecs, *report.curve):
        files.setdefault(version.name, []).append(version)
    return Measured(
        name=report.reference.name,
        pixels=report.picture.width * report.picture.height,
        sizes=tuple(version.size_bytes for version in report.versions),
        files={name: _smallest_first(group) for name, group in files.items()},
        titles=titles_of(report),
        failures=report.failures,
        software=report.software,
        threads=report.threads,
        thumbnail=thumbnail(report.picture),
    )


def titles_of(report: Report) -> dict[str, str]:
    """How people call the files and the codecs of a report."""
    named = {version.name: version.title for version in (*report.codecs, *report.curve)}
    return {FILES: family(report.versions[0])} | named


def _smallest_first(versions: Sequence[Version]) -> tuple[Numbers, ...]:
    """Each size once, in order."""
    by_size = {version.size_bytes: _numbers(version) for version in versions}
    return tuple(by_size[size] for size in sorted(by_size))


def _numbers(version: Version) -> Numbers:
    """Drop bytes and pixels."""
    return Numbers(**{field.name: getattr(version, field.name) for field in fields(Numbers)})


def _curve(image: Measured, codec: str, metric: str) -> tuple[list[float], list[float]]:
    """Rates and finite values of a codec's own files."""
    kept = [v for v in image.files.get(codec, ()) if math.isfinite(v.metrics[metric])]
    return [v.bits_per_pixel for v in kept], [v.metrics[metric] for v in kept]


def image_set(settings: Sequence[str], rows: Sequence[Measured], command: str) -> ImageSet:
    """Put the images of one command together, at least one."""
    every = [numbers for row in rows for group in row.files.values() for numbers in group]
    shared = [name for name in every[0].metrics if all(name in n.metrics for n in every)]
    return ImageSet(
        settings=tuple(settings),
        metrics=tuple(map(metric_named, shared)),
        images=tuple(rows),
        titles={name: title for row in reversed(rows) for name, title in row.titles.items()},
        failures={name: why for row in rows for name, why in row.failures.items()},
        software=rows[0].software,
        threads=rows[0].threads,
        command=command,
    )


def to_dict(whole: ImageSet) -> dict[str, Any]:
    """Convert to plain dictionaries and lists: means, BD-rates against the first codec, images."""
    codecs = [name for name in whole.titles if name != FILES]
    anchor = codecs[0] if codecs else None
    compared = [FILES, *codecs[1:]] if codecs else []
    return {
        "settings": list(whole.settings),
        "bits_per_pixel": [whole.bits_per_pixel(n) for n in range(len(whole.settings))],
        "means": {
            codec: {m.name: [v for _, v in whole.means(codec, m.name)] for m in whole.metrics}
            for codec in whole.titles
        },
        "anchor": anchor,
        "bd_rates": {
            codec: {m.name: _rate(whole.bd_rate(str(anchor), codec, m)) for m in whole.metrics}
            for codec in compared
        },
        "images": [image_dict(image) for image in whole.images],
        "failures": dict(whole.failures),
        "threads": whole.threads,
        "software": dict(whole.software),
        "command": whole.command,
    }


def _rate(mean: Mean) -> dict[str, Any]:
    """A BD-rate, or why there is none."""
    if mean.images:
        return {"percent": mean.value, "images": mean.images}
    return {"images": 0, "reason": mean.reason}


def image_dict(image: Measured) -> dict[str, Any]:
    """The numbers of one image as plain dictionaries and lists."""
    return {
        "name": image.name,
        "pixels": image.pixels,
        "sizes_bytes": list(image.sizes),
        "files": {
            codec: [asdict(numbers) for numbers in group] for codec, group in image.files.items()
        },
    }
