"""How long things take, for tests that hold a bar."""

import time

import inrcodec


def seconds_to_decode(data: bytes) -> float:
    """Processor time of the best of three decodes on one thread, everything loaded: other work on
    the machine counts less in it than in wall time."""
    inrcodec.decode(data, threads=1, crop=(0, 0, 8, 8))
    elapsed = []
    for _ in range(3):
        start = time.process_time()
        inrcodec.decode(data, threads=1)
        elapsed.append(time.process_time() - start)
    return min(elapsed)
