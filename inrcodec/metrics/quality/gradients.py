"""What metrics that compare gradients share: gradient magnitude, and Dice similarity."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

PREWITT = (1 / 3, 1 / 3, 1 / 3)
SCHARR = (3 / 16, 10 / 16, 3 / 16)
TINY = 1e-20
"""Below roots whose gradient would be infinite; gradients of 255 values hardly see it."""


def magnitude(x: Tensor, smooth: tuple[float, float, float]) -> Tensor:
    """Length of the gradient of (N, 1, H, W): a 3 x 3 difference, `smooth` across; 0 outside."""
    across = x.new_tensor(smooth)[:, None] * x.new_tensor([-1.0, 0.0, 1.0])
    both = F.conv2d(x, x.new_tensor([across.tolist(), across.T.tolist()])[:, None], padding=1)
    return both.square().sum(1, keepdim=True).clamp_min(TINY).sqrt()


def similarity(x: Tensor, y: Tensor, constant: float) -> Tensor:
    """(2 x y + c) / (x^2 + y^2 + c): 1 where they are equal."""
    return (2 * x * y + constant) / (x * x + y * y + constant)


def halved_over_zeros(x: Tensor) -> Tensor:
    """Means over 2 x 2 pixels, an odd side filled up with zeros (MATLAB's conv2, then 1:2:end)."""
    return F.avg_pool2d(F.pad(x, (0, x.shape[-1] % 2, 0, x.shape[-2] % 2)), 2)
