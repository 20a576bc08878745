"""One encode of `inrcodec encode`: an image, sound or a clip in, a file out, a report of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeAlias

import inrcodec
from inrcodec.cli import console
from inrcodec.cli.progress import follow, interruptible, so_far
from inrcodec.errors import OptionError

if TYPE_CHECKING:
    from inrcodec.codec.options import EncodeKeywords
    from inrcodec.images.clips import ClipSource
    from inrcodec.pixels import Picture
    from inrcodec.signals.records import Clip, Sound

    Signal: TypeAlias = Picture | Sound | Clip

LONG_S = 60
"""An encode that will take longer says so before it begins."""


def clip_source(inputs: list[str], output: str | None) -> ClipSource:
    """What the frames of `--video` are read from: one folder, pattern or animation, or several
    images in order, for which a name must be given."""
    if len(inputs) == 1:
        return console.read_input("-") if inputs == ["-"] else inputs[0]
    if output is None:
        raise OptionError("several frames make one clip: name it, e.g. -o clip.inr")
    return inputs


def encode_one(
    name: str,
    path: str,
    options: EncodeKeywords,
    keep: bool,
    force: bool,
    frames: tuple[ClipSource, str | None] | None = None,
) -> tuple[dict[str, Any], bool]:
    """Encode one image or sound, or a clip of these frames at this rate, and write the file; return
    (report, whether Ctrl-C ended it)."""
    started = time.monotonic()
    what = "writing the best so far" if keep else "nothing is written without -o"
    with interruptible(f"{name}: stopping, {what}; Ctrl-C again ends at once") as pressed:
        signal = _read(name, options, frames)
        limit = options["time_limit"]
        if limit is not None:  # reading the image counts
            left = limit - (time.monotonic() - started)
            options = {**options, "time_limit": max(0.1, left)}
        job = inrcodec.encoding(signal, **options)
        if job.expected_s is not None and limit is None and job.expected_s > LONG_S:
            console.note(
                f"{name}: takes about {max(1, round(job.expected_s / 60))} min; a lower -e or "
                f"--time-limit takes less"
            )
        last = follow(job, name, pressed, so_far)
        if pressed and not keep:
            return {}, True
        try:
            data = job.finish()
        except KeyboardInterrupt:
            console.note(f"{name}: stopped, nothing was written")
            raise
        del job  # its memory, before the file is decoded
        console.write_output(path, data, force=force)
        elapsed = time.monotonic() - started
        steps = 0 if last is None else last.step
        report = _report(name, path, signal, data, options, steps, elapsed)
    return {**report, "interrupted": bool(pressed)}, bool(pressed)


def _read(
    name: str, options: EncodeKeywords, frames: tuple[ClipSource, str | None] | None
) -> Signal:
    """The image, sound or clip to encode."""
    if frames is not None:
        from inrcodec.images.clips import read_clip

        return read_clip(*frames)
    from inrcodec.batch.encoding import GRAPHIC, keep_memory
    from inrcodec.images.graphics import is_graphic
    from inrcodec.images.reading import as_picture
    from inrcodec.signals.wav import as_sound

    source = console.read_input("-") if name == "-" else name
    sound = as_sound(source)
    if sound is not None:
        return sound
    picture = as_picture(source)
    if is_graphic(picture):
        console.note(f"{name}: {GRAPHIC}")
    keep_memory(picture, options)
    return picture


def _report(
    name: str,
    path: str,
    signal: Signal,
    data: bytes,
    options: EncodeKeywords,
    steps: int,
    elapsed_s: float,
) -> dict[str, Any]:
    """Describe a file by what comes out of it."""
    from inrcodec.batch.encoding import encode_report, signal_report, sound_report
    from inrcodec.pixels import Picture, psnr
    from inrcodec.signals.records import Sound

    rest = data, options, steps, elapsed_s
    if isinstance(signal, Picture):
        return encode_report(name, path, signal, *rest)
    if isinstance(signal, Sound):
        return sound_report(name, path, signal, *rest)
    about = inrcodec.info(data)
    how: dict[str, Any] = {"threads": options["threads"], "device": options["device"]}
    return signal_report(name, path, data, steps, elapsed_s) | {
        "frames": about.frames,
        "width": about.width,
        "height": about.height,
        "bits_per_pixel": about.bits_per_pixel,
        "psnr_db": psnr(signal.sheet, inrcodec.decode_clip(data, **how).sheet),
    }


def summary(report: dict[str, Any]) -> str:
    """The report as one line for a person."""
    note = " (stopped early)" if report["interrupted"] else ""
    return f"{report['input']} -> {report['output']}: {measures(report)}{note}"


def measures(report: dict[str, Any]) -> str:
    """What was measured, for a person."""
    if report.get("kind") == "sound":
        rate = f"{report['bits_per_sample']:.3f} bits a sample"
        quality = f"SNR {report['snr_db']:.2f} dB"
    else:
        rate = f"{report['bits_per_pixel']:.3f} bpp"
        quality = f"{report['psnr_db']:.2f} dB"
    return f"{report['size_bytes']} bytes, {rate}, {quality}, {report['elapsed_s']:.1f} s"
