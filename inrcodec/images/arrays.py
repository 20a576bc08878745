"""Arrays and tensors -> samples (H, W, C)."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import ImageError
from inrcodec.pixels import CHANNEL_NAMES, Samples, check_size, check_unit, from_unit


def is_tensor(value: object) -> bool:
    """Whether this is a torch tensor or of a class derived from it; never imports torch."""
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    return tensor is not None and isinstance(value, tensor)


def samples_of_tensor(tensor: Any) -> Samples:
    """Convert a torch tensor (C, H, W) or (H, W), on any device; see `samples_of_array`.

    Floats that numpy does not have, such as bfloat16, become float32.
    """
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point() and tensor.dtype.itemsize <= 2:
        tensor = tensor.float()
    array = tensor.numpy()
    if array.ndim == 3:
        if array.shape[0] not in CHANNEL_NAMES:
            raise ImageError(f"expected a tensor of shape (1..4, H, W), got {array.shape}")
        array = np.moveaxis(array, 0, -1)
    return samples_of_array(array)


def samples_of_array(array: NDArray[Any]) -> Samples:
    """Convert an array (H, W) or (H, W, C) to contiguous samples (H, W, C).

    uint8 and uint16 are kept, bool becomes 0 and 255, floats in [0, 1] become 8 bit. Raises
    `ImageError` for any other shape, type or value.
    """
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in CHANNEL_NAMES:
        raise ImageError(f"expected an array of shape (H, W) or (H, W, 1..4), got {array.shape}")
    check_size(array.shape[1], array.shape[0])
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return np.ascontiguousarray(array.astype(np.uint8) * 255)
    if np.issubdtype(array.dtype, np.floating):
        check_unit(float(array.min()), float(array.max()))
        precise = array.astype(np.promote_types(array.dtype, np.float32), copy=False)
        return from_unit(precise * 2 - 1, 8)
    raise ImageError(f"expected uint8, uint16, bool or float samples, got {array.dtype}")
