"""The diagonal Fisher information of a SIREN over an image, in closed form.

For a residual e(u) at pixel u, the gradient g(u) of e . f(u) with respect to a linear layer is the
outer product of the back-propagated signal d(u) and the layer's input a(u). Its square is the outer
product of the squares, so the sum over all pixels is one matrix product per layer:

    sum_u g(u)^2 = (d^2)^T (a^2)   for weights,      sum_u d^2   for biases.

That is one forward pass, one backward pass of signals, and one product in place of the weight
gradients: about the cost of one forward and backward, with no per-pixel loop. The sum of gradients
over each block of pixels, which a covariance needs, is a batch of small products beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from inrcodec.codec.ambient import independent
from inrcodec.codec.fitting.networks.batches import TILE_PIXELS
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren

Parameters = Mapping[str, Tensor]
Diagonal = dict[str, Tensor]


def output_sensitivity(
    model: Siren,
    parameters: Parameters,
    shape: tuple[int, int],
    *,
    tile_pixels: int = TILE_PIXELS,
) -> Diagonal:
    """Mean over pixels of sum_c (d f_c / d parameter)^2, float64, shaped like the parameters.

    `shape` is (H, W). This is the Fisher information of the network under unit white noise.
    About `tile_pixels` are held in memory at a time.
    """
    channels = model.channels
    units = torch.eye(channels).view(channels, 1, 1, channels).expand(-1, *shape, -1)
    each = squared_gradients(model, parameters, units, tile_pixels=tile_pixels)
    return {name: value.sum(0) for name, value in each.items()}


@independent
def squared_gradients(
    model: Siren,
    parameters: Parameters,
    residuals: Tensor,
    *,
    block: int = 1,
    tile_pixels: int = TILE_PIXELS,
    precision: torch.dtype | None = None,
) -> Diagonal:
    """Mean square, or with `block` > 1 variance, of the gradient of e . f, for every parameter.

    `residuals` e are (N, H, W, C) on the scale [-1, 1]; all share one forward pass. With `block` 1
    this is F_diag of the INRIQ paper, section 3.2; with more, the pooled variance of the gradient
    within blocks of `block` x `block` pixels, unbiased, those at the border smaller. Returns
    float64, (N, *shape of the parameter). About `tile_pixels` are held in memory at a time. Layers
    are computed in `precision` (default: that of the parameters): squares in bfloat16 are off by
    0.4 % at random, their means over pixels by far less, but a variance within blocks is a
    difference of them.
    """
    height, width = int(residuals.shape[1]), int(residuals.shape[2])
    count = len(residuals)
    total = {n: t.new_zeros(count, *t.shape, dtype=torch.float64) for n, t in parameters.items()}
    if precision is not None:
        parameters = {n: t.to(precision) for n, t in parameters.items()}
    rows = max(1, tile_pixels // (width * block)) * block
    freedom = 0
    for top in range(0, height, rows):
        tile = _Tile(model, parameters, range(top, min(top + rows, height)), (height, width), block)
        for number, residual in enumerate(residuals):
            tile.accumulate(residual, {name: value[number] for name, value in total.items()})
        freedom += tile.freedom
    return {name: (value / max(1, freedom)).clamp_min(0) for name, value in total.items()}


class _Tile:
    """One forward pass over some rows of blocks, pixels in the order of their blocks.

    Layer inputs and the derivatives of the sines are kept for every backward. A block at the right
    or lower border is filled up with pixels whose signal is 0.
    """

    def __init__(
        self,
        model: Siren,
        parameters: Parameters,
        rows: range,
        shape: tuple[int, int],
        block: int,
    ) -> None:
        self._parameters, self._layers, self._block = parameters, model.layers, block
        self._rows, self._width = rows, shape[1]
        present = torch.ones(len(rows), shape[1], 1)
        self._present = self._in_blocks(present).to(self._weight("0"))
        counts = self._present.view(-1, block * block).sum(1)
        self.freedom = int((counts - 1).sum()) if block > 1 else int(counts.sum())
        self._over_count = counts.rsqrt()[:, None, None]
        inputs = self._features(model, shape)
        self._inputs, self._slopes = [inputs], list[Tensor]()
        for layer in range(model.layers):
            phase = parameters[f"bias.{layer}"].addmm(inputs, self._weight(layer).T)
            self._slopes.append(phase.cos())
            inputs = phase.sin()
            self._inputs.append(inputs)
        self._squares = [inputs.square() for inputs in self._inputs]

    def _weight(self, layer: int | str) -> Tensor:
        """The matrix of a layer."""
        return self._parameters[f"weight.{layer}"]

    def _features(self, model: Siren, shape: tuple[int, int]) -> Tensor:
        """The positional encoding of every pixel, (pixels, features)."""
        down, across = (
            self._weight("0").new_tensor(model.features(coordinates(size))) for size in shape
        )
        down = down[self._rows.start : self._rows.stop, None].expand(-1, len(across), -1)
        return self._in_blocks(torch.cat([down, across[None].expand(len(down), -1, -1)], 2))

    def _in_blocks(self, grid: Tensor) -> Tensor:
        """(rows, columns, n) -> (pixels, n), block after block, borders filled up with zeros."""
        size = self._block
        grid = F.pad(grid, (0, 0, 0, -grid.shape[1] % size, 0, -grid.shape[0] % size))
        down, across = grid.shape[0] // size, grid.shape[1] // size
        return grid.view(down, size, across, size, -1).transpose(1, 2).reshape(-1, grid.shape[-1])

    def accumulate(self, residual: Tensor, total: Diagonal) -> None:
        """Add the squared gradients of one residual (H, W, C), less those of block means."""
        signal = self._in_blocks(residual[self._rows.start : self._rows.stop]).to(self._present)
        self._add("out", signal, self._layers, total)
        above = self._weight("out")
        for layer in range(self._layers - 1, -1, -1):
            signal = (signal @ above).mul_(self._slopes[layer])
            self._add(str(layer), signal, layer, total)
            above = self._weight(layer)

    def _add(self, name: str, signal: Tensor, below: int, total: Diagonal) -> None:
        """One layer's part."""
        squared = signal.square()
        total[f"weight.{name}"] += squared.T @ self._squares[below]
        total[f"bias.{name}"] += squared.sum(0)
        if self._block > 1:
            pixels = self._block**2
            signals = signal.view(-1, pixels, signal.shape[1]) * self._over_count
            inputs = self._inputs[below].view(-1, pixels, self._inputs[below].shape[1])
            total[f"weight.{name}"] -= torch.bmm(signals.mT, inputs).square_().sum(0)
            total[f"bias.{name}"] -= signals.sum(1).square_().sum(0)
