"""Gaussian noise on 8-bit images."""

import numpy as np


def noisy(pixels, sigma=12, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)
