"""Train the denoiser of the information-estimation metric (`inrcodec/metrics/quality/denoiser.py`).

    python -m training.train_denoiser --data ../shared/data/cid22_train --minutes 40

Every step denoises a batch of crops, each with its own noise strength (log-uniform over the trained
range), and minimises the squared error of the network's own target, (x - W) / c: equal weight for
every strength. Weights are averaged exponentially; the average is what is saved, as float16. The
photographs are the CID22 training set (Cloudinary, CC BY-SA 4.0). Seed 0; on another processor the
rounding of bfloat16 differs, and so do the weights.

The command for the weights in the package is recorded in docs/metrics.md.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from inrcodec.metrics.quality import denoiser

CROP, BATCH = 96, 12
RATE, WARM_UP, AVERAGE = 2e-3, 200, 0.999
TARGET = Path(denoiser.__file__).with_name(denoiser.WEIGHTS)


def main() -> None:
    """Train for the time given, then write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/cid22_train"))
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, default=TARGET)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    pictures = [
        np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)
        for path in sorted(arguments.data.glob("*.png"))
    ]
    network = denoiser.Residual().to(arguments.device, memory_format=torch.channels_last)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.AdamW(network.parameters(), RATE, betas=(0.9, 0.98), weight_decay=1e-4)
    began, step, losses = time.monotonic(), 0, []
    while (share := (time.monotonic() - began) / (60 * arguments.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * share)) / 2
        optimizer.zero_grad()
        loss = batch_loss(network, pictures, random, arguments.device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        for name, value in network.state_dict().items():
            average[name].lerp_(value, 1 - min(AVERAGE, step / (step + 10)))
        losses.append(float(loss.detach()))
        if step % 100 == 0:
            mean = sum(losses[-1000:]) / len(losses[-1000:])
            print(f"{time.monotonic() - began:.0f} s step {step} loss {mean:.4f}", flush=True)
            if step % 1000 == 0:
                save(average, arguments.output)
    save(average, arguments.output)


def batch_loss(network: torch.nn.Module, pictures: list, random: np.random.Generator, device: str):
    """Mean squared error of the normalised residual on fresh crops."""
    clean = torch.from_numpy(np.stack([crop(pictures, random) for _ in range(BATCH)])).to(device)
    span = math.log(denoiser.HIGHEST_SIGMA / denoiser.LOWEST_SIGMA)
    sigmas = denoiser.LOWEST_SIGMA * np.exp(
        span * (random.random(BATCH) + np.arange(BATCH)) / BATCH
    )
    noise = torch.from_numpy(random.standard_normal(clean.shape, dtype=np.float32)).to(device)
    inputs, targets = [], []
    for x, n, sigma in zip(clean.split(1), noise.split(1), sigmas, strict=True):
        estimate, network_input, scale = denoiser.inputs(x + sigma * n, sigma)
        inputs.append(network_input)
        targets.append((x - estimate) / scale)
    strengths = torch.tensor([denoiser.strength(s) for s in sigmas], dtype=torch.float32)
    x = torch.cat(inputs).contiguous(memory_format=torch.channels_last)
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        predicted = network(x, strengths.to(device))
    return (predicted.float() - torch.cat(targets)).square().mean()


def crop(pictures: list, random: np.random.Generator) -> np.ndarray:
    """A random square of a random image, turned and mirrored at random, (3, CROP, CROP)."""
    picture = pictures[random.integers(len(pictures))]
    top = random.integers(picture.shape[1] - CROP + 1)
    left = random.integers(picture.shape[2] - CROP + 1)
    square = np.rot90(picture[:, top : top + CROP, left : left + CROP], random.integers(4), (1, 2))
    square = square[:, :, ::-1] if random.integers(2) else square
    return square.astype(np.float32) / 127.5 - 1


def save(state: dict, path: Path) -> None:
    """Write the weights as float16."""
    arrays = {name: value.cpu().numpy().astype(np.float16) for name, value in state.items()}
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main()
