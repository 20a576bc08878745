"""What a user sees of simulated sessions: the quality of every frame, and when it is good enough.

A file is compared with a progressive JPEG of about its size over the same links. Nothing here
decodes: the caller says how good what has arrived is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from inrcodec.streaming.protocol.frame import Frame
from inrcodec.streaming.protocol.messages import Mode
from inrcodec.streaming.protocol.stream import Stream
from inrcodec.streaming.simulated.session import (
    Conditions,
    Transmission,
    simulate,
    simulate_bytes,
)

STREAM_MODES = {mode.name.lower(): mode for mode in Mode}
JPEG_MODES = {"jpeg": True, "jpeg-once": False}
"""Modes of the JPEG, and whether lost datagrams are sent again."""

NEAR_SHARE = 0.95
"""The share of the PSNR of the whole file from which on an image counts as nearly as good."""

EXACT_DB = 60.0
"""What an image without any error counts as, in dB: the rounding to 8 bits alone leaves 58.9."""

Quality = Callable[[tuple[bytes, ...]], float]
"""From runs of a file to the PSNR of their image in dB; NaN if there is nothing to see."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One session and what was seen of it.

    `frames` are those with an image, each with its PSNR in dB. Times are in seconds and NaN for
    what never happened: the first image, one nearly as good as the whole file, and the last.
    """

    mode: str
    seed: int
    session: Transmission
    frames: tuple[tuple[Frame, float], ...]
    first_s: float
    near_s: float
    last_s: float
    last_psnr_db: float


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A progressive JPEG, and how good its beginnings are."""

    data: bytes
    quality: Quality


class Comparison:
    """A stream, and perhaps a JPEG, to send over simulated links."""

    def __init__(self, stream: Stream, quality: Quality, jpeg: Jpeg | None = None) -> None:
        self._stream, self._quality, self._jpeg = stream, quality, jpeg

    def run(self, mode: str, link: Conditions) -> Trial:
        """Run one session; `mode` is one of `STREAM_MODES` or, with a JPEG, of `JPEG_MODES`."""
        if mode in STREAM_MODES:
            session = simulate(self._stream, STREAM_MODES[mode], link)
            return _trial(mode, link, session, self._quality, self._stream.data)
        if self._jpeg is None:
            raise ValueError(f"there is no JPEG to send in mode {mode!r}")
        data, quality = self._jpeg.data, self._jpeg.quality
        session = simulate_bytes(data, reliable=JPEG_MODES[mode], conditions=link)
        return _trial(mode, link, session, quality, data)


def _trial(
    mode: str, link: Conditions, session: Transmission, quality: Quality, whole: bytes
) -> Trial:
    """Rate the frames of a session against the quality of the whole file."""
    rated = [(frame, quality(frame.runs)) for frame in session.frames]
    seen = [(frame, value) for frame, value in rated if not math.isnan(value)]
    near = NEAR_SHARE * min(quality((whole,)), EXACT_DB)
    return Trial(
        mode=mode,
        seed=link.seed,
        session=session,
        frames=tuple(seen),
        first_s=seen[0][0].elapsed_s if seen else math.nan,
        near_s=next((frame.elapsed_s for frame, value in seen if value >= near), math.nan),
        last_s=seen[-1][0].elapsed_s if seen else math.nan,
        last_psnr_db=seen[-1][1] if seen else math.nan,
    )
