"""A kilobyte of a stranger costs no loader much memory, and raises only errors of this package."""

import io
import json
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import msgpack
import numpy as np
import pytest
import zstandard

from inrcodec.codec.entropy.quantized import MAX_PARAMETERS
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Family, Header
from inrcodec.codec.format.sections import Kind, section_bytes
from inrcodec.codec.networks.init_tables import MOST_UNPACKED, SIGNATURE
from inrcodec.pixels import MAX_METADATA_BYTES

PROGRAM = Path(__file__).parent / "programs" / "loaders.py"
MOST_BYTES = 64 << 20
KILOBYTE = 1200

VALUES = {
    "array": b"\xdd\x00\xff\xff\xff",
    "map": b"\xdf\x00\xff\xff\xff",
    "bytes": b"\xc6\x7f\xff\xff\xff",
    "text": b"\xdb\x7f\xff\xff\xff",
    "extension": b"\xc9\x7f\xff\xff\xff\x05",
    "small-arrays": b"\x9f",
    "small-maps": b"\x8f",
    "empty-arrays": b"\x90",
    "nothing": b"\xc0",
}


def start(content: bytes) -> bytes:
    """A file of an initialisation with this content."""
    return zstandard.ZstdCompressor(level=19).compress(content)


def starts() -> dict[str, bytes]:
    """Files of initialisations that unpack to as much as is read."""
    head = b"\x97" + msgpack.packb(SIGNATURE) + b"\x02\x03\x04"
    dimensions, room = b"\x92\x08\x01", MOST_UNPACKED - 64
    files = {}
    for name, value in VALUES.items():
        many = (value * room)[:room]
        files[f"init-{name}"] = start(many)
        files[f"init-{name}-inside"] = start(head + many)
        files[f"init-{name}-last"] = start(head + dimensions + many)
    half = 2 * MAX_PARAMETERS
    block = b"\xc6" + half.to_bytes(4, "big") + bytes(half)
    files["init-largest"] = start(head + dimensions + block + block)
    files["init-beyond"] = start(bytes(1 << 26))
    return files


def headers() -> dict[str, bytes]:
    fields = msgpack.unpackb(
        Header(5, 4, 3, 8, Family.SIREN, (3, 2)).to_bytes(), strict_map_key=False
    )
    files = {}
    for name, value in VALUES.items():
        files[f"header-{name}"] = (value * 256)[:256]
        for key in (1, 6, 7):
            head = msgpack.packb({k: v for k, v in fields.items() if k != key})
            whole = bytes([0x80 | len(fields | {key: 0})]) + head[1:] + bytes([key])
            files[f"header-{name}-{key}"] = (whole + value * 256)[:256]
    return files


def files() -> dict[str, bytes]:
    """About a kilobyte for each loader, by name."""
    header = Header(1 << 14, 1 << 13, 3, 8, Family.SIREN, (512, 1))
    file = bitstream.write(header, [(Kind.PARAMETERS, bytes(160))])
    body = file[: -len(section_bytes(Kind.END, bytes(4)))]
    end = section_bytes(Kind.END, zlib.crc32(body).to_bytes(4, "little"))
    block = start(bytes(MAX_METADATA_BYTES))
    full = body + section_bytes(Kind.ICC, block) + end
    many = body + 150 * section_bytes(Kind.XMP, b"") + end
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"w{number}.npy", npy((1 << 17,)) + bytes(1 << 17))
    claim = io.BytesIO()
    with zipfile.ZipFile(claim, "w") as archive:
        archive.writestr("w.npy", npy((1 << 40,)))
    found = {f"{kind}-{n}": data for kind in ("info", "metadata", "stream") for n, data in
             (("icc", full), ("sections", many), ("cut", full[:900]))}  # fmt: skip
    return found | starts() | headers() | {
        "rows-nested": b"[" * 1000 + b"\n",
        "rows-maps": b'{"a":' * 200 + b"\n",
        "rows-number": b"1" * 1000 + b"\n",
        "weights-bomb.npz": bomb.getvalue(),
        "weights-claim.npz": claim.getvalue(),
    }  # fmt: skip


def npy(shape: tuple[int, ...]) -> bytes:
    """The head of an array of bytes."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and reads its largest size")
def test_a_kilobyte_costs_no_loader_64_mb(tmp_path: Path) -> None:
    made = files()
    for name, data in made.items():
        assert len(data) <= (2 * KILOBYTE if name.startswith("init-") else KILOBYTE), name
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    grown = json.loads(done.stdout)
    assert grown.keys() == made.keys()
    assert {name: size for name, (size, _) in grown.items() if not 0 <= size < MOST_BYTES} == {}
    foreign = {name: how for name, (_, how) in grown.items() if how.startswith(("foreign", "k"))}
    assert foreign == {}
    # the measure tells memory that is used
    assert grown["metadata-icc"][0] > MAX_METADATA_BYTES / 2
    assert grown["init-largest"][0] > MOST_UNPACKED / 2
    assert grown["init-largest"][1] == "read"


def test_the_file_that_took_gigabytes(shared: Path, tmp_path: Path) -> None:
    data = (shared / "faults" / "bomb-arrays.start").read_bytes()
    (tmp_path / "init-arrays.start").write_bytes(data)
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path], capture_output=True, text=True, timeout=120
    )
    (found,) = json.loads(done.stdout).values()
    assert found[0] < MOST_BYTES
    assert found[1] == "FormatError"
