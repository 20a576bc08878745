"""Torch tensors as the compiled kernels (../native) take them, and back, without a copy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inrcodec.codec import native
from inrcodec.codec.native.networks import Array, Network


def serves(*tensors: Tensor) -> bool:
    """Whether the kernels take these tensors: float32 on a CPU."""
    return native.library() is not None and all(
        t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors
    )


def takes_network(tensors: Sequence[Tensor], *others: Tensor) -> bool:
    """Whether the kernels take the network of these tensors (those of a `TiledNetwork`) and the
    other tensors."""
    weights = tensors[: len(tensors) // 2 * 2 : 2]
    return serves(*tensors, *others) and native.takes([weights[0].shape[1], *map(len, weights)])


def network(tensors: Sequence[Tensor]) -> Network:
    """The network that these tensors hold, as the kernels take it."""
    return Network([array(t) for t in tensors])


def array(t: Tensor) -> Array:
    """The tensor as an array, which shares its memory if that is contiguous."""
    shared: NDArray[np.float32] = t.detach().contiguous().numpy()
    return shared


def arrays(tensors: Sequence[Tensor | None]) -> list[Array | None]:
    """The tensors as arrays; None stays None."""
    return [None if t is None else array(t) for t in tensors]


def tensors(results: Sequence[Array | None]) -> list[Tensor | None]:
    """Arrays as tensors that share their memory; None stays None."""
    return [None if a is None else torch.from_numpy(a) for a in results]
