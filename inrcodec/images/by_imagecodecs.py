"""Image files that imagecodecs decodes: those whose samples Pillow would cut."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import ImageError
from inrcodec.extras import require


def decoded(kind: Literal["png", "tiff"], data: bytes) -> NDArray[Any]:
    """The samples of a file as they are stored. Raises `ImageError`, and `MissingExtraError`
    without imagecodecs."""
    decode = getattr(require("imagecodecs", extra="encode"), f"{kind}_decode")
    try:
        return np.asarray(decode(data))
    except MemoryError:
        raise
    except Exception as error:  # imagecodecs raises its own and ValueError
        raise ImageError(f"cannot be decoded: {error}") from error
