"""Milliseconds of one fitting step of latent-grid models at 768 x 512, beside a naive one.

    python -m benchmarks.speed.coolchic_step --beside "nothing else"

A step is soft rounding and noise of the latents, rate, colours, squared error, and all gradients;
the optimiser is left out. "Naive" is the same arithmetic as the papers state it, in plain torch
with autograd: contexts by unfold and a selection, networks as matrix products over all positions at
once, upsampling by transposed convolutions, 3x3 convolutions as torch has them. Both start from one
state and one noise; the script fails unless loss and gradients agree. They take turns, so that a
busy machine slows both; times are those of the fastest of `--repeats` steps, "step_cpu" the
processor time of the same step, which counts no waiting. Rows in results/speed/coolchic_step.jsonl.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torch.nn.functional as F
from torch import Tensor

from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.features import BICUBIC, CHROMA_LEVEL, FEATURES, grain
from inrcodec.codec.coolchic.model import CoolChic, grids_model
from inrcodec.codec.fitting.coolchic import forward
from inrcodec.codec.fitting.coolchic.synthesis import soft_round

RESULTS = Path(__file__).parents[1] / "results/speed/coolchic_step.jsonl"
WIDTH, HEIGHT, SEED, LAMBDA = 768, 512, 0, 1e-3
Parameters = dict[str, Tensor]
Part = Callable[[CoolChic, Parameters, list[Tensor]], Tensor]


def naive_network(
    model: CoolChic, part: str, parameters: Parameters, x: Tensor, bias: Tensor
) -> Tensor:
    """(positions, inputs) -> (positions, outputs)."""
    hidden, layers = x, getattr(model, f"{part}_widths")
    for layer in (*range(len(layers)), "out"):
        weight = model.effective(f"{part}.weight.{layer}", parameters[f"{part}.weight.{layer}"])
        hidden = F.linear(hidden, weight, parameters[f"{part}.bias.{layer}"])
        hidden = hidden + bias if layer == 0 else hidden
        hidden = hidden if layer == "out" else torch.relu(hidden)
    return (
        hidden + F.linear(x, parameters[f"{part}.linear"])
        if model.features.linear_branches
        else hidden
    )


def naive_bits(model: CoolChic, parameters: Parameters, latents: list[Tensor]) -> Tensor:
    """Rate of all grids."""
    kept = torch.tensor([(row + 3) * 7 + column + 3 for row, column in model.offsets])
    total = torch.zeros(())
    for grid, symbols in enumerate(latents):
        unfolded = F.unfold(F.pad(symbols, (3, 3, 3, 3))[None, None], 7)[0]
        x = unfolded.index_select(0, kept).t()
        bias = torch.zeros(())
        if model.features.chroma:
            sides = naive_sides(model, latents, grid)
            x = torch.cat((x, sides.flatten(1).t()), 1)
            bias = parameters["arm.level"][grid]
        mean, log_scale = naive_network(model, "arm", parameters, x, bias).unbind(1)
        laplace = torch.distributions.Laplace(mean, torch.exp2(log_scale.clamp(-4, 11.875)))
        flat = symbols.flatten()
        mass = laplace.cdf(flat + 0.5) - laplace.cdf(flat - 0.5)
        total = total - torch.log2(mass.clamp_min(2.0**-16)).sum()
    return total


def naive_sides(model: CoolChic, latents: list[Tensor], grid: int) -> Tensor:
    """(6, rows, columns): four parents and two companions."""
    rows, columns = model.grids[grid]
    nothing = torch.zeros(rows, columns)
    parent, maps = model.parent(grid), [nothing] * 4
    if parent is not None:
        around = F.pad(latents[parent], (1, 1, 1, 1))
        row, column = torch.arange(rows)[:, None], torch.arange(columns)
        near = [(n // 2 + 1, n // 2 + 1 + n % 2 * 2 - 1) for n in (row, column)]
        maps = [around[near[0][v], near[1][h]] for h in (0, 1) for v in (0, 1)]
    beside = [nothing if i is None else latents[i] for i in model.companions(grid)]
    return torch.stack([*maps, *beside])


def naive_colours(model: CoolChic, parameters: Parameters, latents: list[Tensor]) -> Tensor:
    """(3, H, W)."""

    def up(x: Tensor, level: int) -> Tensor:
        rows, columns = model.grids[level]
        full = F.pad(x[:, None], (2, 2, 2, 2), mode="replicate")
        if model.features.upsampling == "shared":
            kernel = parameters["up.kernel"][None, None]
            full = F.conv_transpose2d(full, kernel, stride=2, padding=7)
        else:
            separable = model.features.upsampling == "separable"
            taps = parameters["up.kernel"][level] if separable else torch.tensor(BICUBIC)
            axis = torch.stack((taps, taps.flip(0)), 1).flatten().flip(0)
            full = F.conv_transpose2d(full, axis.view(1, 1, 8, 1), stride=(2, 1), padding=(7, 0))
            full = F.conv_transpose2d(full, axis.view(1, 1, 1, 8), stride=(1, 2), padding=(0, 7))
        return full[:, 0, :rows, :columns]

    def chroma(level: int) -> Tensor:
        half = (len(model.grids) - model.levels) // 2
        index = level - model.grid_levels[model.levels]
        first = latents[model.levels + index], latents[model.levels + half + index]
        return torch.stack(first) * parameters["up.gain"][:, index, None, None]

    if model.features.chroma:
        latents = [y * grain(level) for y, level in zip(latents, model.grid_levels, strict=True)]
    stack = latents[model.levels - 1][None]
    beside = chroma(model.levels - 1) if model.features.chroma else None
    for level in reversed(range(model.levels - 1)):
        stack = torch.cat((latents[level][None], up(stack, level)))
        if beside is not None:
            beside = up(beside, level)
            beside = beside + chroma(level) if level >= CHROMA_LEVEL else beside
    stack = stack if beside is None else torch.cat((stack, beside))
    flat = stack.flatten(1).t()
    picture = naive_network(model, "synthesis", parameters, flat, torch.zeros(()))
    picture = picture.t().reshape(1, 3, model.height, model.width)
    for i in range(model.features.convolutions):
        weight, bias = parameters[f"conv.weight.{i}"], parameters[f"conv.bias.{i}"]
        padded = F.pad(picture, (1, 1, 1, 1), mode="replicate")
        picture = picture + F.conv2d(padded, weight, bias)
    return picture[0] + 0.5


def ours(model: CoolChic) -> tuple[Part, Part]:
    """The package's rate and colours of a whole picture."""
    window = windows.whole(model)
    return (
        lambda model, parameters, latents: forward.bits(model, parameters, latents, window),
        lambda model, parameters, latents: forward.colours(model, parameters, latents, window),
    )


