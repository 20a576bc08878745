"""Bytes a parameter and what they cost: our quantiser beside float16, zstandard and 8 bit.

    python -m benchmarks.networks.parameter_bytes

The middle 256 x 256 pixels of Kodak 5 and 23, a network of `pe-siren` and of `nif` each, 3000
steps, seed 0. "Ours" is a fit of as many steps with that many bits a parameter for its payload,
finish included, as an encoder makes it; the other rows store the network of a float fit: as
float32, as float16, 8 bits by the largest magnitude of each tensor, all three through zstandard
(level 19), and 8 bits through our entropy coder. PSNR is of the whole picture, before rounding to
8 bit.
"""

import argparse
import json
import math
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import zstandard

import inrcodec
from inrcodec.codec.entropy.prior import step_code
from inrcodec.codec.entropy.quantized import Tensors
from inrcodec.codec.fitting.networks.batches import image_error
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.steps import quantize
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.init_tables import phase_initialisation
from inrcodec.codec.networks.sizes import ImageShape, network_of
from inrcodec.images.reading import read_image
from inrcodec.pixels import Samples, middle

RESULTS = Path(__file__).parents[1] / "results/networks/parameter_bytes.jsonl"
TABLE = RESULTS.with_suffix(".md")

PICTURES, MODELS, SIDE = ("kodim05", "kodim23"), ("pe-siren", "nif"), 256
PARAMETERS, STEPS = 12000, 3000
BITS = (4.5, 6.0, 8.0, 10.0)


def main() -> None:
    """Fit, store in every way, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for picture in PICTURES:
        pixels = middle(read_image(arguments.data / f"{picture}.png").pixels, SIDE, SIDE)
        for name in MODELS:
            model = network_of(ImageShape(SIDE, SIDE, 3), name, PARAMETERS)
            for way, size, decibels in stored(pixels, model):
                count = model.parameter_count
                row = {"picture": picture, "model": name, "parameters": count, "way": way}
                row |= {"bytes": size, "bits": size * 8 / count, "psnr": decibels}
                rows.append(row | {"inrcodec": inrcodec.__version__, "torch": torch.__version__})
                print(picture, name, way, size, f"{decibels:.2f}", flush=True)
    RESULTS.write_text("".join(json.dumps(row) + "\n" for row in rows))
    TABLE.write_text(table(rows))
    print(TABLE.read_text())


def stored(pixels: Samples, model: CoordinateModel) -> list[tuple[str, int, float]]:
    """(way, bytes, PSNR) of every way."""
    values = fitted(pixels, model, None).values()
    half = {n: v.astype(np.float16) for n, v in values.items()}
    steps = {n: step_code(max(float(np.abs(v).max()) / 127, 1e-9)) for n, v in values.items()}
    eight = quantize(values, steps)
    small = {n: s.astype(np.int8) for n, s in eight.symbols.items()}
    exact = psnr(values, model, pixels)
    rough = psnr({n: v.astype(np.float32) for n, v in half.items()}, model, pixels)
    coarse = psnr(eight.values(), model, pixels)
    rows = [
        ("float32", len(raw(values)), exact),
        ("float32, zstandard", zipped(values), exact),
        ("float16", len(raw(half)), rough),
        ("float16, zstandard", zipped(half), rough),
        ("8 bit, zstandard", zipped(small), coarse),
        ("8 bit, our entropy coder", len(eight.to_bytes()), coarse),
    ]
    for bits in BITS:
        target = int(model.parameter_count * bits / 8)
        best = fitted(pixels, model, target).best()
        rows.append(
            (f"ours, {bits:g} bits", len(best.to_bytes()), psnr(best.values(), model, pixels))
        )
    return rows


def fitted(pixels: Samples, model: CoordinateModel, target_bytes: int | None) -> NetworkFit:
    """A fit at its end."""
    fitting = NetworkFit(
        pixels, model, Budget(STEPS, target_bytes), residual_to=phase_initialisation(model)
    )
    for _ in fitting:
        pass
    return fitting


def raw(arrays: dict[str, Any]) -> bytes:
    """All arrays one after the other."""
    return b"".join(array.tobytes() for array in arrays.values())


def zipped(arrays: dict[str, Any]) -> int:
    """Their bytes through zstandard."""
    return len(zstandard.ZstdCompressor(level=19).compress(raw(arrays)))


def psnr(values: Tensors, model: CoordinateModel, pixels: Samples) -> float:
    """Of the picture of these parameters, dB."""
    parameters = {name: torch.from_numpy(np.asarray(value)) for name, value in values.items()}
    return -10 * math.log10(image_error(model, parameters, pixels))


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each way: bits a parameter and PSNR of every fit."""
    kinds = list(dict.fromkeys((row["picture"], row["model"]) for row in rows))
    ways = list(dict.fromkeys(row["way"] for row in rows))
    found = {(row["picture"], row["model"], row["way"]): row for row in rows}
    names = " | ".join(f"{model}, Kodak {int(picture[-2:])}" for picture, model in kinds)
    text = [f"Bits a parameter / PSNR (dB), {STEPS} steps:", "", f"| | {names} |"]
    text.append("|---" * (len(kinds) + 1) + "|")
    for way in ways:
        cells = [found[(*kind, way)] for kind in kinds]
        shown = " | ".join(f"{cell['bits']:.2f} / {cell['psnr']:.2f}" for cell in cells)
        text.append(f"| {way} | {shown} |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
