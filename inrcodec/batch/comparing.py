"""What a job of a comparison does with one pair of images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from inrcodec.batch.making import Source
from inrcodec.jsonable import finite
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.options import ReportOptions
from inrcodec.metrics.report.pair import judge_pair


def compared(
    sources: Sequence[Source], path: str, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """Judge the second source against the first; return the row as a file of JSON, and a report
    that has the row and the numbers for a page.

    `options` are fields of `ReportOptions`, the `title` of the second images, and the `name` of
    the pair. Raises `InrCodecError`.
    """
    fields = {key: value for key, value in options.items() if key not in ("title", "name")}
    first, second = (File(source.name, source.data) for source in sources)
    row, numbers = judge_pair(first, second, ReportOptions(**fields), title=options["title"])
    plain = finite(row)
    measured = {**numbers.to_json(), "name": options["name"]}
    return json.dumps(plain, indent=1).encode() + b"\n", {"row": plain, "measured": measured}
