"""Decodes, encodes and judges in a child process of one that has computed with two threads, and
prints whether files came out as in the parent.

    python forks.py METHOD imported|fresh FILE ...

METHOD is one of multiprocessing's, or "os.fork". "fresh": the parent has used torch alone.
"""

import multiprocessing
import os
import sys

import torch

METHOD, STATE, *FILES = sys.argv[1:]
MODELS = ("coolchic", "fourier")


def computed() -> None:
    """Have torch's own threads begun."""
    torch.set_num_threads(2)
    torch.rand(1 << 21).exp().sum()
    a = torch.rand(600, 600)
    assert (a @ a).shape == a.shape


def scored() -> None:
    """Encode and judge an image of which torch gives a part to each thread."""
    import numpy as np

    import inrcodec
    from inrcodec.metrics import compare

    pixels = np.zeros((192, 224, 4), np.uint8)
    pixels[9:] = np.arange(224)[:, None]
    data = inrcodec.encode(pixels, effort=0)
    inrcodec.encode(torch.from_numpy((pixels / 255).astype(np.float16)).permute(2, 0, 1), effort=0)
    inrcodec.encode(pixels, model="fourier", time_limit=0.2)
    compare(pixels, data, ["psnr", "ssim", "ms-ssim", "iem"])


def results(_: int = 0) -> list[bytes]:
    """What decoding gives here with two threads; encodes must end, with torch's threads too."""
    import numpy as np

    import inrcodec

    torch.set_num_threads(2)
    scored()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 48, 3), np.uint8)
    for model in MODELS:
        inrcodec.encode(pixels, model=model, time_limit=0.2, bpp=4.0, threads=2)
    return [inrcodec.decode(name, scale=9, threads=2).tobytes() for name in FILES]


def in_child() -> list[bytes]:
    """The same of a child."""
    if METHOD != "os.fork":
        with multiprocessing.get_context(METHOD).Pool(1) as pool:
            return pool.map(results, [0])[0]
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.close(reading)
        with os.fdopen(writing, "wb") as answer:
            answer.write(b"".join(results()))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        whole = answer.read()
    os.waitpid(child, 0)
    return [whole]


if __name__ == "__main__":
    computed()
    if STATE == "imported":
        here = results()
        found = in_child()
    else:
        found = in_child()
        here = results()
    print("same" if b"".join(found) == b"".join(here) else "other")
