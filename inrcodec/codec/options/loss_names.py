"""Which losses there are by name, their default weights, and which of them `tune` picks.

The functions themselves are in `fitting.losses` and, of losses that are metrics, in
`inrcodec.metrics`.
"""

from __future__ import annotations

METRIC_LOSSES = ("lpips", "iem", "ssimulacra2")
"""Losses that are metrics, whose functions come from `inrcodec.metrics`."""

METRIC_LOSSES_OF_ARRAYS = ("ssimulacra2",)
"""The losses among `METRIC_LOSSES` that need no torch."""

LOSSES = ("mse", "l1", "logcosh", "lcssim", "l1ssim", "ms-ssim", "l1msssim", *METRIC_LOSSES)
"""All losses that have a name."""

LOSS_WEIGHTS = {
    "lcssim": 0.01,
    "l1ssim": 0.2,
    "l1msssim": 0.84,
    "lpips": 0.01,
    "iem": 0.9,
    "ssimulacra2": 0.01,
}
"""Default weight of the term that is not squared or absolute error, for losses of two terms; those
of `lcssim` and `l1ssim` are as in the paper."""

SIGNAL_LOSSES = ("mse", "l1", "logcosh")
"""The losses of sound and of clips; others compare images."""

TUNES = {
    "psnr": ("mse",),
    "ms-ssim": ("l1msssim", "lcssim", "mse"),
    "perceptual": ("lcssim", "mse"),
    "ssimulacra2": ("ssimulacra2",),
}
"""What a file is to be good at, and the losses for it: the first that takes so small an image. By
benchmarks/rate/losses.py: among files of one size `l1msssim` has the MS-SSIM of `ms-ssim` with a
better PSNR and LPIPS; `lcssim` has the best LPIPS, a better MS-SSIM than `mse`, and nearly its
PSNR."""
