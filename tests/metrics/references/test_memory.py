"""Memory is measured in a fresh process: it grows with the image, and guesses nothing."""

import sys

import numpy as np
import pytest

from inrcodec.metrics.references import memory
from inrcodec.metrics.references.baselines import encode_at

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says it")


def test_a_larger_image_takes_more_memory_and_at_least_its_samples() -> None:
    image = np.random.default_rng(0).integers(0, 255, (1200, 1500, 3), dtype=np.uint8)
    file, small = (encode_at("jpeg", pixels, 60).data for pixels in (image, image[:60, :60]))
    grown = memory.decode_memory_bytes("jpeg", file)
    assert grown is not None
    assert grown > image.nbytes
    assert grown > 3 * (memory.decode_memory_bytes("jpeg", small) or 0)
    encode = memory.encode_memory_bytes("jpeg", image, 60)
    assert encode is not None
    assert len(file) < encode < 100e6


def test_what_this_process_holds_does_not_count(small_file: bytes) -> None:
    held = np.ones(300_000_000, np.uint8)
    grown = memory.decode_memory_bytes("inrcodec", small_file)
    assert grown is not None
    assert grown < held.nbytes


def test_what_cannot_be_done_is_not_known() -> None:
    assert memory.decode_memory_bytes("jpeg", b"no image") is None
    assert memory.decode_memory_bytes("bpg", b"") is None
