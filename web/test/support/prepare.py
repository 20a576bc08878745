"""Writes what the tests of the npm package compare with, by the Python package.

    python web/test/support/prepare.py FOLDER

photo.inr is a photograph of 768 x 512 pixels, the usual model and no fit, photo.rgb its samples.
native.json says how much processor time the package takes to decode it on one thread, and as which
error it refuses each invalid vector.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

import inrcodec
from inrcodec.errors import FormatError, LimitError, TruncatedError

RUNS = 5
INVALID = Path(__file__).parents[3] / "tests" / "vectors" / "invalid"


def code_of(file: bytes) -> str:
    """What the npm package calls the error of a file."""
    try:
        inrcodec.decode(file)
    except TruncatedError:
        return "truncated"
    except LimitError:
        return "limit"
    except FormatError as error:
        return "initial" if "initialisation" in str(error) else "format"
    return "none"


def main() -> None:
    """Run from the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(data.coffee()).resize((768, 512), Image.Resampling.LANCZOS)
    file = inrcodec.encode(np.asarray(picture), effort=0, threads=1)
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        pixels = inrcodec.decode(file, threads=1)
        times.append(1000 * (time.process_time() - start))
    (folder / "photo.inr").write_bytes(file)
    (folder / "photo.rgb").write_bytes(pixels.tobytes())
    codes = {path.stem: code_of(path.read_bytes()) for path in sorted(INVALID.glob("*.inr"))}
    (folder / "native.json").write_text(json.dumps({"decode_ms": min(times), "codes": codes}))


if __name__ == "__main__":
    main()
