"""Image files made for a test."""

import io

import numpy as np
from PIL import Image

RAMP = np.arange(60, dtype=np.uint8).reshape(5, 12)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The bytes of an image file that Pillow writes."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
