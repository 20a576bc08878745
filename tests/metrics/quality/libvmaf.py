"""What libvmaf says of pairs of images that every machine can make, as `libvmaf.json`.

    python -m tests.metrics.quality.libvmaf ffmpeg

writes it anew; the argument is an `ffmpeg` with the filter `libvmaf`, 3.0 or later, such as the one
of the package `imageio-ffmpeg`. Luma is handed over with 10 bits: its rounding counts little.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from skimage import data

from tests.metrics.noise import noisy

VALUES = Path(__file__).with_name("libvmaf.json")
MODELS = {"vmaf": "vmaf_v0.6.1", "vmaf-neg": "vmaf_v0.6.1neg"}
BITS = 10


def pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """References and distorted images: odd sides, gray, 16 bit, flat, the smallest size."""
    colour, gray = data.astronaut()[40:251, 100:427], data.camera()[:201, :300]
    coffee = data.coffee()[:256, :384]
    flat = np.full((64, 64, 3), 100, np.uint8)
    stretched = np.clip((colour.astype(float) - 128) * 1.2 + 128, 0, 255).round().astype(np.uint8)
    tiny = data.astronaut()[100:132, 180:220]
    return {
        "noise": (colour, noisy(colour, 6)),
        "strong noise": (colour, noisy(colour, 40)),
        "posterised": (colour, colour // 32 * 32 + 16),
        "more contrast": (colour, stretched),
        "less contrast": (stretched, colour),
        "shifted": (coffee, np.roll(coffee, 1, 1)),
        "brighter": (coffee, (coffee // 16 * 15 + 16).astype(np.uint8)),
        "gray": (gray, noisy(gray, 10)),
        "16 bit": tuple(image.astype(np.uint16) * 257 for image in (coffee, noisy(coffee, 6))),
        "flat": (flat, noisy(flat, 5)),
        "identical": (coffee, coffee),
        "32 x 40": (tiny, noisy(tiny, 10)),
    }


def video_luma(image: np.ndarray) -> np.ndarray:
    """BT.709 luma of 8-bit video, not rounded."""
    unit = image / np.iinfo(image.dtype).max
    return 16 + 219 * (unit @ (0.2126, 0.7152, 0.0722) if image.ndim == 3 else unit)


def say(ffmpeg: str, reference: np.ndarray, distorted: np.ndarray) -> dict[str, float]:
    """Run both models on a pair."""
    height, width = reference.shape[:2]
    kind = ["-f", "rawvideo", "-pix_fmt", f"yuv444p{BITS}le", "-s", f"{width}x{height}"]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        inputs = []
        for name, image in (("distorted", distorted), ("reference", reference)):
            path, scale = Path(folder, name), 2 ** (BITS - 8)
            chroma = np.full(2 * height * width, 128 * scale, "<u2")
            path.write_bytes(
                np.round(scale * video_luma(image)).astype("<u2").tobytes() + chroma.tobytes()
            )
            inputs += [*kind, "-i", str(path)]
        for name, model in MODELS.items():
            told = Path(folder, "told.json")
            metric = f"libvmaf=model=version={model}:log_fmt=json:log_path={told}"
            command = [ffmpeg, "-loglevel", "error", *inputs, "-lavfi", metric, "-f", "null", "-"]
            subprocess.run(command, check=True)
            found[name] = json.loads(told.read_text())["frames"][0]["metrics"]["vmaf"]
    return found


def main() -> None:
    """Write what libvmaf says."""
    ffmpeg = sys.argv[1]
    version = subprocess.run([ffmpeg, "-version"], capture_output=True, text=True, check=True)
    values = {name: say(ffmpeg, *pair) for name, pair in pairs().items()}
    told = {"ffmpeg": re.search(r"version (\S+)", version.stdout)[1], "values": values}
    VALUES.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
