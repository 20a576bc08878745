"""WAV files of formats that the package reads and does not write."""

import struct

import numpy as np

from inrcodec.signals.wav import EXTENSIBLE, GUID_REST, PCM


def wav(
    samples: np.ndarray,
    rate: int = 8000,
    *,
    code: int = PCM,
    bits: int | None = None,
    extensible: bool = False,
    body: bytes | None = None,
    size: int | None = None,
    before: bytes = b"",
) -> bytes:
    """A file of samples (N, C) in their own type, or of a `body` of so many `bits` a sample; `size`
    is what the file claims of it, `before` stands between format and samples."""
    channels = samples.shape[1]
    bits = samples.dtype.itemsize * 8 if bits is None else bits
    body = samples.tobytes() if body is None else body
    step = channels * bits // 8
    given = EXTENSIBLE if extensible else code
    form = struct.pack("<HHIIHH", given, channels, rate, rate * step, step, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, code) + GUID_REST
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + before
    chunks += b"data" + struct.pack("<I", len(body) if size is None else size) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
