"""Processor time of decoding beside what `max_work` counts for it, for every family.

    python -m benchmarks.speed.decode_work

Random networks and grids on one thread; the best of three. With INRCODEC_NATIVE=0 it measures what
the package does without compiled kernels, and writes no table.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import inrcodec
from benchmarks.common import parser_of
from inrcodec.codec import native
from inrcodec.codec.families import decoder_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Family
from inrcodec.codec.view import view_of
from tests import latent_files, network_files

RESULTS = Path(__file__).parents[1] / "results/speed/decode_work.json"
TABLE = RESULTS.with_suffix(".md")
REPEATS = 3

NETWORKS = {
    Family.SIREN: [(8, 3), (64, 4), (256, 4), (1024, 1)],
    Family.PE_SIREN: [(8, 3, 8), (64, 4, 16), (256, 6, 16), (1024, 1, 16)],
    Family.NIF: [(16, 4, 2, 16, 8, 64, 24, 14), (16, 4, 0, 256, 97, 56)],
    Family.FOURIER: [(64, 4, 32), (256, 4, 128), (4, 1, 1024)],
    Family.MFN_FOURIER: [(64, 4), (256, 4), (1024, 1)],
    Family.MFN_GABOR: [(64, 4), (256, 4), (1024, 1)],
    Family.WIRE: [(64, 4), (256, 2), (1024, 1)],
    Family.DINER: [(64, 2), (256, 2)],
    Family.SPINR: [(64, 4, 16), (256, 4, 16), (1024, 1, 16)],
}
SIDE = 256
GRIDS = {"highest": (7, 24, 24, 40), "high": (7, 16, 16, 32), "low": (7, 8, 4, 6)}
LARGEST_GRIDS = (10, 24, 64, 64)


def files() -> Iterator[tuple[str, bytes]]:
    """Names and files."""
    for family, sizes in NETWORKS.items():
        for dimensions in sizes:
            name = f"{family.label} {' '.join(map(str, dimensions))}"
            yield name, network_files.random_file(family, SIDE, SIDE, dimensions)
    names = ("levels", "neighbours", "arm_width", "synthesis_width")
    for label, sizes in {**GRIDS, "largest": LARGEST_GRIDS}.items():
        named = dict(zip(names, sizes, strict=True))
        yield f"coolchic {label}", latent_files.random_file(Family.COOLCHIC, 512, 512, **named)
    yield (
        "coolchic, slices of 8",
        latent_files.random_file(Family.COOLCHIC, SIDE, SIDE, slice_side=8),
    )


def measure(name: str, data: bytes) -> dict:
    """Both figures of one file."""
    container = bitstream.read(data)
    header = container.header
    view = view_of(header.width, header.height, None, None, None)
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        with np.errstate(all="ignore"):
            inrcodec.decode(data, threads=1, max_work=1e6)
        seconds.append(time.process_time() - start)
    counted = decoder_of(header).work_s(container, view)
    pixels = header.width * header.height
    found = {"counted": counted / pixels * 1e9, "measured": min(seconds) / pixels * 1e9}
    return {"file": name, **{key: round(value, 1) for key, value in found.items()}}


def main() -> None:
    """Measure and write the table."""
    parser_of(__doc__).parse_args()
    rows = []
    for name, data in files():
        rows.append(measure(name, data))
        print(rows[-1], flush=True)
    level = next((name for name in native.LEVELS if native.load(name)), "none")
    if native.library() is None:
        return
    RESULTS.write_text(json.dumps({"kernels": level, "rows": rows}, indent=1) + "\n")
    text = ["Nanoseconds a pixel of one core, decoding at the image's own size:", ""]
    text += ["| file | counted | measured |", "|---|---|---|"]
    text += [f"| {row['file']} | {row['counted']} | {row['measured']} |" for row in rows]
    TABLE.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
