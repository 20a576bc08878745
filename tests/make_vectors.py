"""Write the conformance vectors anew: `make vectors`. They change only if the format does.

valid/NAME.inr decodes to symbols with the sha256 in NAME.json and to pixels within 1 (8 bit) or 64
(16 bit) of NAME.png. invalid/NAME.inr must be refused. signal_vectors.py has sound and clips.

What an encoder chooses is no matter of the format, and the bits of a fit depend on the processor.
Vectors that come of a fit or of initial values are therefore kept where they are there (`--refit`
makes them anew), and so are images within the tolerance.
"""

import argparse
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import torch

import inrcodec
from inrcodec.codec.coolchic.planes import file_sections
from inrcodec.codec.families import decoder_of
from inrcodec.codec.fitting.networks.steps import quantize, step_codes
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Family, Header, Kind
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.diner import Diner
from inrcodec.codec.networks.fourier import FourierNet
from inrcodec.codec.networks.mfn import Mfn
from inrcodec.codec.networks.nif import Nif
from inrcodec.codec.networks.sections import sections_of
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.spinr import Spinr
from inrcodec.codec.networks.wire import Wire
from inrcodec.images.reading import read_image
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture
from tests import latent_files, signal_vectors

VECTORS = Path(__file__).parent / "vectors"


def waves(height: int, width: int, channels: int) -> np.ndarray:
    """A smooth picture, (height, width, channels) uint8."""
    y, x = np.mgrid[0:height, 0:width]
    shapes = [np.sin(x / 5 + y / 9), np.cos(x / 7 - y / 4), np.sin((x + y) / 6), np.cos(y / 8)]
    return np.round(np.stack(shapes[:channels], 2) * 100 + 128).astype(np.uint8)


def random_file(header: Header, model: CoordinateModel, step: float) -> bytes:
    """A network of random parameters: covers sizes no encoder would choose."""
    parameters = model.initial(np.random.default_rng(1), np.zeros(model.channels))
    steps = step_codes(parameters, dict.fromkeys(parameters, 1.0), step)
    return bitstream.write(header, sections_of(model, quantize(parameters, steps)))


def fitted() -> dict[str, Callable[[], bytes]]:
    """Names of the vectors that come of a fit, and how each is made."""
    quick: dict[str, Any] = {"model": "pe-siren", "effort": 1, "threads": 1}
    meta = Picture(waves(9, 14, 3), icc=b"icc" * 30, exif=b"Exif\0\0MM\0*", xmp=b"<x:xmpmeta/>")
    flat = np.full((1, 1, 3), (200, 30, 90), np.uint8)
    return {
        "gray-siren": lambda: inrcodec.encode(
            waves(20, 31, 1), target_size=300, **quick | {"model": "siren"}
        ),
        "gray-alpha": lambda: inrcodec.encode(waves(16, 16, 2), target_size=300, **quick),
        "rgb": lambda: inrcodec.encode(waves(24, 32, 3), target_size=700, **quick),
        "phases-nif": lambda: inrcodec.encode(
            waves(24, 32, 3), target_size=700, **quick | {"model": "nif"}
        ),
        "rgb-alpha": lambda: inrcodec.encode(waves(24, 20, 4), target_size=500, **quick),
        "gray-16": lambda: inrcodec.encode(waves(18, 18, 1).astype(np.uint16) * 257, **quick),
        "rgb-16": lambda: inrcodec.encode(waves(18, 18, 3).astype(np.uint16) * 257, **quick),
        "one-pixel": lambda: inrcodec.encode(flat, target_size=100, **quick),
        "one-column": lambda: inrcodec.encode(waves(99, 1, 3), **quick),
        "metadata": lambda: inrcodec.encode(meta, target_size=500, **quick),
    }


def valid(refit: bool) -> dict[str, bytes]:
    """Names and bytes of the valid vectors."""
    deep = Header(11, 6, 3, 8, Family.SIREN, (5, 16))
    wide = Header(40, 30, 1, 8, Family.PE_SIREN, (100, 1, 2))
    zero = Header(5, 4, 3, 8, Family.PE_SIREN, (3, 2, 1))
    files = {}
    chosen: dict[str, Callable[[], bytes]] = {
        **fitted(),
        "sixteen-layers": lambda: random_file(deep, Siren(5, 16, 0, 3), 1e-3),
        "wide": lambda: random_file(wide, Siren(100, 1, 2, 1), 1e-7),
        "all-symbols-zero": lambda: random_file(zero, Siren(3, 2, 1, 3), 1e6),
        **valid_networks(),
    }
    for name, made in chosen.items():
        kept = VECTORS / "valid" / f"{name}.inr"
        files[name] = made() if refit or not kept.exists() else kept.read_bytes()
    return files | valid_latents()


