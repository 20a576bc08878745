"""Clips: frames of one size, as a folder of images, a list of them or an animation."""

from __future__ import annotations

import glob
import io
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inrcodec.errors import ImageError, ImageWarning, InrCodecError, OptionError, warn
from inrcodec.files import name_of, read_bytes
from inrcodec.images.opening import extensions
from inrcodec.images.reading import read_image
from inrcodec.pixels import CHANNEL_NAMES, Picture
from inrcodec.signals.records import Clip, check_clip, rate_of

ClipSource: TypeAlias = "str | os.PathLike[str] | bytes | Sequence[str | os.PathLike[str]]"
"""A folder of images, a pattern, an animation or its bytes, or paths of images in order."""

USUAL_RATE = Fraction(25)
"""Frames a second where nothing says how many."""

ANIMATIONS = ("GIF", "PNG", "WEBP")
"""Formats of which all frames are read and written."""

MAX_DURATION_MS = 1 << 20


def read_clip(source: ClipSource, rate: int | float | str | Fraction | None = None) -> Clip:
    """Read a clip from images of one size: a folder of them (in the order of their names), a
    pattern, a list of paths in order, or an animation (GIF, WebP, APNG).

    `rate` is the frames a second; None stands for that of an animation, or 25. Colours that all
    frames have alike, gray or without transparency, take no channels. Raises `ImageError`, and
    `OptionError` for a rate.
    """
    wanted = None if rate is None else rate_of(rate)
    paths = frame_paths(source)
    if paths is not None:
        return Clip(*_read_frames(paths, wanted or USUAL_RATE))
    data = read_bytes(source, error=ImageError)  # type: ignore[arg-type]
    name = name_of(source)
    try:
        frames, told, icc, notes = _read_animation(data)
    except InrCodecError as error:
        error.about(name)
        raise
    for reason in notes:
        warn(reason if name is None else f"{name}: {reason}", ImageWarning)
    return Clip(frames, wanted or told or USUAL_RATE, icc)


def frame_paths(source: ClipSource) -> list[str] | None:
    """The images of a folder, a pattern or a list; None for one file, which is an animation. Raises
    `ImageError` where there are none."""
    if isinstance(source, (list, tuple)):
        paths = [os.fspath(path) for path in source]
    elif isinstance(source, bytes):
        return None
    elif os.path.isdir(name := os.fspath(source)):  # type: ignore[arg-type]
        known = extensions()
        names = sorted(os.listdir(name))
        paths = [os.path.join(name, n) for n in names if Path(n).suffix.lower() in known]
    elif set(name) & set("*?[") and not os.path.lexists(name):
        paths = sorted(glob.glob(name))
    else:
        return None
    if not paths:
        raise ImageError("the clip is empty: there are no images").about(name_of(source))
    return paths


def _read_frames(paths: Sequence[str], rate: Fraction) -> tuple[NDArray[Any], Fraction, Any]:
    """Frames, rate and profile of images of one size."""
    first = read_image(paths[0])
    check_clip(len(paths), first.width, first.height)
    frames = np.empty((len(paths), *first.pixels.shape), first.pixels.dtype)
    for number, path in enumerate(paths):
        picture = read_image(path) if number else first
        if _kind(picture) != _kind(first):
            raise ImageError(
                f"frames of a clip are of one size and kind; this one has {_kind(picture)}, "
                f"{paths[0]} has {_kind(first)}"
            ).about(path)
        frames[number] = picture.pixels
    return frames, rate, first.icc


def _kind(picture: Picture) -> str:
    """Size, colours and depth, for people."""
    colours = CHANNEL_NAMES[picture.channels]
    return f"{picture.width} x {picture.height} {colours}, {picture.bit_depth} bit"


def _read_animation(
    data: bytes,
) -> tuple[NDArray[np.uint8], Fraction | None, bytes | None, list[str]]:
    """Frames, rate, profile, and what was left behind of an animation."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            count = getattr(image, "n_frames", 1)
            check_clip(count, *image.size)
            if count < 2 or image.format not in ANIMATIONS:
                raise ImageError(
                    "a clip is a folder of frames or an animation (GIF, WebP, APNG), not an image"
                )
            frames = np.empty((count, image.height, image.width, 4), np.uint8)
            durations = []
            for number in range(count):
                image.seek(number)
                frames[number] = np.asarray(image.convert("RGBA"))
                durations.append(_duration_ms(image))
            icc = image.info.get("icc_profile") or None
    except InrCodecError:
        raise
    except MemoryError:
        raise ImageError("not enough memory to decode the animation") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error and many more
        reason = str(error).replace("\n", " ") or type(error).__name__
        raise ImageError(f"cannot be decoded: {reason}") from error
    total, notes = sum(durations), []
    if len(set(durations)) > 1:
        notes.append("frames have different durations; a clip has one rate, their mean")
    rate = rate_of(float(1000 * count / total)) if total else None
    return _fewest_channels(frames), rate, icc, notes


def _duration_ms(image: Image.Image) -> float:
    """How long a frame is shown; 0 where nothing sensible is said."""
    found = image.info.get("duration", 0)
    sensible = isinstance(found, (int, float)) and 0 <= found <= MAX_DURATION_MS
    return float(found) if sensible else 0.0


def _fewest_channels(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames (T, H, W, 4) without alpha where all is opaque, and gray where all is."""
    gray = all(np.array_equal(frames[..., 0], frames[..., k]) for k in (1, 2))
    kept = [0] if gray else [0, 1, 2]
    if not (frames[..., 3] == 255).all():
        kept.append(3)
    return np.ascontiguousarray(frames[..., kept])


def frames_of(clip: Clip) -> Iterator[Picture]:
    """The frames as images."""
    return (Picture(frame, icc=clip.icc) for frame in clip.frames)


def animation_bytes(clip: Clip, image_format: str) -> bytes:
    """Write a clip as an animation, "GIF", "PNG" (APNG) or "WEBP", the last two lossless, endless.

    Raises `OptionError` for another format, and for 16 bit.
    """
    check_animation(image_format)
    if clip.frames.dtype != np.uint8:
        raise OptionError("an animation has 8 bit; write frames/%03d.png, or --bit-depth 8")
    frames = [Image.fromarray(f[..., 0] if f.shape[2] == 1 else f) for f in clip.frames]
    options: dict[str, Any] = {"icc_profile": clip.icc} if clip.icc else {}
    if image_format == "WEBP":
        options |= {"lossless": True, "quality": 0}
    out = io.BytesIO()
    frames[0].save(
        out,
        image_format,
        save_all=True,
        append_images=frames[1:],
        duration=list(durations_ms(len(frames), clip.rate)),
        loop=0,
        **options,
    )
    return out.getvalue()


def check_animation(image_format: str) -> None:
    """Raise `OptionError` for a format that no animation is written in."""
    if image_format not in ANIMATIONS:
        known = "frames/%03d.png, or a name in .png, .webp or .gif"
        raise OptionError(f"{image_format} holds no animation; write {known}")


def durations_ms(count: int, rate: Fraction) -> Iterable[int]:
    """Whole milliseconds of each frame, whose sum stays near the time they take."""
    times = [round(1000 * number / rate) for number in range(count + 1)]
    return (max(1, later - sooner) for sooner, later in itertools.pairwise(times))
