"""The image part of a ViT (Dosovitskiy et al. 2021), as a function of its weights.

Parameter names are those of DINO's files and of CLIP's in the form that DreamSim ships.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

State = Mapping[str, Tensor]

HEADS = 12


@dataclass(frozen=True, slots=True)
class Form:
    """What the weights do not say: the epsilon of layer norms, and whether GELU is x sigmoid(1.702
    x)."""

    epsilon: float
    quick_gelu: bool = False


def class_token(x: Tensor, state: State, form: Form) -> Tensor:
    """The class token after the last block, (N, D), of normalised images of the size trained on.

    CLIP's files have a layer norm before the first block (`pos_drop`).
    """
    kernel = state["patch_embed.proj.weight"]
    patches = F.conv2d(x, kernel, state.get("patch_embed.proj.bias"), stride=kernel.shape[-1])
    tokens = patches.flatten(2).transpose(1, 2)
    tokens = torch.cat([state["cls_token"].expand(len(x), -1, -1), tokens], 1)
    tokens = tokens + state["pos_embed"]
    if "pos_drop.weight" in state:
        tokens = _norm(tokens, state, "pos_drop", form)
    block = 0
    while f"blocks.{block}.norm1.weight" in state:
        tokens = _block(tokens, state, f"blocks.{block}", form)
        block += 1
    return tokens[:, 0]


def normalised(x: Tensor, state: State, form: Form) -> Tensor:
    """The last layer norm of a token."""
    return _norm(x, state, "norm", form)


def _block(x: Tensor, state: State, name: str, form: Form) -> Tensor:
    """Attention, then two layers on each token, both beside what comes in."""
    mixed = _linear(_norm(x, state, f"{name}.norm1", form), state, f"{name}.attn.qkv")
    query, key, value = (
        part.reshape(*part.shape[:2], HEADS, -1).transpose(1, 2) for part in mixed.chunk(3, -1)
    )
    attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    x = x + _linear(attended, state, f"{name}.attn.proj")
    inner = _linear(_norm(x, state, f"{name}.norm2", form), state, f"{name}.mlp.fc1")
    inner = inner * torch.sigmoid(1.702 * inner) if form.quick_gelu else F.gelu(inner)
    return x + _linear(inner, state, f"{name}.mlp.fc2")


def _linear(x: Tensor, state: State, name: str) -> Tensor:
    """A linear layer by name."""
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def _norm(x: Tensor, state: State, name: str, form: Form) -> Tensor:
    """A layer norm by name."""
    return F.layer_norm(
        x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], form.epsilon
    )
