"""A trained start beside a random one, by steps of a fit: what `--init meta` is worth.

    python -m benchmarks.starts

Kodak 5 and 23 as wholes, the first start that comes with the package, files of at most 9000 bytes,
seed 0, one thread. PSNR is of the whole picture, before rounding to 8 bit.
"""

import argparse
import json
import math
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inrcodec
from inrcodec.codec.coordinate_starts import TrainedStart, phase_start, shipped
from inrcodec.codec.fit import Budget, Fitting
from inrcodec.codec.pixel_grids import picture_error
from inrcodec.image_input import read_image
from inrcodec.pixels import Samples

RESULTS = Path(__file__).parent / "results" / "starts.json"
TABLE = RESULTS.with_suffix(".md")

PICTURES, STEPS, TARGET_BYTES = ("kodim05", "kodim23"), (30, 60, 150, 300, 600, 1500), 9000


def main() -> None:
    """Fit, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start, rows = shipped()[0], {}
    for picture in PICTURES:
        pixels = read_image(arguments.data / f"{picture}.png").pixels
        for name, trained in (("random", None), ("trained", start)):
            found = [decibels(pixels, start, trained, steps) for steps in STEPS]
            rows[f"{picture}, {name}"] = found
            print(picture, name, [round(value, 2) for value in found], flush=True)
    report = {"start": f"{start.identity:08x}", "steps": STEPS, "psnr": rows}
    report |= {"inrcodec": inrcodec.__version__, "torch": torch.__version__}
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    text = [f"| steps | {' | '.join(map(str, STEPS))} |", "|---" * (len(STEPS) + 1) + "|"]
    text += [f"| {n} | {' | '.join(f'{v:.2f}' for v in found)} |" for n, found in rows.items()]
    TABLE.write_text("\n".join(text) + "\n")
    print(TABLE.read_text())


def decibels(
    pixels: Samples, start: TrainedStart, trained: TrainedStart | None, steps: int
) -> float:
    """PSNR of the file of a fit of the start's network."""
    model = start.model_for(pixels.shape[1], pixels.shape[0])
    begin = phase_start(model)
    fitting = Fitting(pixels, model, Budget(steps, TARGET_BYTES), start=begin, trained=trained)
    for _ in fitting:
        pass
    values = fitting.best().values()
    parameters = {name: torch.from_numpy(value) for name, value in values.items()}
    return -10 * math.log10(picture_error(model, parameters, pixels))


if __name__ == "__main__":
    main()