def valid_networks() -> dict[str, Callable[[], bytes]]:
    """Random networks of the families without an encoding of positions in common."""
    networks = {
        "nif": Nif((12, 7, 4), (5, 3), 5, 2, 3),
        "nif-plain": Nif((6,), (), 3, 1, 1),
        "fourier": FourierNet(9, 3, 6, 3),
        "mfn-fourier": Mfn(8, 3, False, 3),
        "mfn-gabor": Mfn(7, 4, True, 2),
        "wire": Wire(6, 3, 3),
        "diner": Diner(8, 2, 17, 13, 3),
        "spinr": Spinr(7, 4, 3, 3),
        "spinr-plain": Spinr(5, 1, 0, 1),
    }
    files: dict[str, Callable[[], bytes]] = {}
    for name, model in networks.items():
        header = Header(17, 13, model.channels, 8, model.family, model.dimensions)
        files[name] = partial(random_file, header, model, 1e-6)
    return files


def valid_latents() -> dict[str, bytes]:
    """Those of latent families: random networks and symbols, grids apart and joint."""
    random, joint = partial(latent_files.random_file, joint_bytes=0), latent_files.random_file
    odd = {"levels": 3, "neighbours": 8, "arm_width": 5, "synthesis_width": 3}
    square = {"levels": 4, "neighbours": 24, "arm_width": 24, "synthesis_width": 4}
    return {
        "coolchic": random(Family.COOLCHIC, 29, 19),
        "coolchic-slices-alpha": random(Family.COOLCHIC, 13, 21, 4, 8, **odd),
        "coolchic-one-level": random(Family.COOLCHIC, 9, 5, levels=1),
        "coolchic-escapes-16": random(Family.COOLCHIC, 9, 8, 1, bit_depth=16, spread=300.0),
        "coolchic-one-pixel": random(Family.COOLCHIC, 1, 1),
        "coolchic-joint": joint(Family.COOLCHIC, 29, 19),
        "coolchic-joint-few": joint(Family.COOLCHIC, 70, 50, joint_bytes=400),
        "coolchic-joint-slices-alpha": joint(Family.COOLCHIC, 13, 21, 4, 8, **odd),
        "coolchic-joint-zeros": joint_with_zeros(),
        "coolchic-v1": random(Family.COOLCHIC_V1, 21, 14),
        "coolchic-v1-joint": joint(Family.COOLCHIC_V1, 21, 14),
        "coolchic-v1-residual": random(Family.COOLCHIC_V1, 12, 9, 2, **square),
        "coolchic-v2": random(Family.COOLCHIC_V2, 21, 14),
        "coolchic-v2-gray-slices": random(Family.COOLCHIC_V2, 20, 11, 1, 9, **square),
    }


def joint_with_zeros() -> bytes:
    """A joint section before which, within which and behind which there are grids of zeros."""
    plane = latent_files.random_plane(latent_files.model_for(Family.COOLCHIC, 24, 17))
    order = plane.model.coding_order
    for place in (0, 1, 5, 8, 9, 14, len(order) - 1):
        plane.grids[order[place]][:] = 0
    return latent_files.file_of([plane])


