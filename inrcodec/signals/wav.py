"""WAV files <-> sound: RIFF, little endian, PCM of 8 to 32 bit or float of 32 and 64 bit.

Sound has 16 bit here. Samples of 8 bit are widened, those of more bits rounded, and floats beyond
[-1, 1] clipped.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import ImageError, ImageWarning, InrCodecError, warn
from inrcodec.files import Source, name_of, read_bytes
from inrcodec.signals.records import SOUND_NAMES, Sound, check_sound

EXTENSIONS = (".wav", ".wave")

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
"""Codes of formats; the last has another code in the first two bytes of its GUID."""

GUID_REST = bytes.fromhex("000000001000800000aa00389b71")
"""What follows those two bytes in the GUID of a format that has a code."""

PEAK = 1 << 15


def is_wav_name(name: object) -> bool:
    """Whether a name is that of a WAV file."""
    return isinstance(name, (str, os.PathLike)) and os.fsdecode(name).lower().endswith(EXTENSIONS)


def as_sound(source: object) -> Sound | None:
    """The sound that a caller holds: a `Sound`, or a WAV file by its name or as bytes; None for
    anything else. Raises what `read_sound` raises."""
    if isinstance(source, Sound):
        return source
    if is_wav_name(source):
        return read_sound(source)  # type: ignore[arg-type]
    if isinstance(source, bytes) and source[:4] == b"RIFF" and source[8:12] == b"WAVE":
        return read_sound(source)
    return None


def read_sound(source: Source) -> Sound:
    """Read a WAV file from a path, a binary file object or bytes.

    Raises `ImageError` for what is no WAV file, has no samples, more than 2^20 a channel or more
    than 2 channels. A file that is cut short is read as far as it goes, with an `ImageWarning`.
    """
    data = read_bytes(source, error=ImageError)
    name = name_of(source)
    try:
        sound, cut = _parsed(data)
    except InrCodecError as error:
        error.about(name)
        raise
    if cut:
        reason = f"the file is cut short; {len(sound.samples)} samples a channel are there"
        warn(reason if name is None else f"{name}: {reason}", ImageWarning)
    return sound


def wav_bytes(sound: Sound) -> bytes:
    """Write sound as a WAV file of 16-bit PCM."""
    channels = sound.samples.shape[1]
    body = sound.samples.astype("<i2").tobytes()
    form = struct.pack(
        "<HHIIHH", PCM, channels, sound.rate, sound.rate * 2 * channels, 2 * channels, 16
    )
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _parsed(data: bytes) -> tuple[Sound, bool]:
    """The sound of a WAV file, and whether some of it is missing."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ImageError("not a WAV file: it does not begin with RIFF and WAVE")
    form: bytes | None = None
    for name, start, size in _chunks(data):
        if name == b"fmt ":
            form = data[start : start + size]
        if name != b"data":
            continue
        if form is None:
            raise ImageError("the WAV file has samples before their format")
        code, channels, rate, bits = _format(form)
        step = channels * bits // 8
        body = data[start : start + size]
        count = len(body) // step
        check_sound(count, rate)
        samples = _samples(body[: count * step], code, bits).reshape(count, channels)
        return Sound(samples, rate), len(body) < size
    raise ImageError("the WAV file has no samples: a chunk 'data' is missing")


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, offset of the content, its size as the file says) of the chunks."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], at + 8, size
        at += 8 + size + size % 2


def _format(form: bytes) -> tuple[int, int, int, int]:
    """(code, channels, samples a second, bits of a sample) of a chunk 'fmt '."""
    if len(form) < 16:
        raise ImageError(f"the format of the WAV file has {len(form)} bytes, not 16 or more")
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if code == EXTENSIBLE and form[26:40] == GUID_REST:
        code = int.from_bytes(form[24:26], "little")
    if channels not in SOUND_NAMES:
        raise ImageError(f"the WAV file has {channels} channels; a file holds 1 or 2")
    if (code, bits) not in ((PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32), (FLOAT, 32), (FLOAT, 64)):
        raise ImageError(
            f"the WAV file has format {code} of {bits} bit; PCM of 8, 16, 24 or 32 bit and float "
            "of 32 or 64 bit can be read"
        )
    return code, channels, rate, bits


def _samples(body: bytes, code: int, bits: int) -> NDArray[np.int16]:
    """All samples in file order, rounded to 16 bit."""
    values: NDArray[Any]
    if code == FLOAT:
        values = np.frombuffer(body, f"<f{bits // 8}").astype(np.float64) * PEAK
        if not np.isfinite(values).all():
            raise ImageError("the WAV file holds NaN or infinite values")
    elif bits == 8:
        values = (np.frombuffer(body, np.uint8).astype(np.float64) - 128) * 256
    elif bits == 24:
        wide = np.zeros((len(body) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        values = wide.view("<i4")[:, 0] / (1 << 16)
    else:
        values = np.frombuffer(body, f"<i{bits // 8}") / (1 << (bits - 16))
    return np.clip(np.rint(values), -PEAK, PEAK - 1).astype(np.int16)
