"""Rate and distortion of the coordinate network on the 24 Kodak photographs, at one rate.

    python -m benchmarks.kodak_siren --data ../shared/data/kodak

Each picture is encoded by `inrcodec.encode` under a time limit, and the numbers come from the file:
bytes are its length, PSNR that of its decode. Rows go to results/kodak_siren.jsonl as they are
made; a run skips what is there, so it can be stopped and started again. Two processes of one thread
each use two cores better than one process of two threads; a picture never has more than that.
"""

import argparse
import json
import platform
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "kodak_siren.jsonl"
TABLE = RESULTS.with_suffix(".md")


def measure(path: Path, settings: dict) -> dict:
    """Encode and decode one picture; a row of the table."""
    import torch

    import inrcodec
    from inrcodec.image_input import read_image
    from inrcodec.pixels import psnr

    torch.set_num_threads(settings["threads"])
    start = time.perf_counter()
    file = inrcodec.encode(path, **settings)
    encoded = time.perf_counter()
    pixels = inrcodec.decode(file, threads=settings["threads"])
    decoded = time.perf_counter()
    about = inrcodec.info(file)
    return {
        "image": path.stem,
        "size_bytes": len(file),
        "bits_per_pixel": about.bits_per_pixel,
        "psnr_db": psnr(read_image(path).pixels, pixels),
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    parser.add_argument("--bpp", type=float, default=0.306)
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    settings = {
        "bpp": arguments.bpp,
        "time_limit": arguments.seconds,
        "threads": arguments.threads,
        "seed": 0,
    }
    pictures = sorted(arguments.data.glob("kodim*.png"))
    if not pictures:
        raise SystemExit(f"no kodim*.png in {arguments.data}")
    RESULTS.parent.mkdir(exist_ok=True)
    rows = [json.loads(line) for line in RESULTS.open()] if RESULTS.exists() else []
    done = {row["image"] for row in rows if settings.items() <= row.items()}
    missing = [path for path in pictures if path.stem not in done]
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        for future in as_completed(pool.submit(measure, path, settings) for path in missing):
            row = future.result()
            rows.append(row)
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(
                row["image"], f"{row['bits_per_pixel']:.4f} bpp {row['psnr_db']:.2f} dB", flush=True
            )
    write_tables(rows)


def write_tables(rows: list[dict]) -> None:
    """A Markdown table for each rate and time limit."""
    runs = sorted({(row["bpp"], row["time_limit"]) for row in rows})
    parts = []
    for bpp, seconds in runs:
        chosen = [r for r in rows if (r["bpp"], r["time_limit"]) == (bpp, seconds)]
        parts.append(
            f"## At most {bpp} bpp, {seconds:g} s and one thread a picture\n\n{table(chosen)}"
        )
    TABLE.write_text("\n".join(parts))


def table(rows: list[dict]) -> str:
    """The rows and their mean as Markdown."""
    rows = sorted(rows, key=lambda row: row["image"])
    lines = [
        "| image | bytes | bpp | PSNR (dB) | encode (s) | decode (s) |",
        "|---|---|---|---|---|---|",
    ]
    columns = ("size_bytes", "bits_per_pixel", "psnr_db", "encode_s", "decode_s")
    mean = {"image": f"mean of {len(rows)}"}
    mean |= {key: sum(row[key] for row in rows) / len(rows) for key in columns}
    for row in [*rows, mean]:
        lines.append(
            f"| {row['image']} | {row['size_bytes']:.0f} | {row['bits_per_pixel']:.4f} "
            f"| {row['psnr_db']:.2f} | {row['encode_s']:.1f} | {row['decode_s']:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
