"""Rate and distortion of a coordinate network on the 24 Kodak photographs, at one rate.

    python -m benchmarks.networks.kodak --data ../shared/data/kodak

Each image is encoded by `inrcodec.encode` under a time limit, and the numbers come from the file:
bytes are its length, PSNR that of its decode. Rows go to results/networks/kodak.jsonl as they are
made; a run skips what is there, so it can be stopped and started again. Two processes of one thread
each use two cores better than one process of two threads; an image never has more than that. The
rows of pe-siren are of an earlier version, before compiled kernels, and have no MS-SSIM.
"""

import platform
import time
from functools import partial
from pathlib import Path

from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of

RESULTS = Path(__file__).parents[1] / "results/networks/kodak.jsonl"
TABLE = RESULTS.with_suffix(".md")


def measure(path: Path, settings: dict) -> dict:
    """Encode and decode one picture; a row of the table."""
    import torch

    import inrcodec
    from inrcodec.images.reading import read_image
    from inrcodec.metrics.quality.ssim import ms_ssim
    from inrcodec.pixels import psnr

    torch.set_num_threads(settings["threads"])
    start = time.perf_counter()
    file = inrcodec.encode(path, **settings)
    encoded = time.perf_counter()
    pixels = inrcodec.decode(file, threads=settings["threads"])
    decoded = time.perf_counter()
    about, reference = inrcodec.info(file), read_image(path).pixels
    return {
        "image": path.stem,
        "size_bytes": len(file),
        "bits_per_pixel": about.bits_per_pixel,
        "psnr_db": psnr(reference, pixels),
        "ms_ssim": float(ms_ssim(reference, pixels)),
        "encode_s": encoded - start,
        "decode_s": decoded - encoded,
        "parameters": about.parameters,
        "dimensions": about.dimensions,
        **settings,
        "inrcodec": inrcodec.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "kodak", processes=2, threads=1)
    parser.add_argument("--model", default="nif")
    parser.add_argument("--loss", default="lcssim")
    parser.add_argument("--loss-weight", type=float, help="Share of structure in the loss.")
    parser.add_argument(
        "--init", default="random", help="Initialisation of the networks: random or meta."
    )
    parser.add_argument("--bpp", type=float, default=0.318)
    parser.add_argument("--seconds", type=float, default=75)
    arguments = parser.parse_args()
    settings = {
        "model": arguments.model,
        "loss": arguments.loss,
        "loss_weight": arguments.loss_weight,
        "bpp": arguments.bpp,
        "time_limit": arguments.seconds,
        "threads": arguments.threads,
        "seed": 0,
        "init": arguments.init,
    }
    pictures = sorted(arguments.data.glob("kodim*.png"))
    if not pictures:
        raise SystemExit(f"no kodim*.png in {arguments.data}")
    RESULTS.parent.mkdir(exist_ok=True)
    rows = stored_rows(RESULTS, {"alpha": "loss_weight"})
    rows = [{"init": "random", **row} for row in rows]
    done = {row["image"] for row in rows if settings.items() <= row.items()}
    missing = [path for path in pictures if path.stem not in done]
    work = partial(measure, settings=settings)
    for row in run_jobs(RESULTS, missing, work, **workers_of(arguments)):
        rows.append(row)
        print(row["image"], f"{row['bits_per_pixel']:.4f} bpp {row['psnr_db']:.2f} dB", flush=True)
    write_tables(rows)


def write_tables(rows: list[dict]) -> None:
    """A Markdown table for each rate and time limit."""
    kinds = ("model", "loss", "loss_weight", "init", "bpp", "time_limit")
    runs = sorted({tuple(row[kind] for kind in kinds) for row in rows}, key=str)
    parts = []
    for run in runs:
        chosen = [row for row in rows if tuple(row[kind] for kind in kinds) == run]
        model, loss, weight, init, bpp, seconds = run
        share = "" if weight is None else f" of weight {weight}"
        begins = "" if init == "random" else ", meta-learned initialisation"
        spent = f"at most {bpp} bpp, {seconds:g} s and one thread an image"
        title = f"## {model}, {loss}{share}{begins}: {spent}"
        parts.append(f"{title}\n\n{table(chosen)}")
    TABLE.write_text("\n".join(parts))


def table(rows: list[dict]) -> str:
    """The rows and their mean as Markdown."""
    rows = sorted(rows, key=lambda row: row["image"])
    lines = [
        "| image | bytes | bpp | PSNR (dB) | MS-SSIM | encode (s) | decode (s) |",
        "|---|---|---|---|---|---|---|",
    ]
    columns = ["size_bytes", "bits_per_pixel", "psnr_db", "encode_s", "decode_s"]
    columns += ["ms_ssim"] if all("ms_ssim" in row for row in rows) else []
    mean = {"image": f"mean of {len(rows)}"}
    mean |= {key: sum(row[key] for row in rows) / len(rows) for key in columns}
    for row in [*rows, mean]:
        structure = f"{row['ms_ssim']:.4f}" if "ms_ssim" in row else ""
        lines.append(
            f"| {row['image']} | {row['size_bytes']:.0f} | {row['bits_per_pixel']:.4f} "
            f"| {row['psnr_db']:.2f} | {structure} | {row['encode_s']:.1f} "
            f"| {row['decode_s']:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
