"""What libjxl's tools say of pairs of images that every machine can make, as `libjxl.json`.

    python -m tests.metrics.quality.libjxl

writes it anew; `ssimulacra2` and `butteraugli_main` (Debian: libjxl-devtools) must be on the path.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from tests.metrics.noise import noisy

VALUES = Path(__file__).with_name("libjxl.json")
TOOLS = ("ssimulacra2", "butteraugli_main")


def pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """References and distorted images: odd sides, gray, alpha, 16 bit, the smallest size."""
    colour, gray = data.astronaut()[40:251, 100:427], data.camera()[:151, :200]
    alpha = np.tile(np.arange(119, dtype=np.uint8) * 2, (113, 1))
    overlaid = np.dstack([data.astronaut()[:113, :119], alpha])
    deep = data.astronaut()[60:160, 180:280].astype(np.uint16) * 257
    coffee = data.coffee()[:256, :384]
    return {
        "noise": (colour, noisy(colour, 6)),
        "strong noise": (colour, noisy(colour, 40)),
        "posterised": (colour, colour // 32 * 32 + 16),
        "pixelated": (coffee, _pixelated(coffee)),
        "shifted": (coffee, np.roll(coffee, 1, 1)),
        "brighter": (coffee, (coffee // 16 * 15 + 16).astype(np.uint8)),
        "gray": (gray, noisy(gray, 10)),
        "alpha": (overlaid, noisy(overlaid, 10)),
        "16 bit": (deep, deep - deep // 64),
        "15 x 16": (colour[40:55, 160:176], noisy(colour[40:55, 160:176], 10)),
        "9 x 30": (colour[40:49, 160:190], noisy(colour[40:49, 160:190], 10)),
        "8 x 8": (colour[40:48, 160:168], noisy(colour[40:48, 160:168], 10)),
    }


def _pixelated(image: np.ndarray) -> np.ndarray:
    """Means of 4 x 4 blocks."""
    height, width, channels = image.shape
    means = image.reshape(height // 4, 4, width // 4, 4, channels).mean((1, 3))
    return np.round(means).astype(np.uint8).repeat(4, 0).repeat(4, 1)


def say(reference: np.ndarray, distorted: np.ndarray) -> dict[str, float]:
    """Run both tools on a pair."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder, name)) for name in ("reference.png", "distorted.png")]
        for path, image in zip(paths, (reference, distorted), strict=True):
            _save(image, path)
        score, distance = (
            subprocess.run([tool, *paths], capture_output=True, text=True, check=True).stdout
            for tool in TOOLS
        )
    largest, *_, norm = distance.split()
    return {
        "ssimulacra2": float(score),
        "butteraugli": float(largest),
        "butteraugli-3norm": float(norm),
    }


def _save(image: np.ndarray, path: str) -> None:
    """Write a PNG; Pillow has no 16-bit RGB."""
    if image.dtype == np.uint16:
        import imagecodecs

        Path(path).write_bytes(imagecodecs.png_encode(image))
    else:
        Image.fromarray(image).save(path)


def main() -> None:
    """Write what the tools say."""
    for tool in TOOLS:
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is not on the path")
    values = {name: say(*pair) for name, pair in pairs().items()}
    VALUES.write_text(json.dumps({"libjxl": "0.11.2", "values": values}, indent=1) + "\n")


if __name__ == "__main__":
    main()
