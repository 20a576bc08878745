"""Shared pictures and files. Torch runs on one thread: two can be far slower on busy cores."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.codec.fitting.coolchic import schedule as grid_schedule
from inrcodec.codec.fitting.coolchic.encoder import GridEncoding
from inrcodec.codec.fitting.networks import schedule as network_schedule
from inrcodec.codec.fitting.networks.encoder import NetworkEncoding
from inrcodec.pixels import Picture

torch.set_num_threads(1)

SHARED = Path(__file__).resolve().parents[2] / "shared"
VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data beside the checkout; skips where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("no shared data beside this checkout")
    return SHARED / "data"


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A real photograph, (100, 150, 3) uint8: the coffee cup of scikit-image, box-averaged."""
    from skimage import data

    coffee = data.coffee()[:400].reshape(100, 4, 150, 4, 3).mean((1, 3))
    return np.round(coffee).astype(np.uint8)


@pytest.fixture(scope="session")
def small() -> np.ndarray:
    """A smooth synthetic picture, (24, 32, 3) uint8."""
    y, x = np.mgrid[0:24, 0:32]
    waves = [np.sin(x / 5 + y / 9), np.cos(x / 7 - y / 4), np.sin((x + y) / 6)]
    return np.round(np.stack(waves, 2) * 100 + 128).astype(np.uint8)


@pytest.fixture(scope="session")
def small_file(small: np.ndarray) -> bytes:
    """`small` with an ICC and an XMP block, as a coordinate network."""
    picture = Picture(small, icc=b"profile" * 40, xmp=b"<x:xmpmeta/>")
    return inrcodec.encode(picture, model="pe-siren", target_size=700, effort=1, threads=1)


@pytest.fixture(scope="session")
def photo_file(photo: np.ndarray) -> bytes:
    """`photo` at about 1 bit a pixel, as a coordinate network."""
    return inrcodec.encode(photo, model="pe-siren", bpp=1.0, effort=2, threads=1)


@contextmanager
def fewer_steps() -> Iterator[None]:
    """Fits in this process take a tenth of their steps, those of latent grids a fifth: for tests
    that ask what is around a fit, and not how good it is."""
    networks = replace(network_schedule.SCHEDULE, fewest_steps=30)
    steps = tuple(count // 5 for count in grid_schedule.SCHEDULE.effort_steps)
    grids = replace(grid_schedule.SCHEDULE, effort_steps=steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NetworkEncoding.__init__.__kwdefaults__, "schedule", networks)
        patch.setitem(GridEncoding.__init__.__kwdefaults__, "schedule", grids)
        yield


@pytest.fixture
def few_steps() -> Iterator[None]:
    """`fewer_steps` during a test."""
    with fewer_steps():
        yield
