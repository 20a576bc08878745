"""Write the conformance vectors anew: `make vectors`. Only when the format changes.

valid/NAME.inr decodes to symbols with the sha256 in NAME.json and to pixels within 1 (8 bit) or 64
(16 bit) of NAME.png. invalid/NAME.inr must be refused.
"""

import hashlib
import json
from pathlib import Path

import msgpack
import numpy as np
import torch

import inrcodec
from inrcodec.codec import bitstream
from inrcodec.codec.bitstream import Family, Header, Kind
from inrcodec.codec.decoder import read_network
from inrcodec.codec.models.siren import Siren
from inrcodec.codec.quantize import quantize, step_codes
from inrcodec.image_output import image_bytes
from inrcodec.pixels import Picture

VECTORS = Path(__file__).parent / "vectors"


def waves(height: int, width: int, channels: int) -> np.ndarray:
    """A smooth picture, (height, width, channels) uint8."""
    y, x = np.mgrid[0:height, 0:width]
    shapes = [np.sin(x / 5 + y / 9), np.cos(x / 7 - y / 4), np.sin((x + y) / 6), np.cos(y / 8)]
    return np.round(np.stack(shapes[:channels], 2) * 100 + 128).astype(np.uint8)


def random_file(header: Header, model: Siren, step: float) -> bytes:
    """A network of random parameters: covers sizes no encoder would choose."""
    parameters = model.initial(np.random.default_rng(1), np.zeros(model.channels))
    steps = step_codes(parameters, dict.fromkeys(parameters, 1.0), step)
    return bitstream.write(header, quantize(parameters, steps).to_bytes())


def valid() -> dict[str, bytes]:
    """Names and bytes of the valid vectors."""
    quick = {"effort": 1, "threads": 1}
    meta = Picture(waves(9, 14, 3), icc=b"icc" * 30, exif=b"Exif\0\0MM\0*", xmp=b"<x:xmpmeta/>")
    deep = Header(11, 6, 3, 8, Family.SIREN, (5, 16))
    wide = Header(40, 30, 1, 8, Family.PE_SIREN, (100, 1, 2))
    zero = Header(5, 4, 3, 8, Family.PE_SIREN, (3, 2, 1))
    flat = np.full((1, 1, 3), (200, 30, 90), np.uint8)
    return {
        "gray-siren": inrcodec.encode(waves(20, 31, 1), model="siren", target_size=300, **quick),
        "gray-alpha": inrcodec.encode(waves(16, 16, 2), target_size=300, **quick),
        "rgb": inrcodec.encode(waves(24, 32, 3), target_size=700, **quick),
        "rgb-alpha": inrcodec.encode(waves(24, 20, 4), target_size=500, **quick),
        "gray-16": inrcodec.encode(waves(18, 18, 1).astype(np.uint16) * 257, **quick),
        "rgb-16": inrcodec.encode(waves(18, 18, 3).astype(np.uint16) * 257, **quick),
        "one-pixel": inrcodec.encode(flat, target_size=100, **quick),
        "one-column": inrcodec.encode(waves(99, 1, 3), **quick),
        "metadata": inrcodec.encode(meta, target_size=500, **quick),
        "sixteen-layers": random_file(deep, Siren(5, 16, 0, 3), 1e-3),
        "wide": random_file(wide, Siren(100, 1, 2, 1), 1e-7),
        "all-symbols-zero": random_file(zero, Siren(3, 2, 1, 3), 1e6),
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
        "too-much-work": with_header(WIDTH=11585, HEIGHT=11585, DIMENSIONS=[300, 3, 2]),
        "header-second": build((2, payload), (1, header)),
        "header-not-a-map": build((1, msgpack.packb([1, 2, 3])), (2, payload)),
        "header-extra-key": build((1, msgpack.packb(fields | {7: 1})), (2, payload)),
        "zero-width": with_header(WIDTH=0),
        "billion-pixels-square": with_header(WIDTH=10**9, HEIGHT=10**9),
        "too-many-pixels": with_header(WIDTH=1 << 20, HEIGHT=1 << 20),
        "family": with_header(FAMILY=77),
        "dimensions": with_header(DIMENSIONS=[8, 3]),
        "vast-network": with_header(DIMENSIONS=[1024, 16, 32]),
        "wide-network-few-bytes": with_header(DIMENSIONS=[900, 2, 2]),
        "magnitude": build((1, header), (2, b"\0\0\xff\xff" + payload[4:])),
        "stream-length": build((1, header), (2, payload + b"x")),
        "parameters-cut": build((1, header), (2, payload[:20])),
    }


def symbols_sha256(data: bytes) -> str:
    """sha256 of all symbols in file order, as little-endian 32-bit integers."""
    _, quantized = read_network(bitstream.read(data))
    joined = b"".join(s.astype("<i4").tobytes() for s in quantized.symbols.values())
    return hashlib.sha256(joined).hexdigest()


def main() -> None:
    """Write everything."""
    torch.set_num_threads(1)
    for folder in ("valid", "invalid"):
        (VECTORS / folder).mkdir(parents=True, exist_ok=True)
        for path in (VECTORS / folder).iterdir():
            path.unlink()
    files = valid()
    for name, data in files.items():
        target = VECTORS / "valid" / name
        target.with_suffix(".inr").write_bytes(data)
        target.with_suffix(".png").write_bytes(image_bytes(inrcodec.decode_picture(data)))
        record = {"symbols_sha256": symbols_sha256(data), "size_bytes": len(data)}
        target.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    for name, data in invalid(files["rgb"]).items():
        (VECTORS / "invalid" / f"{name}.inr").write_bytes(data)


if __name__ == "__main__":
    main()
