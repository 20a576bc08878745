"""Progress of a running fit, the same for all models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a running fit: share done in [0, 1], PSNR in dB (of a batch until the finish)."""

    stage: str
    share: float
    step: int
    psnr: float
    elapsed_s: float
    rounded_psnr: float | None = None

    @property
    def shown_psnr(self) -> float:
        """The PSNR that a progress bar shows, in dB: that of the best rounded network, once there
        is one."""
        return self.psnr if self.rounded_psnr is None else self.rounded_psnr
