"""Images that the tests of runs share."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def images(photo: np.ndarray, small: np.ndarray, tmp_path: Path) -> dict[str, object]:
    """One picture as a file, one as an array."""
    Image.fromarray(photo).save(tmp_path / "cup.png")
    return {"cup": tmp_path / "cup.png", "waves": small}
