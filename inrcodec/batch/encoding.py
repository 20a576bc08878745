"""What a job of an encode does with one image or sound, and what is reported of its file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import inrcodec
from inrcodec.batch.making import Source
from inrcodec.errors import ImageWarning, warn
from inrcodec.images.graphics import is_graphic, is_unlike_photographs
from inrcodec.images.reading import as_picture
from inrcodec.pixels import Picture, psnr
from inrcodec.signals.records import Sound, channels_as_rows, snr
from inrcodec.signals.wav import read_sound

if TYPE_CHECKING:
    from inrcodec import Encoding, FileInfo

GRAPHIC = "large flat areas, as in graphics, suit lossless WebP or PNG better"


@dataclass(slots=True)
class Begun:
    """An encode that has begun: its image or sound and its options, the time it has taken, and its
    job if that is to be trained together with others."""

    name: str
    path: str
    signal: Picture | Sound
    options: dict[str, Any]
    elapsed_s: float
    job: Encoding | None = None


def encoded(
    sources: Sequence[Source], path: str, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """Encode the bytes of an image file, the only source; return the file and its report.

    Raises what `inrcodec.encode` raises; warns of what it warns of, and of a graphic.
    """
    return _finished(_read(sources, path, options, time.monotonic()))


def encoded_sound(
    sources: Sequence[Source], path: str, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """Encode the bytes of a WAV file, the only source; return the file and its report.

    Raises what `inrcodec.encode` raises; warns of a WAV file that is cut short.
    """
    started, (source,) = time.monotonic(), sources
    sound = read_sound(source.data)
    elapsed_s = time.monotonic() - started
    return _finished(Begun(source.name, path, sound, dict(options), elapsed_s))


def _read(
    sources: Sequence[Source], path: str, options: Mapping[str, Any], started: float
) -> Begun:
    """Read the image."""
    (source,) = sources
    picture = as_picture(source.data)
    if is_graphic(picture):
        warn(GRAPHIC, ImageWarning)
    keep_memory(picture, options)
    return Begun(source.name, path, picture, dict(options), time.monotonic() - started)


def _finished(begun: Begun) -> tuple[bytes, dict[str, Any]]:
    """Do what is left of an encode."""
    started, limit = time.monotonic(), begun.options["time_limit"]
    if limit is not None:  # reading the image counts
        begun.options["time_limit"] = max(0.1, limit - begun.elapsed_s)
    job = begun.job or inrcodec.encoding(begun.signal, **begun.options)
    begun.job, steps = None, 0
    for progress in job:
        steps = progress.step
    data = job.finish()
    del job  # its memory, before the file is decoded
    elapsed = begun.elapsed_s + time.monotonic() - started
    rest = data, begun.options, steps, elapsed
    if isinstance(begun.signal, Sound):
        return data, sound_report(begun.name, begun.path, begun.signal, *rest)
    return data, encode_report(begun.name, begun.path, begun.signal, *rest)


@dataclass(frozen=True, slots=True)
class EncodedTogether:
    """`encoded` in stages: the fits of images of one size are trained together on a `device`.

    Images that cannot be trained so (`codec.encode.trains_together`) are encoded each by itself.
    """

    device: str

    def begin(self, sources: Sequence[Source], path: str, options: Mapping[str, Any]) -> Begun:
        """Read the image and initialise its fit."""
        from inrcodec.codec.encode import trains_together
        from inrcodec.codec.options import EncodeOptions

        started = time.monotonic()
        begun = _read(sources, path, {**options, "device": self.device}, started)
        fits = EncodeOptions.of(**begun.options)
        if isinstance(begun.signal, Picture) and trains_together(begun.signal, fits):
            begun.options["device"] = "cpu"
            begun.job = inrcodec.encoding(begun.signal, **begun.options)
        begun.elapsed_s = time.monotonic() - started
        return begun

    def together(self, begun: Sequence[Begun], share: float) -> None:
        """Train the fits, in a share of the memory of the device."""
        from inrcodec.codec.encode import train_together

        started = time.monotonic()
        jobs = [each.job for each in begun if each.job is not None]
        if not jobs:
            return
        train_together(jobs, self.device, share)
        for each in begun:
            if each.job is not None:
                each.elapsed_s += (time.monotonic() - started) / len(jobs)

    def finish(self, begun: Begun) -> tuple[bytes, dict[str, Any]]:
        """Write the file of a fit."""
        return _finished(begun)


def keep_memory(picture: Picture, options: Mapping[str, Any]) -> None:
    """Have this process keep the memory that a fit frees; without a fit there is none."""
    fits = options["effort"] or options["time_limit"] is not None
    if fits or is_unlike_photographs(picture):
        from inrcodec.codec.native.allocation import keep_freed_memory

        keep_freed_memory(picture.width * picture.height)


def encode_report(
    name: str,
    path: str,
    picture: Picture,
    data: bytes,
    options: Mapping[str, Any],
    steps: int,
    elapsed_s: float,
) -> dict[str, Any]:
    """Describe a file by what comes out of it: its bytes, and the pixels that it decodes to."""
    given = options["init"] if options["init"] not in ("random", "meta") else None
    decoded = inrcodec.decode(
        data, threads=options["threads"], device=options["device"], init=given
    )
    about = inrcodec.info(data)
    return {
        "input": name,
        "output": path,
        "size_bytes": len(data),
        "bits_per_pixel": about.bits_per_pixel,
        "psnr_db": psnr(picture.pixels, decoded),
        **_of_fit(about, steps, elapsed_s),
    }


def _of_fit(about: FileInfo, steps: int, elapsed_s: float) -> dict[str, Any]:
    """What is reported of every fit: its network, how long it was."""
    return {
        "model": about.model,
        "dimensions": about.dimensions,
        "parameters": about.parameters,
        "steps": steps,
        "elapsed_s": round(elapsed_s, 3),
    }


def signal_report(
    name: str, path: str, data: bytes, steps: int, elapsed_s: float
) -> dict[str, Any]:
    """Describe a file of sound or of a clip by what it says of itself."""
    about = inrcodec.info(data)
    return {
        "input": name,
        "output": path,
        "kind": about.kind,
        "rate": about.rate,
        "size_bytes": len(data),
        **_of_fit(about, steps, elapsed_s),
    }


def sound_report(
    name: str,
    path: str,
    sound: Sound,
    data: bytes,
    options: Mapping[str, Any],
    steps: int,
    elapsed_s: float,
) -> dict[str, Any]:
    """Describe a file of sound by what comes out of it."""
    about = inrcodec.info(data)
    decoded = inrcodec.decode_sound(data, threads=options["threads"], device=options["device"])
    return signal_report(name, path, data, steps, elapsed_s) | {
        "samples": about.width,
        "channels": about.channels,
        "bits_per_sample": about.bits_per_pixel,
        "snr_db": snr(sound.samples, decoded.samples),
        "psnr_db": psnr(*(channels_as_rows(each.sheet) for each in (sound, decoded))),
    }
