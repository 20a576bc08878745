"""What weights are to survive, as an encoder is told; robust.py makes the gradients for it."""

from __future__ import annotations

from dataclasses import dataclass

EXPANSION = 1e-7
"""Weight of the penalty `expansion` beside `jacobian`. It costs nothing, keeps long fits of small
images together and leaves more of them under damage (benchmarks/networks/robust_weights.py)."""


@dataclass(frozen=True, slots=True)
class Robust:
    """One of the seven ways by name, its strength, and the weight of the penalty `expansion` beside
    `jacobian`."""

    way: str
    strength: float
    expansion: float = 0.0

    @property
    def in_float32(self) -> bool:
        """Whether the fit must compute in float32: bfloat16 cannot tell apart the two places of a
        finite difference."""
        return self.way in ("jacobian", "gradient-norm", "gradient-norm-exact")
