"""What cutting latent grids into slices costs in bytes.

    python -m benchmarks.streaming.slices

Three Kodak photographs at two rates (`coolchic`, effort 1), the same symbols in slices of several
sides: whole files, in percent of the file without slices.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import inrcodec
from inrcodec.codec.families.reslice import resliced
from inrcodec.streaming.layers import slice_side

RESULTS = Path(__file__).parents[1] / "results/streaming/slices.json"

PICTURES, RATES = ("kodim03", "kodim08", "kodim23"), (1.0, 0.25)
SIDES = (32, 48, 64, 96, 128, 192, 256)


def main() -> None:
    """Encode, cut, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    arguments = parser.parse_args()
    rows = []
    for bpp in RATES:
        for picture in PICTURES:
            path = arguments.data / f"{picture}.png"
            file = inrcodec.encode(path, bpp=bpp, effort=1, threads=1)
            more = {side: 100 * (len(resliced(file, side)) / len(file) - 1) for side in SIDES}
            row = {"picture": picture, "bpp": bpp, "bytes": len(file), "chosen": slice_side(file)}
            rows.append(row | {"more_percent": more})
            shown = ", ".join(f"{side}: {value:.1f}" for side, value in more.items())
            print(picture, bpp, len(file), f"chosen {row['chosen']};", shown, flush=True)
    RESULTS.write_text(
        json.dumps({"inrcodec": inrcodec.__version__, "rows": rows}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
