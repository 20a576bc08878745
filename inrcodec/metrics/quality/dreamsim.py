"""DreamSim: distance of the embeddings of three ViT, adapted to human judgements (Fu et al. 2023).

The ensemble of DINO, CLIP and OpenCLIP, all ViT-B/16. The weights are the user's own: the folder
that the authors' package fills when it is first used. The package itself is not needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from inrcodec.codec.ambient import independent
from inrcodec.errors import WeightsError
from inrcodec.metrics.quality import clip, dists, weights
from inrcodec.metrics.quality.inputs import pair
from inrcodec.metrics.quality.vision_transformer import Form, State, class_token, normalised

SIDE = 224
ADAPTER = "ensemble_lora"
ADAPTER_FILES = ("adapter_model.safetensors", "adapter_model.bin")
MAX_CONFIG_BYTES = 1 << 20
ADAPTED = re.compile(r"extractor_list\.(\d)\.model\.(blocks\.\d+\.attn\.qkv)\.lora_([AB])\b")


@dataclass(frozen=True, slots=True)
class Branch:
    """One network: its file, its form, and the mean and deviation of the images it was trained on.

    `projects`: its embedding is the last layer norm times the matrix `proj` of the file; else it is
    the class token as the last block leaves it.
    """

    file: str
    form: Form
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    projects: bool


BRANCHES = (
    Branch(
        "checkpoints/dino_vitbase16_pretrain.pth", Form(1e-6), dists.MEAN, dists.DEVIATION, False
    ),
    Branch("clip_vitb16_pretrain.pth.tar", Form(1e-5, True), clip.MEAN, clip.DEVIATION, True),
    Branch("open_clip_vitb16_pretrain.pth.tar", Form(1e-5), clip.MEAN, clip.DEVIATION, True),
)
"""In the order of the adapter's `extractor_list`."""


@independent
def dreamsim(reference: object, decoded: object) -> Tensor:
    """DreamSim in [0, 2], (N,); 0 is identical. Differentiable, computed in float32.

    Images are resized to 224 x 224, whatever their sides. Inputs as in `inputs.pair`. Raises
    `WeightsError` without the folder, or if it is not what it should be.
    """
    x, y = pair(reference, decoded, colour=True)
    embeddings = _embedding(torch.cat([x, y]), _states(x.device))
    one, two = embeddings.chunk(2)
    same = (x == y).flatten(1).all(1)
    return (1 - F.cosine_similarity(one, two)).clamp(0).where(~same, 0.0)


def _embedding(x: Tensor, states: tuple[State, ...]) -> Tensor:
    """The embeddings of all branches side by side, less their mean, (N, D)."""
    x = F.interpolate(x.float(), (SIDE, SIDE), mode="bicubic", antialias=True).clamp(0, 1)
    parts = []
    for branch, state in zip(BRANCHES, states, strict=True):
        mean, deviation = (x.new_tensor(v)[:, None, None] for v in (branch.mean, branch.deviation))
        token = class_token((x - mean) / deviation, state, branch.form)
        if branch.projects:
            token = normalised(token, state, branch.form) @ state["proj"]
        parts.append(token)
    embedding = torch.cat(parts, 1)
    return embedding - embedding.mean(1, keepdim=True)


@cache
@independent
def _states(device: torch.device) -> tuple[State, ...]:
    """The parameters of each branch with the adapter's change added, one set for each device."""
    folder = weights.locate("dreamsim")
    if folder is None:
        raise WeightsError(f"dreamsim is not available: {weights.missing('dreamsim')}")
    arrays = [_file(folder / branch.file) for branch in BRANCHES]
    with weights.checked("dreamsim"):
        states = [{k: torch.from_numpy(a).to(device) for k, a in each.items()} for each in arrays]
        scale = _scale(folder / ADAPTER / "adapter_config.json")
        _adapt(states, _adapter(folder), scale)
        _embedding(torch.zeros(1, 3, 32, 32, dtype=torch.float32, device=device), tuple(states))
    return tuple(states)


def _adapt(states: list[dict[str, Tensor]], adapter: Mapping[str, Tensor], scale: float) -> None:
    """Add scale B A to each matrix that the adapter changes (LoRA, Hu et al. 2021)."""
    factors: dict[tuple[int, str], dict[str, Tensor]] = {}
    for key, value in adapter.items():
        if found := ADAPTED.search(key):
            branch, layer, factor = found.groups()
            factors.setdefault((int(branch), layer), {})[factor] = value
    if not factors:
        raise KeyError("the adapter changes nothing")
    for (branch, layer), both in factors.items():
        weight = states[branch][f"{layer}.weight"]
        states[branch][f"{layer}.weight"] = weight + scale * (both["B"] @ both["A"]).to(weight)


def _adapter(folder: Path) -> dict[str, Tensor]:
    """The adapter's arrays, from either form of the file."""
    paths = [folder / ADAPTER / name for name in ADAPTER_FILES]
    arrays = _file(next((path for path in paths if path.is_file()), paths[0]))
    return {key: torch.from_numpy(array) for key, array in arrays.items()}


def _scale(path: Path) -> float:
    """The factor of the adapter's change, alpha / r."""
    try:
        with path.open("rb") as file:
            config = json.loads(file.read(MAX_CONFIG_BYTES))
        if config.get("use_rslora") or config.get("use_dora"):
            raise ValueError("not plain LoRA")
        return float(config["lora_alpha"]) / float(config["r"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError) as error:
        raise WeightsError(f"{path}: not the settings of an adapter: {error}") from None


def _file(path: Path) -> weights.Arrays:
    """The arrays of one file of the folder."""
    if not path.is_file():
        made_by = weights.WEIGHTS["dreamsim"].made_by
        raise WeightsError(f"{path} is missing: {made_by} puts it there")
    return weights.read(path)
