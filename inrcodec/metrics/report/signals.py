"""Sound and clips to judge: files of them, WAV files, animations and folders of frames."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from inrcodec.codec.describe import FileInfo, info
from inrcodec.errors import ImageError, InrCodecError
from inrcodec.files import EXTENSIONS, read_bytes
from inrcodec.pixels import Picture, psnr
from inrcodec.signals.records import Clip, Sound, channels_as_rows, snr
from inrcodec.signals.wav import is_wav_name, read_sound

Signal: TypeAlias = "Sound | Clip"


def is_signal(path: str) -> bool:
    """Tell whether a path is that of a WAV file, or of a file of sound or a clip."""
    if is_wav_name(path):
        return True
    if not path.lower().endswith(EXTENSIONS) or not os.path.isfile(path):
        return False
    try:
        return info(read_bytes(path)).kind != "image"
    except InrCodecError:
        return False


def read_signal(path: str, **how: Any) -> Signal:
    """Read sound or a clip: a WAV file, a file of either, or else frames as `read_clip` takes them.

    `how` are options of a decode. Raises `InrCodecError`.
    """
    from inrcodec.codec.decode import decode_clip, decode_sound
    from inrcodec.images.clips import read_clip

    if is_wav_name(path):
        return read_sound(path)
    if not path.lower().endswith(EXTENSIONS):
        return read_clip(path)
    try:
        data = read_bytes(path)
        decode = decode_sound if info(data).kind == "sound" else decode_clip
        return decode(data, **how)
    except InrCodecError as error:
        error.about(path)
        raise


def judged(signal: Signal) -> Picture:
    """Return what metrics of images see: of sound its channels, of a clip its frames, one below the
    other."""
    sheet = signal.sheet
    return Picture(channels_as_rows(sheet) if isinstance(signal, Sound) else sheet)


def judged_size(about: FileInfo) -> tuple[int, int]:
    """Return width and height of what `judged` gives of a file."""
    rows = about.channels if about.kind == "sound" else about.height
    return about.width, rows * (about.frames or 1)


def measures(reference: Signal, decoded: Signal) -> dict[str, float]:
    """Return the PSNR, in dB of full range, and of sound also the SNR. Raises `ImageError` for two
    of different kind or size."""
    if isinstance(reference, Sound) and isinstance(decoded, Sound):
        found = {"snr": snr(reference.samples, decoded.samples)}
    elif isinstance(reference, Clip) and isinstance(decoded, Clip):
        if reference.frames.shape != decoded.frames.shape:
            shapes = " and ".join(str(each.frames.shape) for each in (reference, decoded))
            raise ImageError(f"the clips differ in frames, size or channels: {shapes}")
        found = {}
    else:
        raise ImageError("one is sound, the other a clip")
    return {**found, "psnr": psnr(judged(reference).pixels, judged(decoded).pixels)}
