"""Progress of a running fit, the same for all models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a running encode: the share of all of it that is done, in [0, 1], training steps,
    and seconds.

    - `psnr`: PSNR in dB of the last training step, or of some
    - `rounded_psnr`: that of what would be written now; None where it is not known yet
    - `size_bytes`: about the bytes of what would be written now, likewise
    """

    stage: str
    share: float
    step: int
    psnr: float
    elapsed_s: float
    rounded_psnr: float | None = None
    size_bytes: int | None = None
