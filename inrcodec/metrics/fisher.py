"""The diagonal Fisher information of a SIREN over a picture, in closed form.

For a residual e(u) at pixel u, the gradient of e . f(u) with respect to a linear layer W is the
outer product of the back-propagated signal d(u) and the layer's input a(u). Its square is the outer
product of the squares, so the sum over all pixels is one matrix product per layer:

    sum_u g(u)^2 = (d^2)^T (a^2)   for weights,      sum_u d^2   for biases.

That is one forward pass, one backward pass of signals, and one product in place of the weight
gradients: the cost of one forward and backward, with no per-pixel loop. The first layer, whose
inputs are the positional encoding of y beside that of x, needs only sums over rows and columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from inrcodec.codec.fit import TILE_PIXELS, coordinates
from inrcodec.codec.models.siren import Siren

Parameters = Mapping[str, Tensor]


def squared_gradients(
    model: Siren, parameters: Parameters, residuals: Sequence[Tensor | None], shape: tuple[int, int]
) -> list[dict[str, Tensor]]:
    """Mean over pixels of the squared gradients of e . f, for every residual picture e.

    `residuals` are (H, W, C) pictures on the scale [-1, 1]; None stands for the identity, the sum
    over channels of squared gradients of each output. `shape` is (H, W). All of them share one
    forward pass. Returns float64 tensors shaped like the parameters (INRIQ section 3.2: F_diag).
    """
    height, width = shape
    totals = [
        {
            name: tensor.new_zeros(tensor.shape, dtype=torch.float64)
            for name, tensor in parameters.items()
        }
        for _ in residuals
    ]
    rows = max(1, TILE_PIXELS // width)
    for top in range(0, height, rows):
        tile = range(top, min(top + rows, height))
        forward = _Forward(model, parameters, tile, height, width)
        for total, residual in zip(totals, residuals, strict=True):
            for signal in _signals(residual, tile, forward):
                forward.accumulate(signal, total)
    for total in totals:
        for value in total.values():
            value /= height * width
    return totals


def _signals(residual: Tensor | None, tile: range, forward: _Forward) -> list[Tensor]:
    """What is propagated back from the outputs, (pixels, C) each: e, or every unit vector."""
    if residual is not None:
        return [residual[tile.start : tile.stop].reshape(-1, residual.shape[-1])]
    outputs = forward.weight("out")
    identity = torch.eye(len(outputs), dtype=outputs.dtype, device=outputs.device)
    return [row.expand(forward.pixels, -1) for row in identity]


class _Forward:
    """One tile of rows: layer inputs and the derivatives of the sines, kept for every backward."""

    def __init__(
        self, model: Siren, parameters: Parameters, tile: range, height: int, width: int
    ) -> None:
        self._layers, self._parameters = model.layers, parameters
        self._rows, self._columns = len(tile), width
        self.pixels = len(tile) * width
        first = self.weight("0")
        half = first.shape[1] // 2
        self._down = first.new_tensor(model.features(coordinates(height)[tile.start : tile.stop]))
        self._across = first.new_tensor(model.features(coordinates(width)))
        phase = (self._down @ first[:, :half].T + parameters["bias.0"])[:, None] + (
            self._across @ first[:, half:].T
        )
        phase = phase.flatten(0, 1)
        self._inputs: list[Tensor] = []
        self._slopes = [phase.cos()]
        for layer in range(1, model.layers):
            self._inputs.append(phase.sin())
            phase = parameters[f"bias.{layer}"].addmm(self._inputs[-1], self.weight(layer).T)
            self._slopes.append(phase.cos())
        self._inputs.append(phase.sin())
        self._squares = [inputs.square() for inputs in self._inputs]

    def weight(self, layer: int | str) -> Tensor:
        """The matrix of a layer."""
        return self._parameters[f"weight.{layer}"]

    def accumulate(self, signal: Tensor, total: dict[str, Tensor]) -> None:
        """Add the squared gradients of one output signal (pixels, C), summed over the tile."""
        squared = signal.square()
        total["weight.out"] += squared.T @ self._squares[-1]
        total["bias.out"] += squared.sum(0)
        above = self.weight("out")
        for layer in range(self._layers - 1, 0, -1):
            signal = (signal @ above).mul_(self._slopes[layer])
            squared = signal.square()
            total[f"weight.{layer}"] += squared.T @ self._squares[layer - 1]
            total[f"bias.{layer}"] += squared.sum(0)
            above = self.weight(layer)
        squared = (signal @ above).mul_(self._slopes[0]).square_()
        grid = squared.view(self._rows, self._columns, -1)
        by_row, by_column = grid.sum(1), grid.sum(0)
        first = torch.cat([by_row.T @ self._down.square(), by_column.T @ self._across.square()], 1)
        total["weight.0"] += first
        total["bias.0"] += by_row.sum(0)
