"""Upsampling of latents by two, with backward passes written by hand.

A separable kernel has four taps for even outputs, mirrored for odd ones. Seen flat, with replicated
borders, both are sums of shifted slices whether the axis is rows or columns: one channel at a
time, in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from inrcodec.codec import bridge
from inrcodec.codec.native import pictures

_REACH = 2
ROWS, COLUMNS = 0, 1


def upsample_below(
    finest: Tensor, coarser: Tensor, taps: Tensor, corner: tuple[int, int] = (0, 0)
) -> Tensor:
    """An image (H, W) and, behind it, `coarser` (C, h, w) twice as fine: (1 + C, H, W).

    `taps` (4,) are those of even outputs on rows i - 2 .. i + 1; borders are replicated. `corner`
    is the row and column of the doubled images where `finest` lies.
    """
    result: Tensor = _UpsampleBelow.apply(  # type: ignore[no-untyped-call]
        finest, coarser, taps, corner
    )
    return result


class _UpsampleBelow(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, finest: Tensor, coarser: Tensor, taps: Tensor, corner: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(coarser, taps)
        ctx.corner = corner
        out = finest.new_empty(1 + len(coarser), *finest.shape)
        out[0] = finest
        if bridge.serves(coarser, taps):
            given = bridge.array(coarser), bridge.array(taps), corner
            pictures.upsample(*given, bridge.array(out[1:]))
            return out
        values = taps.tolist()
        for channel, target in zip(coarser, out[1:], strict=True):
            wide = _double(_pad(channel, COLUMNS), values, COLUMNS)
            full = _double(_pad(wide, ROWS), values, ROWS)
            target.copy_(_window(full, ctx.corner, target.shape))
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        coarser, taps = ctx.saved_tensors
        if bridge.serves(coarser, taps):
            given = bridge.array(coarser), bridge.array(taps), ctx.corner
            results = pictures.upsample_back(*given, bridge.array(gradients[0][1:]))
            return gradients[0][0], *bridge.tensors(results), None
        values, by_taps = taps.tolist(), torch.zeros_like(taps)
        by_coarser = torch.empty_like(coarser)
        _, height, width = coarser.shape
        full = taps.new_zeros(2 * height, 2 * width)
        window = _window(full, ctx.corner, gradients[0].shape[1:])
        for channel, gradient, target in zip(coarser, gradients[0][1:], by_coarser, strict=True):
            window.copy_(gradient)
            padded = _pad(channel, COLUMNS)
            wide = _pad(_double(padded, values, COLUMNS), ROWS)
            by_wide = _halve(full, wide, values, ROWS, by_taps)
            target.copy_(_halve(by_wide, padded, values, COLUMNS, by_taps))
        return gradients[0][0], by_coarser, by_taps, None


def _window(full: Tensor, corner: Sequence[int], shape: Sequence[int]) -> Tensor:
    return full[corner[0] : corner[0] + shape[0], corner[1] : corner[1] + shape[1]]


def _pad(x: Tensor, axis: int) -> Tensor:
    """Two replicated rows or columns on both sides."""
    pad = (_REACH, _REACH, 0, 0) if axis == COLUMNS else (0, 0, _REACH, _REACH)
    return F.pad(x[None, None], pad, mode="replicate")[0, 0]


def _shifts(padded: Tensor, axis: int) -> list[Tensor]:
    """The flat image from row or column 0, 1, .. 4 on."""
    step = padded.shape[1] if axis == ROWS else 1
    flat = padded.reshape(-1)
    count = flat.numel() - 2 * _REACH * step
    return [flat[first * step : first * step + count] for first in range(2 * _REACH + 1)]


def _double(padded: Tensor, taps: Sequence[float], axis: int) -> Tensor:
    """Twice as many rows or columns as there were before padding."""
    rows, columns = padded.shape
    parts = _shifts(padded, axis)
    out = padded.new_empty(2, rows * columns)
    for phase, order in enumerate((parts, parts[::-1])):
        target = out[phase, : parts[0].numel()]
        torch.mul(order[0], taps[0], out=target)
        for k in (1, 2, 3):
            target.add_(order[k], alpha=taps[k])
    even_odd = out.view(2, rows, columns)
    if axis == ROWS:
        return even_odd[:, : rows - 2 * _REACH].transpose(0, 1).reshape(-1, columns)
    return even_odd[:, :, : columns - 2 * _REACH].permute(1, 2, 0).reshape(rows, -1)


def _halve(
    gradient: Tensor, padded: Tensor, taps: Sequence[float], axis: int, by_taps: Tensor
) -> Tensor:
    """Gradient of `_double`: of what `padded` was padded from; that of the taps adds up."""
    rows, columns = gradient.shape
    split = (-1, 2, columns) if axis == ROWS else (rows, -1, 2)
    phases = gradient.view(split).movedim(axis + 1, 0)
    gap = (0, 0, 0, 2 * _REACH) if axis == ROWS else (0, 2 * _REACH)
    even, odd = F.pad(phases, gap).flatten(1)
    by_padded = torch.zeros_like(padded)
    parts, targets = _shifts(padded, axis), _shifts(by_padded, axis)
    count = parts[0].numel()
    even, odd = even[:count], odd[:count]
    for k, tap in enumerate(taps):
        by_taps[k] += torch.dot(even, parts[k]) + torch.dot(odd, parts[4 - k])
        targets[k].add_(even, alpha=tap)
        targets[4 - k].add_(odd, alpha=tap)
    lines = by_padded.unbind(axis)
    lines[2].add_(lines[0]).add_(lines[1])
    lines[-3].add_(lines[-1]).add_(lines[-2])
    return by_padded.narrow(axis, _REACH, padded.shape[axis] - 2 * _REACH)
