"""Judge one image against another: what `inrcodec compare` says of a pair."""

from __future__ import annotations

from typing import Any

from inrcodec.metrics.judge import Judge
from inrcodec.metrics.metric_choice import ChosenMetrics
from inrcodec.metrics.metric_table import DEFAULT_METRICS
from inrcodec.metrics.report.evaluation import software
from inrcodec.metrics.report.files import File, Opened, check_same_size, open_file
from inrcodec.metrics.report.options import ReportOptions
from inrcodec.metrics.report.pictures import thumbnail
from inrcodec.metrics.report.sets import FILES, Measured, Numbers

Row = dict[str, Any]


def judge_pair(
    reference: File, decoded: File, options: ReportOptions, *, title: str = ""
) -> tuple[Row, Measured]:
    """Measure how much `decoded` differs from `reference`; the metrics are those of `options`.

    The row has the size, the metrics, their notes, and why any were left out; `Measured` has the
    same numbers for a page of many pairs, where the second files are called `title`. A metric that
    was asked for by name and cannot be used is an error. Raises `InrCodecError`.
    """
    from inrcodec.codec.runtime import torch_threads

    first, second = (open_file(file, **options.decoding) for file in (reference, decoded))
    picture = first.picture
    check_same_size(first, second.file, (second.picture.width, second.picture.height))
    chosen = ChosenMetrics(options.metrics, DEFAULT_METRICS, allow_download=options.allow_download)
    names, skipped = chosen.usable(reference.name, picture)
    with torch_threads(options.threads):
        judge = Judge(picture, names, **options.judging)
        values = judge.score(second.picture)
    row = {
        "reference": reference.name,
        "decoded": decoded.name,
        "width": picture.width,
        "height": picture.height,
        "metrics": values,
        "notes": judge.notes(),
        "skipped": skipped,
    }
    shown = {key: value for key, value in row.items() if value != {} or key == "metrics"}
    return shown, _measured(first, second, values, options, title)


def _measured(
    first: Opened, second: Opened, values: dict[str, float], options: ReportOptions, title: str
) -> Measured:
    """The numbers of a pair as those of an image with one file."""
    pixels = first.picture.width * first.picture.height
    size = len(second.file.data)
    numbers = Numbers(
        size_bytes=size,
        bits_per_pixel=8 * size / pixels,
        metrics=values,
        encode_s=None,
        decode_s=second.decode_s,
        encode_memory_bytes=None,
        decode_memory_bytes=None,
    )
    return Measured(
        name=first.file.name,
        pixels=pixels,
        sizes=(size,),
        files={FILES: (numbers,)},
        titles={FILES: title},
        failures={},
        software=software(with_codecs=False),
        threads=options.threads or 1,
        thumbnail=thumbnail(first.picture),
    )
