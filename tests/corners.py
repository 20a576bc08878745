"""A little of what a file decodes to: enough to tell networks apart, whatever its header claims."""

import numpy as np

import inrcodec


def corner(data: bytes) -> np.ndarray:
    """The upper left 8 x 8 pixels, of a clip those of two frames, or about 8 samples of sound."""
    about = inrcodec.info(data)
    crop = (0, 0, min(8, about.width), min(8, about.height))
    if about.kind == "sound":
        return inrcodec.decode_sound(data, rate=max(1, round(8 * about.rate / about.width))).samples
    if about.kind == "clip":
        return inrcodec.decode_clip(data, frames=2, crop=crop).frames
    return inrcodec.decode(data, crop=crop)
