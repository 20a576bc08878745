"""What a job of a report does with one image and its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from inrcodec.batch.making import Source
from inrcodec.jsonable import finite
from inrcodec.metrics.report.evaluation import Evaluation
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.options import ReportOptions
from inrcodec.metrics.report.page import to_html
from inrcodec.metrics.report.sets import image_dict, measured
from inrcodec.metrics.report.text import left_out


def reported(
    sources: Sequence[Source], path: str, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """Judge the sources after the first against it; return the page, and a report that has the
    numbers as a row for programs and for the page of all images.

    `options` are fields of `ReportOptions`, the `settings` that the versions are of, and the `name`
    of the image. Raises `InrCodecError`.
    """
    fields = {key: value for key, value in options.items() if key not in ("settings", "name")}
    reference, *versions = sources
    files = [
        File(f"{setting}/{PurePath(version.name).name}", version.data)
        for setting, version in zip(options["settings"], versions, strict=True)
    ]
    job = Evaluation(File(options["name"], reference.data), files, ReportOptions(**fields))
    for _ in job:
        pass
    report = job.finish()
    numbers = measured(report)
    page = to_html(report).encode("utf-8", "replace")
    row = {**finite(image_dict(numbers)), "left_out": left_out(report)}
    return page, {"row": row, "measured": numbers.to_json()}
