"""Mutated and truncated files must give only the package's own errors, within bounded memory.

    python -m tests.fuzz --cases 20000

A mutation either raises `InrCodecError`, or decodes: to the same picture if only ancillary bytes
changed. Checksums would stop nearly every mutation at the door, so half of the cases repair them
and reach the parsers behind.
"""

import argparse
import random
import resource
import sys
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch

from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Kind
from inrcodec.codec.format.sections import ANCILLARY
from inrcodec.errors import InrCodecError
from tests.corners import corner

VECTORS = Path(__file__).parent / "vectors"
MAX_GROWTH_BYTES = 256 << 20
"""Memory a whole run may add to that of decoding one good file."""


def mutate(data: bytes, other: bytes, pick: random.Random) -> bytes:
    """One byte-level mutation: flips, a cut, a splice, an insertion, a removal or a length lie."""
    kind = pick.randrange(6)
    at = pick.randrange(len(data))
    if kind == 0:
        changed = bytearray(data)
        for _ in range(pick.randint(1, 8)):
            changed[pick.randrange(len(changed))] ^= pick.randint(1, 255)
        return bytes(changed)
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + other[pick.randrange(len(other)) :]
    if kind == 3:
        return data[:at] + pick.randbytes(pick.randint(1, 30)) + data[at:]
    if kind == 4:
        return data[:at] + data[at + pick.randint(1, 30) :]
    lie = bytes([pick.choice([0, 1, 0x7F, 0x80, 0xFF])] * pick.randint(1, 5))
    return data[:6] + lie + data[6 + len(lie) :]


def repaired(data: bytes, other: bytes, pick: random.Random) -> bytes:
    """Mutate the payload of one section and make every checksum right again."""
    sections = [(s.kind, s.payload) for s in bitstream.read(data).sections if s.kind != Kind.END]
    index = pick.randrange(len(sections))
    kind, payload = sections[index]
    sections[index] = (kind, mutate(payload + b"\0", other, pick)[: 1 << 16])
    if pick.random() < 0.1:
        sections.insert(pick.randrange(len(sections) + 1), pick.choice(sections))
    out = bitstream.SIGNATURE + bytes([bitstream.VERSION])
    critical = out
    for kind, payload in sections:
        section = bitstream.section_bytes(kind, payload)
        out += section
        critical += b"" if kind & ANCILLARY else section
    return out + bitstream.section_bytes(Kind.END, zlib.crc32(critical).to_bytes(4, "little"))


def same_critical_bytes(data: bytes, original: bytes) -> bool:
    """Whether the picture's own sections are untouched."""
    sections = bitstream.read(original).sections
    end = max(s.offset + s.size for s in sections if not s.ancillary and s.kind != Kind.END)
    return data[:end] == original[:end]


def peak_bytes() -> int:
    """Largest resident size of this process so far."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def run(cases: int, seed: int, files: list[bytes] | None = None) -> dict[str, int]:
    """Fuzz `files`, or else the vectors; returns how many cases were refused, decoded, and the
    memory growth in bytes."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    pick = random.Random(seed)
    found = (path for folder in ("valid", "signals") for path in (VECTORS / folder).glob("*.inr"))
    files = files or [path.read_bytes() for path in sorted(found)]
    pictures = [corner(data) for data in files]
    start = peak_bytes()
    counts = {"refused": 0, "decoded": 0, "growth_bytes": 0}
    for _ in range(cases):
        index = pick.randrange(len(files))
        original, other = files[index], pick.choice(files)
        change = mutate if pick.random() < 0.5 else repaired
        data = change(original, other, pick)
        try:
            pixels = corner(data)
        except InrCodecError:
            counts["refused"] += 1
            continue
        counts["decoded"] += 1
        if same_critical_bytes(data, original) and not np.array_equal(pixels, pictures[index]):
            raise AssertionError(f"a different picture without an error: {data.hex()}")
    counts["growth_bytes"] = peak_bytes() - start
    if counts["growth_bytes"] > MAX_GROWTH_BYTES:
        raise AssertionError(f"memory grew by {counts['growth_bytes']} bytes")
    return counts


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.monotonic()
    counts = run(arguments.cases, arguments.seed)
    print(f"{arguments.cases} cases in {time.monotonic() - start:.0f} s: {counts}")  # noqa: T201


if __name__ == "__main__":
    main()