def invalid_latents() -> dict[str, bytes]:
    """Files of latent families every reader must refuse, each for one reason."""
    model = latent_files.model_for(Family.COOLCHIC, 20, 12, levels=3)
    header = Header(20, 12, 3, 8, model.family, model.dimensions)
    plane = latent_files.random_plane(model)
    networks, first, second = file_sections([plane], joint_bytes=0)[:3]
    joint = file_sections([plane])[1]
    stream_of_joint = joint[1][2:]  # behind a head of two bytes: seven grids
    grid, stream = first[1][:1], first[1][1:]
    step = bytearray(networks[1])
    step[1] += 1  # 2^-8 becomes 2^-7.75
    sliced = replace(header, slice_side=8)

    def file(*parts: tuple[Kind, bytes], header: Header = header) -> bytes:
        return bitstream.write(header, parts)

    return {
        "latents-order": file(networks, second, first),
        "latents-twice": file(networks, first, first),
        "latents-first": file(first, networks),
        "latents-no-grid": file(networks, (Kind.LATENTS, b"\x63" + stream)),
        "latents-no-stream": file(networks, (Kind.LATENTS, grid)),
        "latents-stream-length": file(networks, (Kind.LATENTS, first[1] + b"x")),
        "latents-no-slice": file(networks, (Kind.LATENTS, b"\0\6" + stream), header=sliced),
        "latents-slice-form": file(networks, (Kind.LATENTS, b"\0\x80\0" + stream), header=sliced),
        "latents-alpha-of-rgb": file(networks, (Kind.ALPHA_PARAMETERS, networks[1])),
        "latents-no-alpha": file(networks, header=replace(header, channels=4)),
        "latents-arm-step": file((Kind.PARAMETERS, bytes(step))),
        "latents-unknown-start": file(networks, header=replace(header, init=(12345, 0))),
        "latents-slice-side": file(networks, header=replace(header, slice_side=7)),
        "latents-too-many-pixels": file(networks, header=replace(header, width=1 << 20, height=33)),
        "latents-few-bytes": file(
            networks, first, header=replace(header, width=1 << 12, height=1 << 12)
        ),
        "latents-levels": file(networks, header=replace(header, dimensions=(11, 16, 24, 32))),
        "joint-second": file(networks, first, joint),
        "joint-twice": file(networks, joint, joint),
        "joint-none": file(networks, (Kind.LATENTS, b"\x80" + stream_of_joint)),
        "joint-many": file(networks, (Kind.LATENTS, b"\x88\xff" + stream_of_joint)),
        "joint-not-the-last": file(networks, (Kind.LATENTS, b"\x87\x3f" + stream_of_joint)),
        "joint-beyond": file(networks, (Kind.LATENTS, b"\x86\x7f" + stream_of_joint)),
        "joint-head": file(networks, (Kind.LATENTS, b"\x87")),
        "joint-no-stream": file(networks, (Kind.LATENTS, b"\x87\x7f")),
        "joint-before": file(networks, joint, first),
        "joint-sliced": file(networks, joint, header=sliced),
        "latents-neighbours": file(networks, header=replace(header, dimensions=(3, 9, 24, 32))),
    }


