import pytest

from inrcodec.codec.format.header import Family
from inrcodec.streaming.layers import stream_of
from inrcodec.streaming.protocol.stream import Stream
from tests.latent_files import random_file


@pytest.fixture(scope="session")
def sliced_file() -> bytes:
    """Latent grids of 320 x 240 pixels in slices of 32 x 32 symbols, about 24 KB."""
    return random_file(Family.COOLCHIC, 320, 240, slice_side=32)


@pytest.fixture(scope="session")
def stream(sliced_file: bytes) -> Stream:
    return stream_of(sliced_file)
