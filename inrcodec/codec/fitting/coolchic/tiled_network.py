"""A small network on one tile of positions at a time, with its backward pass written by hand.

Tensors are channel-first and flat, (channels, positions). A tile is as large as its activations
may be to stay in the cache; buffers are reused from tile to tile, since filling fresh memory costs
more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

TILE = 8192
"""Positions computed at once on a CPU: what a tile touches stays in the cache."""

_ALIGNED = 8
"""Matrix products on a multiple of 8 inputs run up to 1.6 times faster; zeros fill the gap."""


_positions = ContextVar("positions of a tile", default=TILE)


@contextmanager
def tiles_of(positions: int) -> Iterator[None]:
    """Compute with tiles of so many positions for a while."""
    token = _positions.set(positions)
    try:
        yield
    finally:
        _positions.reset(token)


def tile_size(x: Tensor) -> int:
    """Positions of a tile: a GPU takes all at once."""
    return _positions.get() if x.device.type == "cpu" else max(1, x.numel())


class TiledNetwork:
    """Hidden ReLU layers (one at least), an output layer, and an optional matrix straight from
    inputs to outputs. For each tile: `resize`, fill `inputs`, call `forward`, then `backward`.

    `tensors` is [W_0, b_0, W_1, b_1, ..., W_out, b_out] or the same and the linear matrix behind.
    """

    inputs: Tensor
    """(inputs, n), to be filled before `forward`."""

    def __init__(self, tensors: Sequence[Tensor], with_gradients: bool) -> None:
        first, self.with_gradients = tensors[0], with_gradients
        self._width = first.shape[1]
        gap = -self._width % _ALIGNED
        pairs = len(tensors) // 2
        self._weights = [_padded(first, gap), *tensors[2 : 2 * pairs : 2]]
        self._biases = [bias[:, None] for bias in tensors[1 : 2 * pairs : 2]]
        self._linear = _padded(tensors[-1], gap) if len(tensors) % 2 else None
        straight = [] if self._linear is None else [self._linear]
        self._to_inputs = torch.cat((self._weights[0], *straight)).t().contiguous()
        self._sums = [torch.zeros_like(t) for t in (*self._weights, *self._biases, *straight)]
        self._size = 0

    def resize(self, n: int) -> None:
        """Prepare for tiles of n positions; `inputs` becomes a new buffer when n changes."""
        if n == self._size:
            return
        self._size, new = n, self._weights[0].new_empty
        widths = [len(weight) for weight in self._weights]
        self._block = self._weights[0].new_zeros(self._weights[0].shape[1], n)
        self.inputs = self._block[: self._width]
        # once the gradient is below the last hidden layer, its buffer takes that of the inputs
        shared = new(max(widths[-2], len(self._block)), n)
        self._values = [*(new(w, n) for w in widths[:-2]), shared[: widths[-2]], new(widths[-1], n)]
        if self.with_gradients:
            # those of the first layer lie on those of the outputs: one product leads both down
            self._below = new(widths[0] + widths[-1], n)
            self._gradients = [self._below[: widths[0]], *(new(w, n) for w in widths[1:-1])]
            self._gradients.append(self._below[widths[0] :])
            self._by_inputs = shared[: len(self._block)]

    @property
    def output_gradient(self) -> Tensor:
        """(outputs, n), to be filled before `backward`."""
        return self._gradients[-1]

    def forward(self) -> Tensor:
        """Outputs (outputs, n) of `inputs`, valid until the next tile."""
        source = self._block
        last = len(self._weights) - 1
        for layer, out in enumerate(self._values):
            torch.addmm(self._biases[layer], self._weights[layer], source, out=out)
            source = out.relu_() if layer < last else out
        if self._linear is not None:
            source.addmm_(self._linear, self._block)
        return source

    def backward(self) -> Tensor:
        """`output_gradient` -> gradient of `inputs`; those of the tensors add up."""
        layers = len(self._weights)
        for layer in reversed(range(layers)):
            gradient = self._gradients[layer]
            below = self._values[layer - 1] if layer else self._block
            self._sums[layer].addmm_(gradient, below.t())
            self._sums[layers + layer].add_(gradient.sum(1, keepdim=True))
            if layer:
                out = self._gradients[layer - 1]
                if layer == layers - 1:
                    _outer(self._weights[layer], gradient, out)
                else:
                    torch.mm(self._weights[layer].t(), gradient, out=out)
                torch.ops.aten.threshold_backward.grad_input(out, below, 0, grad_input=out)
        if self._linear is None:
            below = self._gradients[0]
        else:
            self._sums[-1].addmm_(self._gradients[-1], self._block.t())
            below = self._below
        torch.mm(self._to_inputs, below, out=self._by_inputs)
        return self._by_inputs[: self._width]

    def gradients(self) -> list[Tensor]:
        """Gradients of `tensors` over all tiles, in their order."""
        layers = len(self._weights)
        self._sums[0] = self._sums[0][:, : self._width]
        result = []
        for weight, bias in zip(self._sums[:layers], self._sums[layers:], strict=False):
            result += [weight, bias[:, 0]]
        if self._linear is not None:
            result.append(self._sums[-1][:, : self._width])
        return result


def _padded(matrix: Tensor, gap: int) -> Tensor:
    return torch.nn.functional.pad(matrix, (0, gap))


def _outer(weight: Tensor, gradient: Tensor, out: Tensor) -> None:
    """weight^T gradient for the two or three outputs; a matrix product is slow at that."""
    columns = weight.t()
    torch.mul(columns[:, :1], gradient[:1], out=out)
    for k in range(1, len(gradient)):
        out.addcmul_(columns[:, k : k + 1], gradient[k : k + 1])
