"""Compare at one size: which files agree in size, and what a codec reaches between two of its own.

A difference of 7 % in bytes is worth about 0.3 dB of a photograph, as much as codecs differ by: no
file is called best beside one of another size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from inrcodec.metrics.metric_facts import Metric
from inrcodec.metrics.references.baselines import NEAR
from inrcodec.metrics.report.records import Interpolated, Version


def at_size(files: Sequence[Version], size_bytes: int) -> tuple[Version, tuple[Version, ...]]:
    """Return a codec's file nearest to a size, and its other files.

    `files` is one, or two around the size: then the nearest is given what the codec would reach at
    the size, unless a metric has no finite value to interpolate.
    """
    nearest, *others = sorted(files, key=lambda v: abs(math.log(v.size_bytes / size_bytes)))
    between = tuple(sorted(version.size_bytes for version in files))
    if len(between) == 2:
        metrics = interpolate(files[0], files[1], size_bytes)
        if all(map(math.isfinite, metrics.values())):
            found = Interpolated(size_bytes=size_bytes, metrics=metrics, between=between)
            nearest = replace(nearest, interpolated=found)
    return nearest, tuple(others)


def interpolate(first: Version, second: Version, size_bytes: int) -> dict[str, float]:
    """The metrics at a size, linear in the logarithm of the size between two files."""
    span = math.log(second.size_bytes / first.size_bytes)
    share = math.log(size_bytes / first.size_bytes) / span
    return {
        name: value + share * (second.metrics[name] - value)
        for name, value in first.metrics.items()
    }


def best(metric: Metric, versions: Sequence[Version]) -> set[int]:
    """Find the versions with the best value, by number, among those of the size of the first.

    None where fewer than two have that size, or all values are equal.
    """
    size = versions[0].size_bytes
    values = {
        number: version.compared.metrics[metric.name]
        for number, version in enumerate(versions)
        if abs(version.compared.size_bytes - size) <= NEAR * size
    }
    numbers = [value for value in values.values() if not math.isnan(value)]
    if len(set(numbers)) < 2:
        return set()
    top = max(numbers) if metric.higher_is_better else min(numbers)
    return {number for number, value in values.items() if value == top}


def interpolations(versions: Sequence[Version]) -> Mapping[str, tuple[int, int]]:
    """The codecs whose values are interpolated, and the sizes between which they are."""
    return {v.title: v.interpolated.between for v in versions if v.interpolated is not None}
