"""Turn whatever a caller holds into the pair of tensors that every metric compares.

Policies, the same for all metrics:

- integer samples are divided by their own peak: 8 and 16 bit compare as values in [0, 1];
- alpha: both images are laid over mid-gray (0.5), for PSNR over black and over white; an image
  without alpha is opaque;
- gray: compared as one channel if both are gray, else repeated to three;
- sizes must agree; nothing is resized, cropped or clipped;
- integers, paths and PIL images become float64, half precision float32; other float tensors keep
  their type, device and gradient.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.codec.format.bitstream import SIGNATURE
from inrcodec.errors import ImageError
from inrcodec.images.reading import as_picture
from inrcodec.pixels import Picture, check_unit

BACKGROUND = 0.5
BLACK_AND_WHITE = (0.0, 1.0)


@independent
def pair(
    reference: object, decoded: object, *, smallest: int = 1, colour: bool = False
) -> tuple[Tensor, Tensor]:
    """Convert two images or batches to (N, C, H, W) in [0, 1], C = 1 or 3, ready to compare.

    One reference may stand for a whole batch of decoded images. `smallest` is the least side the
    metric can do with; `colour` asks for three channels. Raises `ImageError` for different sizes,
    images too small, NaN and values outside [0, 1].
    """
    return _paired(batch(reference), batch(decoded), smallest=smallest, colour=colour)


def pairs_over(
    reference: object,
    decoded: object,
    backgrounds: tuple[float, ...],
    *,
    smallest: int = 1,
    colour: bool = False,
) -> list[tuple[Tensor, Tensor]]:
    """The pair over each of these grays in turn, else as `pair`; one pair where neither image has
    alpha."""
    first, second = (_over(image, backgrounds) for image in (reference, decoded))
    most = max(len(first), len(second))
    return [
        _paired(x, y, smallest=smallest, colour=colour)
        for x, y in zip(first * most, second * most, strict=False)
    ][:most]


def _paired(x: Tensor, y: Tensor, *, smallest: int, colour: bool) -> tuple[Tensor, Tensor]:
    """Two batches ready to compare, as `pair` says."""
    if len(x) == 1 < len(y):
        x = x.expand(len(y), -1, -1, -1)
    if x.shape[-2:] != y.shape[-2:] or len(x) != len(y):
        raise ImageError(f"the images differ in size or number: {_size(x)} and {_size(y)}")
    if min(x.shape[-2:]) < smallest:
        raise ImageError(f"{_size(x)} is too small: both sides must be at least {smallest} pixels")
    if colour or x.shape[1] != y.shape[1]:
        x, y = (image.expand(-1, 3, -1, -1) for image in (x, y))
    dtype = torch.promote_types(x.dtype, y.dtype)
    return x.to(dtype), y.to(dtype)


def on_device(image: object, device: str) -> Tensor | list[Tensor]:
    """The image on a torch device, (N, 1..4, H, W) in [0, 1] with straight alpha.

    What `batch` and `pairs_over` make of it is what they make of `image`. A list stays one.
    """
    if isinstance(image, (list, tuple)):
        return [picture[None] for item in image for picture in _straight(item).to(device)]
    return _straight(image).to(device)


@independent
def batch(image: object) -> Tensor:
    """Convert an image or a batch to (N, C, H, W) in [0, 1], C = 1 or 3, over mid-gray.

    Accepts a path or bytes (of an image or a .inr file), a file object, a PIL image, a `Picture`;
    numpy (H, W), (H, W, C) or (N, H, W, C); torch (H, W), (C, H, W) or (N, C, H, W); or a list of
    any of these, of one size.
    """
    return _over(image, (BACKGROUND,))[0]


def _over(image: object, backgrounds: tuple[float, ...]) -> list[Tensor]:
    """Batches as `batch` makes them over each of the backgrounds; one of an image without alpha."""
    if isinstance(image, (list, tuple)):
        if not image:
            raise ImageError("the list of images is empty")
        parts = [_over(item, backgrounds) for item in image]
        if len({part[0].shape[1:] for part in parts}) > 1:
            raise ImageError("the images of a batch differ in size or channels")
        most = max(len(part) for part in parts)
        return [torch.cat([part[i % len(part)] for part in parts]) for i in range(most)]
    tensor = _straight(image)
    if tensor.shape[1] not in (2, 4):
        return [tensor]
    colour, alpha = tensor[:, :-1], tensor[:, -1:]
    return [colour * alpha + background * (1 - alpha) for background in backgrounds]


def _straight(image: object) -> Tensor:
    """One image or an array of them as (N, C, H, W) in [0, 1], C = 1..4, alpha straight."""
    if isinstance(image, Tensor):
        tensor = _scaled(image.clone() if image.is_inference() else image)
        tensor = tensor[None] if tensor.ndim == 2 else tensor
        tensor = tensor[None] if tensor.ndim == 3 else tensor
        expected = "(H, W), (C, H, W) or (N, C, H, W)"
    elif isinstance(image, np.ndarray):
        tensor = _scaled(_from_numpy(image))
        tensor = tensor[:, :, None] if tensor.ndim == 2 else tensor
        tensor = tensor[None] if tensor.ndim == 3 else tensor
        tensor = tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor
        expected = "(H, W), (H, W, C) or (N, H, W, C)"
    else:
        tensor = _scaled(_from_numpy(_picture(image).pixels)).permute(2, 0, 1)[None]
        expected = "(H, W, C)"
    if tensor.ndim != 4 or tensor.shape[1] not in (1, 2, 3, 4) or 0 in tensor.shape:
        shape = tuple(getattr(image, "shape", tensor.shape))
        raise ImageError(f"expected an array of shape {expected} with 1..4 channels, got {shape}")
    _check_values(tensor)
    return tensor


def _picture(image: object) -> Picture:
    """Read an image file or, by its signature, decode a .inr file."""
    data = image
    if isinstance(image, (str, os.PathLike)):
        try:
            with open(image, "rb") as file:
                data = file.read(len(SIGNATURE))
        except (OSError, ValueError):
            return as_picture(image)  # says why
    if not (isinstance(data, bytes) and data.startswith(SIGNATURE)):
        return as_picture(image)
    from inrcodec.codec.decode import decode_picture

    return decode_picture(image if isinstance(image, bytes) else Path(str(image)).read_bytes())


def _from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """Make a tensor of the same values; uint16, for which torch has few operators, scaled."""
    if array.dtype == np.uint16:
        return torch.from_numpy(array.astype(np.float64) / 65535)
    if array.dtype not in (np.uint8, np.bool_) and not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"expected uint8, uint16, bool or float samples, got {array.dtype}")
    wanted = array.dtype if array.dtype.itemsize <= 8 else np.dtype(np.float64)
    return torch.from_numpy(array.astype(wanted.newbyteorder("=")))


def _scaled(tensor: Tensor) -> Tensor:
    """Scale integer samples to float64 in [0, 1]; leave floats as they are."""
    if tensor.is_floating_point():
        return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    if tensor.dtype == torch.bool:
        return tensor.double()
    if tensor.dtype in (torch.uint8, torch.uint16):
        return tensor.double() / torch.iinfo(tensor.dtype).max
    raise ImageError(f"expected uint8, uint16, bool or float samples, got {tensor.dtype}")


def _check_values(tensor: Tensor) -> None:
    """Raise `ImageError` for NaN, infinities and values outside [0, 1]."""
    check_unit(*(float(bound) for bound in torch.aminmax(tensor.detach())))


def _size(tensor: Tensor) -> str:
    """Describe width x height, and the number of images of a batch."""
    count = f"{len(tensor)} images of " if len(tensor) > 1 else ""
    return f"{count}{tensor.shape[-1]} x {tensor.shape[-2]} pixels"
