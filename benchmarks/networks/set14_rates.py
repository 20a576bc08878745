"""Rate and distortion of sine networks on Set14 beside JPEG and JPEG 2000 of the same size.

    python -m benchmarks.networks.set14_rates --data ../shared/data/set14

After Figure 4 of "Streaming Neural Images" (Conde et al. 2024). Three kinds of rows, each with the
PSNR of JPEG 4:4:4 and JPEG 2000 in the largest file of at most as many bytes (of quality 90 and a
ratio of 2, smaller ones, where the network is larger than these; none where even the least quality
is larger than the network):

- `table 1`: SIREN of 66.8 thousand parameters as float32, 32 bits a parameter, the PSNR of the
  rows of `set14` (seed 0, 2000 steps), every picture;
- `float`: tiny networks of five sine layers 16, 32 and 64 wide, float32, 600 steps on 3072 pixels;
- `file`: what this codec writes with `--model siren` at effort 2, at 0.5 to 2 bits per pixel.

The last two are of few pictures and one seed. Rows go to results/networks/set14_rates.jsonl as they
are made; a run skips what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from benchmarks.networks import set14
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import SCHEDULE
from inrcodec.codec.networks import render
from inrcodec.codec.networks.init_tables import phase_initialisation
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.view import view_of
from inrcodec.errors import RateError
from inrcodec.images.reading import read_image
from inrcodec.metrics.references.baselines import codec_named, encode_to_size
from inrcodec.pixels import Samples, psnr

RESULTS = Path(__file__).parents[1] / "results/networks/set14_rates.jsonl"
TABLE = RESULTS.with_suffix(".md")

PICTURES = ("comic", "lenna")
SIZES: dict[str, tuple[float, ...]] = {
    "table 1": (128,),
    "float": (16, 32, 64),
    "file": (0.5, 1.0, 2.0),
}
"""Kinds of rows: the widths of their networks, or bits per pixel."""

CODECS = {"jpeg-444": 90, "jpeg2000": 2}
"""The codecs, and the best quality that is asked of each."""

SHOWN = ("bits_per_pixel", "psnr", *CODECS)

FLOAT_BYTES, STEPS, SHORT = 4, 600, replace(SCHEDULE, batch_pixels=3072)
Job = tuple[str, str, float]


def measure(job: Job, data: Path) -> dict[str, Any]:
    """One network of a picture, and what the codecs reach in as many bytes."""
    picture, kind, size = job
    torch.set_num_threads(1)
    pixels = read_image(data / f"{picture}.bmp").pixels
    size_bytes, decibels = network(picture, kind, size, pixels)
    area = pixels.shape[0] * pixels.shape[1]
    row = {"picture": picture, "kind": kind, "size": size, "size_bytes": size_bytes}
    row |= {"bits_per_pixel": 8 * size_bytes / area, "psnr": decibels}
    row["compression"] = pixels.size / size_bytes
    for name, best in CODECS.items():
        codec = codec_named(name)
        allowed = (q for q in codec.grid if (q <= best) == codec.larger_is_better or q == best)
        try:
            coded = encode_to_size(replace(codec, grid=tuple(allowed)), pixels, size_bytes)
        except RateError:
            row[name] = None
            continue
        row[name] = psnr(pixels, coded.pixels)
    return row | {"inrcodec": inrcodec.__version__, "torch": torch.__version__}


def network(picture: str, kind: str, size: float, pixels: Samples) -> tuple[int, float]:
    """Bytes and PSNR of a network."""
    if kind == "file":
        data = inrcodec.encode(pixels, model="siren", bpp=size, effort=2, threads=1, seed=0)
        return len(data), psnr(pixels, inrcodec.decode(data))
    model = Siren(int(size), 5, 0, pixels.shape[2])
    size_bytes = FLOAT_BYTES * model.parameter_count
    if kind == "table 1":
        rows = stored_rows(set14.RESULTS)
        return size_bytes, next(r["psnr"] for r in rows if set14.key(r) == (picture, "siren", 0))
    start = phase_initialisation(model)
    fitting = NetworkFit(pixels, model, Budget(STEPS, None), residual_to=start, schedule=SHORT)
    for _ in fitting:
        pass
    view = view_of(pixels.shape[1], pixels.shape[0], None, None, None)
    return size_bytes, psnr(pixels, render.render(model, fitting.values(), view, 8, 1, "cpu"))


def mean(rows: list[dict[str, Any]], field: str) -> float | None:
    """The mean of a field; None if a row has none."""
    values = [row[field] for row in rows]
    return None if None in values else fmean(values)


def cells(values: list[float | None]) -> str:
    """Values of a row of a table."""
    return " | ".join("-" if value is None else f"{value:.2f}" for value in values)


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each kind of network and size."""
    yield "Set14, PSNR in dB of a network and of codecs in at most as many bytes, means:\n"
    yield "| network | size | pictures | bits per pixel | here | JPEG | JPEG 2000 |"
    yield "|---|---|---|---|---|---|---|"
    for kind, sizes in SIZES.items():
        for size in sizes:
            those = [row for row in rows if (row["kind"], row["size"]) == (kind, size)]
            if those:
                shown = cells([mean(those, k) for k in SHOWN])
                yield f"| {kind} | {size:g} | {len(those)} | {shown} |"


def main() -> None:
    """Run what is missing, then write the table."""
    arguments = parser_of(__doc__, "set14").parse_args()
    every = sorted(path.stem for path in arguments.data.glob("*.bmp"))
    rows = stored_rows(RESULTS)
    done = {(row["picture"], row["kind"], row["size"]) for row in rows}
    jobs = [
        (picture, kind, size)
        for kind, sizes in SIZES.items()
        for size in sizes
        for picture in (every if kind == "table 1" else PICTURES)
    ]
    missing = [job for job in jobs if job not in done]
    work = partial(measure, data=arguments.data)
    for row in run_jobs(RESULTS, missing, work, **workers_of(arguments)):
        rows.append(row)
        print(*(row[k] for k in ("picture", "kind", "size")), end=" ")
        print(cells([row[k] for k in SHOWN]), flush=True)
    TABLE.write_text("\n".join(table(rows)) + "\n")
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
