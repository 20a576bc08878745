"""How long things take, for tests that hold a bar."""

import time

import inrcodec


def seconds_to_decode(data: bytes) -> float:
    """The best of three decodes on one thread, everything loaded."""
    inrcodec.decode(data, threads=1, crop=(0, 0, 8, 8))
    elapsed = []
    for _ in range(3):
        start = time.perf_counter()
        inrcodec.decode(data, threads=1)
        elapsed.append(time.perf_counter() - start)
    return min(elapsed)