class Step:
    """One model in a random state, and a step by either arithmetic with the times of its parts."""

    def __init__(self, model: CoolChic) -> None:
        torch.manual_seed(SEED)
        self.model = model
        self.parameters = {
            name: torch.randn(shape) * 0.3 / shape[-1] ** 0.5
            for name, shape in model.shapes.items()
        }
        self.parameters["arm.bias.out"] = torch.tensor([0.0, 2.0])
        if model.features.upsampling == "separable":
            self.parameters["up.kernel"] = torch.tensor(BICUBIC).repeat(model.levels - 1, 1)
        if model.features.upsampling == "shared":
            self.parameters["up.kernel"] /= 4
        self.latents = [torch.randn(grid) * 2 for grid in model.grids]
        self.noise = [torch.rand(grid) - 0.5 for grid in model.grids]
        self.target = torch.rand(3, model.height, model.width)
        for leaf in (*self.parameters.values(), *self.latents):
            leaf.requires_grad_()

    def run(self, bits: Part, colours: Part) -> tuple[Tensor, list[Tensor], dict[str, float]]:
        """Loss, gradients, seconds of each part; every part forward and backward on its own."""
        leaves = [*self.parameters.values(), *self.latents]
        for leaf in leaves:
            leaf.grad = None
        marks, processor = [time.perf_counter()], time.process_time()

        def mark() -> None:
            marks.append(time.perf_counter())

        soft = [
            soft_round(soft_round(y, 0.3) + noise, 0.3)
            for y, noise in zip(self.latents, self.noise, strict=True)
        ]
        inputs = [y.detach().requires_grad_() for y in soft]
        mark()
        rate = bits(self.model, self.parameters, inputs)
        mark()
        (rate * (LAMBDA / self.target[0].numel())).backward()
        mark()
        picture = colours(self.model, self.parameters, inputs)
        error = (picture - self.target).square().mean()
        mark()
        error.backward()
        mark()
        torch.autograd.backward(soft, [y.grad for y in inputs])
        mark()
        names = ("round", "bits", "bits_back", "colours", "colours_back", "round_back")
        seconds = {n: b - a for n, (a, b) in zip(names, pairwise(marks), strict=True)}
        seconds["step"] = marks[-1] - marks[0]
        seconds["step_cpu"] = time.process_time() - processor
        loss = error.detach() + rate.detach() * LAMBDA / self.target[0].numel()
        gradients = [torch.zeros(()) if leaf.grad is None else leaf.grad for leaf in leaves]
        return loss, gradients, seconds


