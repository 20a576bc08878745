"""What a small program of a user looks like; tests/test_programs.py runs and type-checks it."""

import io
import sys
from pathlib import Path

import numpy as np

import inrcodec


def stopped_early(image: np.ndarray, seconds: float) -> bytes:
    """Encode for at most so many seconds, showing progress."""
    job = inrcodec.encoding(image, effort=3, quality=70, threads=1)
    for progress in job:
        print(f"{progress.share:.0%} {progress.psnr:.1f} dB", file=sys.stderr)
        if progress.elapsed_s > seconds:
            break
    return job.finish()


def main(folder: Path) -> None:
    """Encode, describe and decode an image in every way."""
    rows, columns = np.mgrid[:48, :64]
    image = np.stack([4 * columns, 5 * rows, 2 * (rows + columns)], 2).astype(np.uint8)
    about: inrcodec.FileInfo = inrcodec.save(image, folder / "a.inr", quality=60, effort=1)
    print(about.model, about.width, about.height, about.bits_per_pixel)
    data = stopped_early(image, 0.2)
    pixels = inrcodec.decode(data)
    assert pixels.shape == (48, 64, 3)
    larger = inrcodec.decode(folder / "a.inr", scale=2.0, crop=(10, 10, 40, 30))
    assert larger.shape == (30, 40, 3)
    picture: inrcodec.Picture = inrcodec.decode_picture(io.BytesIO(data), bit_depth=16)
    assert picture.pixels.dtype == np.uint16
    options = inrcodec.EncodeOptions(lmbda=1e-3, model="coolchic", seed=1)
    print(options.lmbda, [section.kind for section in inrcodec.info(data).sections][:2])
    try:
        inrcodec.decode(data[:10])
    except inrcodec.TruncatedError as error:
        print(f"as expected: {error}")
    except inrcodec.InrCodecError:
        raise


if __name__ == "__main__":
    main(Path(sys.argv[1]))
