"""A folder such as the package `dreamsim` fills, of small random networks, and what it says.

    python -m tests.metrics.quality.dreamsim_folder

writes `dreamsim.json` anew with the package (0.2.1, and its `peft` and `open_clip`), whose networks
are made as narrow as these files.
"""

import json
import struct
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

from tests.metrics.noise import noisy
from tests.metrics.quality.torchvision import imported

VALUES = Path(__file__).with_name("dreamsim.json")
WIDTH, BLOCKS, PATCH, EMBEDDED, RANK = 24, 12, 16, 10, 4
CONFIG = {
    "peft_type": "LORA",
    "r": RANK,
    "lora_alpha": 2.0,
    "lora_dropout": 0.3,
    "bias": "none",
    "target_modules": ["qkv"],
}


def pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pairs of 224 x 224 pixels, the size that is not resized, and one of odd sides."""
    image, odd = data.astronaut()[:224, 100:324], data.astronaut()[:333, 50:307]
    return {
        "noise": (image, noisy(image, 20)),
        "mirrored": (image, image[:, ::-1].copy()),
        "darker": (image, image // 2),
        "odd sides": (odd, noisy(odd, 40)),
    }


def vit(generator: np.random.Generator, *, clip: bool) -> dict[str, torch.Tensor]:
    """A network of random weights, as DINO's files or DreamSim's of CLIP have them."""

    def array(*shape, around=0.0, spread=0.2):
        values = around + spread * generator.standard_normal(shape)
        return torch.from_numpy(values.astype(np.float32))

    tokens = (224 // PATCH) ** 2 + 1
    state = {
        "cls_token": array(1, 1, WIDTH),
        "pos_embed": array(1, tokens, WIDTH),
        "patch_embed.proj.weight": array(WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": array(WIDTH),
    }
    norms = ["norm", *(f"blocks.{b}.norm{n}" for b in range(BLOCKS) for n in (1, 2))]
    for name in [*norms, "pos_drop"] if clip else norms:
        state |= {f"{name}.weight": array(WIDTH, around=1.0), f"{name}.bias": array(WIDTH)}
    layers = {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4)}
    for block in range(BLOCKS):
        for name, (out, into) in layers.items():
            state[f"blocks.{block}.{name}.weight"] = array(out * WIDTH, into * WIDTH)
            state[f"blocks.{block}.{name}.bias"] = array(out * WIDTH)
    return state | ({"proj": array(WIDTH, EMBEDDED)} if clip else {})


def make(folder: Path) -> None:
    """Fill the folder with all that an ensemble has."""
    generator = np.random.default_rng(0)
    (folder / "checkpoints").mkdir(parents=True)
    dino = vit(generator, clip=False)
    torch.save(dino, folder / "checkpoints/dino_vitbase16_pretrain.pth")
    for name in ("clip", "open_clip"):
        state = {"state_dict": vit(generator, clip=True)}
        torch.save(state, folder / f"{name}_vitb16_pretrain.pth.tar")
    adapter = {}
    for branch in range(3):
        for block in range(BLOCKS):
            layer = f"base_model.model.extractor_list.{branch}.model.blocks.{block}.attn.qkv"
            for factor, shape in (("A", (RANK, WIDTH)), ("B", (3 * WIDTH, RANK))):
                values = 0.3 * generator.standard_normal(shape)
                adapter[f"{layer}.lora_{factor}.weight"] = values.astype(np.float32)
    (folder / "ensemble_lora").mkdir()
    (folder / "ensemble_lora/adapter_config.json").write_text(json.dumps(CONFIG))
    save_safetensors(adapter, folder / "ensemble_lora/adapter_model.safetensors")


def save_safetensors(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Write float32 arrays as the format says."""
    entries, body = {}, b""
    for name, array in arrays.items():
        raw = array.astype("<f4").tobytes()
        offsets = [len(body), len(body) + len(raw)]
        entries[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": offsets}
        body += raw
    header = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + body)


def say(folder: Path) -> dict[str, float]:
    """What the package says of the pairs, with the folder's networks."""
    package = imported("dreamsim.model")
    extraction = "dreamsim.feature_extraction"
    vision = imported(f"{extraction}.vision_transformer")
    narrow = partial(vision.VisionTransformer, embed_dim=WIDTH, depth=BLOCKS, num_heads=12)
    narrow = partial(narrow, qkv_bias=True, norm_layer=partial(torch.nn.LayerNorm, eps=1e-6))
    for name in ("clip", "open_clip"):
        imported(f"{extraction}.load_{name}_as_dino").vit_base = narrow
    head = {f"module.head.mlp.{n}.{part}": torch.zeros(1) for n in (0, 2, 4) for part in PARTS}
    head["module.head.last_layer.weight"] = torch.zeros(1)  # of a head that is not used
    torch.save({"student": head}, folder / "dino_vitb16_pretrain.pth")

    def hub(*arguments):
        network = narrow(patch_size=PATCH)
        path = folder / "checkpoints/dino_vitbase16_pretrain.pth"
        network.load_state_dict(torch.load(path, weights_only=True))
        return network

    torch.hub.load = hub
    model, prepared = package.dreamsim(device="cpu", cache_dir=str(folder))
    with torch.no_grad():
        return {
            name: float(model(*(prepared(Image.fromarray(image)) for image in pair)))
            for name, pair in pairs().items()
        }


PARTS = ("weight", "bias")


def main() -> None:
    """Write what the package says."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        values = say(Path(folder))
    VALUES.write_text(json.dumps({"dreamsim": "0.2.1", "values": values}, indent=1) + "\n")


if __name__ == "__main__":
    main()
