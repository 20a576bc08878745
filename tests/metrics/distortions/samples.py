"""Images that the tests of the distortions share."""

import numpy as np
from PIL import Image
from skimage import data

PHOTO = np.asarray(Image.fromarray(data.astronaut()).resize((144, 120), Image.Resampling.LANCZOS))


GRAY = np.full((128, 128, 3), 128, np.uint8)


NOISE = np.random.default_rng(5).integers(0, 256, (96, 112, 3), np.uint8)


def places(height: int, width: int) -> np.ndarray:
    """A picture that says in R and G where each of its pixels was."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, 0 * rows], axis=2).astype(np.uint8)


def random() -> np.random.Generator:
    return np.random.default_rng(11)