def invalid(good: bytes) -> dict[str, bytes]:
    """Names and bytes of files every reader must refuse, each for one reason."""
    container = bitstream.read(good)
    header, payload = container.header.to_bytes(), container.payload(Kind.PARAMETERS)
    fields = msgpack.unpackb(header, strict_map_key=False)

    def build(*sections: tuple[int, bytes]) -> bytes:
        import zlib

        start = bitstream.SIGNATURE + b"\1"
        start += b"".join(bitstream.section_bytes(kind, body) for kind, body in sections)
        return start + bitstream.section_bytes(Kind.END, zlib.crc32(start).to_bytes(4, "little"))

    def with_header(**changes: object) -> bytes:
        changed = fields | {int(bitstream.Key[k]): v for k, v in changes.items()}
        return build((1, msgpack.packb(changed)), (2, payload))

    flipped = bytearray(good)
    flipped[60] ^= 1
    wrong_end = bytearray(good)
    wrong_end[-6] ^= 1
    return {
        "empty": b"",
        "signature": b"\x89PNG" + good[4:],
        "version": good[:4] + b"\2" + good[5:],
        "flipped-bit": bytes(flipped),
        "wrong-end": bytes(wrong_end),
        "cut": good[:100],
        "trailing-byte": good + b"\0",
        "unknown-critical": build((1, header), (9, b"?"), (2, payload)),
        "no-parameters": build((1, header)),
        "two-parameters": build((1, header), (2, payload), (2, payload)),
        "two-headers": build((1, header), (1, header), (2, payload)),
        "header-second": build((2, payload), (1, header)),
        "header-not-a-map": build((1, msgpack.packb([1, 2, 3])), (2, payload)),
        "header-extra-key": build((1, msgpack.packb(fields | {8: 8})), (2, payload)),
        "start-form": build((1, msgpack.packb(fields | {7: 1})), (2, payload)),
        "start-unknown": build((1, msgpack.packb(fields | {7: [77, 0]})), (2, payload)),
        "start-phases-index": build((1, msgpack.packb(fields | {7: [1, 2]})), (2, payload)),
        "zero-width": with_header(WIDTH=0),
        "billion-pixels-square": with_header(WIDTH=10**9, HEIGHT=10**9),
        "too-many-pixels": with_header(WIDTH=1 << 20, HEIGHT=1 << 20),
        "family": with_header(FAMILY=77),
        "dimensions": with_header(DIMENSIONS=[8, 3]),
        "vast-network": with_header(DIMENSIONS=[1024, 16, 32]),
        "wide-network-few-bytes": with_header(DIMENSIONS=[900, 2, 2]),
        "nif-layers": with_header(FAMILY=6, DIMENSIONS=[2, 1, 3, 4, 4]),
        "nif-short": with_header(FAMILY=6, DIMENSIONS=[2, 1, 0]),
        "nif-deep": with_header(FAMILY=6, DIMENSIONS=[2, 1, 0, *[3] * 7]),
        "fourier-features": with_header(FAMILY=7, DIMENSIONS=[8, 2, 0]),
        "mfn-dimensions": with_header(FAMILY=8, DIMENSIONS=[8, 2, 2]),
        "wire-width": with_header(FAMILY=10, DIMENSIONS=[0, 2]),
        "diner-few-bytes": with_header(FAMILY=11, DIMENSIONS=[8, 2], WIDTH=500, HEIGHT=500),
        "magnitude": build((1, header), (2, b"\0\0\xff\xff" + payload[4:])),
        "stream-length": build((1, header), (2, payload + b"x")),
        "parameters-cut": build((1, header), (2, payload[:20])),
        "header-unknown-key": build((1, msgpack.packb(fields | {11: 1})), (2, payload)),
        **invalid_latents(),
        **signal_vectors.invalid(with_header),
    }


def symbols_sha256(data: bytes) -> str:
    """sha256 of all symbols in file order, as little-endian 32-bit integers.

    Latent families: groups, then grids by number, of colour and then of alpha.
    """
    container = bitstream.read(data)
    symbols = decoder_of(container.header).read(container).symbols
    joined = b"".join(s.astype("<i4").tobytes() for s in symbols)
    return hashlib.sha256(joined).hexdigest()


def main() -> None:
    """Write everything, and remove what is none of the vectors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--refit", action="store_true", help="make fitted vectors anew, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    good = valid(arguments.refit)
    others = signal_vectors.files(VECTORS / "signals", arguments.refit, random_file)
    bad = invalid(good["rgb"])
    for folder, names in (("valid", good), ("signals", others), ("invalid", bad)):
        (VECTORS / folder).mkdir(parents=True, exist_ok=True)
        for path in (VECTORS / folder).iterdir():
            if path.stem not in names:
                path.unlink()
    write("valid", good, inrcodec.decode_picture)
    write("signals", others, signal_vectors.sheet)
    for name, data in bad.items():
        (VECTORS / "invalid" / f"{name}.inr").write_bytes(data)


def shows(path: Path, picture: Picture) -> bool:
    """Whether an image file is there and shows these pixels within the tolerance."""
    if not path.exists():
        return False
    wanted = read_image(path).pixels
    if (wanted.shape, wanted.dtype) != (picture.pixels.shape, picture.pixels.dtype):
        return False
    difference = np.abs(wanted.astype(int) - picture.pixels.astype(int)).max()
    return bool(difference <= (1 if picture.bit_depth == 8 else 64))


def write(folder: str, files: dict[str, bytes], decode: Callable[[bytes], Picture]) -> None:
    """Write vectors with what they must decode to."""
    for name, data in files.items():
        target = VECTORS / folder / name
        target.with_suffix(".inr").write_bytes(data)
        picture = decode(data)
        if not shows(target.with_suffix(".png"), picture):
            target.with_suffix(".png").write_bytes(image_bytes(picture))
        record = {"symbols_sha256": symbols_sha256(data), "size_bytes": len(data)}
        target.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
