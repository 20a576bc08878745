"""What structural similarity is: the numbers of its window and of its scales.

SSIM (Wang et al. 2004) and MS-SSIM (Wang et al. 2003): an 11 x 11 Gaussian window of sigma 1.5,
population covariance, only windows that lie wholly inside the image, each channel by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales (Wang et al. 2003, section 3.2)."""

SMALLEST_SIDE = WINDOW
SMALLEST_SIDE_MULTISCALE = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
"""161: below it the coarsest scale is smaller than the window."""


def gaussian() -> NDArray[np.float64]:
    """The window along one axis, (WINDOW,), summing to 1."""
    distance = np.arange(WINDOW) - WINDOW // 2
    kernel = np.exp(-np.square(distance) / (2 * SIGMA**2))
    window: NDArray[np.float64] = kernel / kernel.sum()
    return window