def difference(ours: Tensor, naive: Tensor) -> float:
    """Relative, in the Euclidean norm."""
    return float((ours - naive).norm() / naive.norm().clamp_min(1e-12))


def measure(model: CoolChic, repeats: int) -> dict:
    """Times and agreement of both."""
    step, least = Step(model), {}
    pairs = {"ours": ours(model), "naive": (naive_bits, naive_colours)}
    results = {}
    for _ in range(repeats):
        for name, parts in pairs.items():
            loss, gradients, seconds = step.run(*parts)
            results[name] = (loss, gradients)
            if name not in least or seconds["step"] < least[name]["step"]:
                least[name] = seconds
    loss = difference(results["ours"][0], results["naive"][0])
    gradient = max(map(difference, results["ours"][1], results["naive"][1]))
    if not (loss < 1e-4 and gradient < 1e-4):
        raise SystemExit(f"the two disagree: loss by {loss:.1e}, gradients by {gradient:.1e}")
    return {
        "model": model.family.name.lower().replace("_", "-"),
        "width": model.width,
        "height": model.height,
        "macs_per_pixel": model.macs_per_pixel,
        **{f"{name}_s": {k: round(v, 4) for k, v in least[name].items()} for name in pairs},
        "ratio": round(least["naive"]["step"] / least["ours"]["step"], 2),
        "loss_difference": loss,
        "gradient_difference": gradient,
        "repeats": repeats,
    }


def main() -> None:
    """Measure the three models."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--beside", default="unknown", help="what else the machine was doing")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for family in reversed(FEATURES):
        row = measure(grids_model(family, WIDTH, HEIGHT), arguments.repeats)
        row |= {"seed": SEED, "threads": arguments.threads, "beside": arguments.beside}
        rows.append(row | {"torch": torch.__version__, "python": platform.python_version()})
        print(f"{row['model']}, {row['macs_per_pixel']} MAC a pixel: {row['ratio']} times faster")
        for name in ("ours", "naive"):
            parts = ", ".join(f"{k} {1000 * v:.0f}" for k, v in row[f"{name}_s"].items())
            print(f"  {name} (ms): {parts}", flush=True)
        print(f"  loss and gradients agree to {row['loss_difference']:.0e}", end=" and ")
        print(f"{row['gradient_difference']:.0e}", flush=True)
    RESULTS.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
