"""How much memory a decode takes beside the file, by what docs/limits.md promises."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import inrcodec
from inrcodec.codec.entropy.prior import MAX_MAGNITUDE, TensorCode
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Family, Header
from inrcodec.codec.format.sections import Kind
from inrcodec.codec.networks.families import network_from
from tests import latent_files, network_files

PROGRAM = Path(__file__).parent / "programs" / "decode_memory.py"
GRID_BYTES_PER_PIXEL, GRID_BYTES = 64, 32 << 20
CUT_BYTES_PER_PIXEL = 128
NETWORK_BYTES = 512 << 20

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def grown(folder: Path, large: bytes, small: bytes, threads: int, *side: str) -> int:
    (folder / "large.inr").write_bytes(large)
    (folder / "small.inr").write_bytes(small)
    arguments = [folder / "large.inr", str(threads), folder / "small.inr", *side]
    done = subprocess.run(
        [sys.executable, PROGRAM, *arguments], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@linux
def test_grids_take_64_bytes_a_pixel_at_most(tmp_path: Path) -> None:
    """One level, so that chroma has as many symbols; alpha; 16 bit."""

    def made(side: int) -> bytes:
        return latent_files.random_file(
            Family.COOLCHIC, side, side, 4, bit_depth=16, levels=1, spread=0.05
        )

    found = grown(tmp_path, made(800), made(64), 1)
    pixels = 800 * 800
    assert 24 * pixels < found < GRID_BYTES_PER_PIXEL * pixels + GRID_BYTES


@linux
def test_cutting_takes_128_bytes_a_pixel_at_most(tmp_path: Path) -> None:
    """The same, of noise, which has the most bytes."""

    def made(side: int) -> bytes:
        return latent_files.random_file(
            Family.COOLCHIC, side, side, 4, bit_depth=16, levels=1, spread=30
        )

    found = grown(tmp_path, made(800), made(64), 1, "64")
    pixels = 800 * 800
    assert 24 * pixels < found < CUT_BYTES_PER_PIXEL * pixels + GRID_BYTES


@linux
@pytest.mark.parametrize(
    ("family", "dimensions"),
    [(Family.FOURIER, (1024, 1, 1024)), (Family.PE_SIREN, (1024, 3, 16))],
)
def test_networks_take_512_mb_at_most(
    tmp_path: Path, family: Family, dimensions: tuple[int, ...]
) -> None:
    large = network_files.random_file(family, 160, 128, dimensions)
    small = network_files.random_file(family, 16, 16, (8, *dimensions[1:]))
    found = grown(tmp_path, large, small, 4)
    assert 8 << 20 < found < NETWORK_BYTES


def test_tables_of_a_small_file_take_few_seconds() -> None:
    """As many tensors as there can be, each with the largest alphabet, in 851 bytes."""
    header = Header(8, 8, 3, 8, Family.MFN_GABOR, (1, 16))
    shapes = network_from(header).shapes
    code = TensorCode(40 << 10, MAX_MAGNITUDE, 65535, 65535).to_bytes()
    data = bitstream.write(header, [(Kind.PARAMETERS, code * len(shapes) + bytes(40))])
    assert len(data) < 900
    assert len(shapes) > 90
    started = time.process_time()
    inrcodec.decode(data)
    assert time.process_time() - started < 20
