"""Train the initialisation of `coolchic`: the analysis network and the networks of every lambda.

    python -m training.train_initialisation --data ../shared/data/cid22_train --steps 16000 --seed 0
    python -m training.train_initialisation --data DIR DIR2 --steps 48000 --go-on

One step draws two 192 x 192 crops of photographs (CID22's training set, Sneyers et al. 2023, CC BY-
SA 4.0, and what other folders have), each with a lambda, log-uniform from 0.03 to 0.00003, and
takes one Adam step on the mean of log(MSE + lambda x bits per pixel). The logarithm makes a percent
of cost count the same at every rate and on every image. The first steps train the context networks
alone, on the bands. Latents are rounded as in a fit: softly and noisily, ever harder. (Tried, and
worse at low rates the longer it ran: uniform noise, which charges a zero for bits it never costs,
and plain rounding with the gradient let through, under which nothing keeps a latent below one
half.) Networks are kept at seven lambdas and interpolated between; `coolchic/init_tables.py` says
how they are stored. The networks of lower tiers are trained thereafter, for the grids of the same
analysis network. Checkpoints every 500 steps; a run continues from the last one. With `--go-on` it
begins with the shipped weights, in the middle of its schedule.

About an hour on one thread; results/train_initialisation.md has the log of the shipped weights.
The tier of wide networks is that of `high`, widened by `widen_initialisation.py`.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from inrcodec.codec.coolchic import init_tables, windows
from inrcodec.codec.coolchic.features import BICUBIC, CHROMA_COLOURS, COMPLEXITIES, WIDE
from inrcodec.codec.coolchic.model import CoolChic, grids_model
from inrcodec.codec.fitting.coolchic import forward
from inrcodec.codec.fitting.coolchic.analysis import WEIGHTS, position, trained
from inrcodec.codec.fitting.coolchic.initialisation import init_lambda
from inrcodec.codec.fitting.coolchic.schedule import Softening
from inrcodec.codec.fitting.coolchic.synthesis import noisy_soft_round
from inrcodec.codec.format.header import Family
from training.analysis_network import GAIN, AnalysisNetwork, network_of
from training.widen_initialisation import NARROW, wide_table

KNOTS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
LOG_KNOTS = [math.log(lmbda) for lmbda in KNOTS]
CROP, CROPS = 192, 2
ANALYSIS_RATE, ARM_RATE, PIXEL_RATE, KERNEL_RATE = 6e-4, 4e-3, 7e-4, 2e-4
ARM_STEPS, WARM_UP = 600, 200
SOFTENING = Softening((0.3, 0.1), (0.22, 0.15))
CHECKPOINT_EVERY = 500
TRAINED = (NARROW, "medium", "low")
IN_COLOURS = ("synthesis.weight.0", "synthesis.linear")
"""Matrices that read latents in units of colour."""

DATA = Path(init_tables.__file__).parents[1] / "data"


def main() -> None:
    """Train, from a checkpoint if there is one, then write the shipped files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, nargs="+", default=[Path("../shared/data/cid22_train")]
    )
    parser.add_argument("--go-on", action="store_true", help="begin with the shipped weights")
    parser.add_argument("--steps", type=int, default=16000)
    parser.add_argument("--tier-steps", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, default=Path("train_initialisation.pt"))
    parser.add_argument("--output", type=Path, default=DATA)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    photographs = [
        np.asarray(Image.open(path).convert("RGB"))
        for folder in arguments.data
        for path in sorted([*folder.glob("*.png"), *folder.glob("*.webp")])
    ]
    if not photographs:
        raise SystemExit(f"no PNG or WebP files in {arguments.data}")
    tables, analysis = {}, None
    for tier in TRAINED:
        steps = arguments.steps if analysis is None else arguments.tier_steps
        training = Training(photographs, steps, arguments.seed, tier, analysis)
        if arguments.go_on:
            training.go_on(tier)
        run(training, arguments.checkpoint.with_suffix(f".{tier}.pt"))
        tables[tier], analysis = training.table(), training.analysis
    tables[WIDE] = wide_table(tables[NARROW], arguments.seed)
    export(arguments.output, tables, analysis)


def run(training: Training, checkpoint: Path) -> None:
    """Train to the end, from the checkpoint if there is one."""
    if checkpoint.exists():
        training.load(checkpoint)
    started, smooth = time.monotonic(), 0.0
    while training.done < training.steps:
        smooth = 0.99 * smooth + 0.01 * training.step()
        if training.done % CHECKPOINT_EVERY == 0:
            training.save(checkpoint)
            elapsed = time.monotonic() - started
            print(f"{training.done} {smooth:.3f} {elapsed:.0f} s", flush=True)


class Training:
    """One run: the networks, the optimiser and everything else that a step changes."""

    def __init__(
        self,
        photographs: list[NDArray[np.uint8]],
        steps: int,
        seed: int,
        tier: str,
        analysis: AnalysisNetwork | None,
    ) -> None:
        """An analysis network that is given stays as it is."""
        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.noise = torch.Generator().manual_seed(seed)
        self.photographs, self.steps, self.done = photographs, steps, 0
        self.begun = 0
        self.model = grids_model(Family.COOLCHIC, CROP, CROP, **COMPLEXITIES[tier])
        self.fixed = analysis is not None
        self.analysis = analysis or AnalysisNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.knots = first_knots(self.model, seed)
        arm = [p for name, p in self.knots.items() if name.startswith("arm")]
        kernel = [self.knots["up.kernel"]]
        pixel = [
            p
            for name, p in self.knots.items()
            if not name.startswith("arm") and name != "up.kernel"
        ]
        groups = [
            ([] if self.fixed else list(self.analysis.parameters()), ANALYSIS_RATE),
            (arm, ARM_RATE),
            (pixel, PIXEL_RATE),
            (kernel, KERNEL_RATE),
        ]
        self.optimizer = torch.optim.Adam(
            [{"params": tensors, "base": rate} for tensors, rate in groups], lr=1.0
        )

    def step(self) -> float:
        """One update; returns the log cost of the last crop, less the trend of its lambda."""
        share = self.done / self.steps
        warm = (self.done + 1 - max(self.begun, (self.done >= ARM_STEPS) * ARM_STEPS)) / WARM_UP
        factor = min(1.0, warm) * 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * factor
        self.optimizer.zero_grad()
        value = 0.0
        for _ in range(CROPS):
            picture = self.crop()
            log_lambda = self.random.uniform(LOG_KNOTS[-1], LOG_KNOTS[0])
            cost = self.cost(picture, math.exp(log_lambda), share)
            torch.autograd.backward(torch.log(cost) / CROPS)
            value = math.log(float(cost.detach())) - 0.8 * log_lambda
        everything = [*self.analysis.parameters(), *self.knots.values()]
        norm = torch.nn.utils.clip_grad_norm_(everything, 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.done += 1
        return value

    def seed(self) -> int:
        """The next seed of noise."""
        return int(torch.randint(1 << 32, (), generator=self.noise))

    def crop(self) -> Tensor:
        """(3, CROP, CROP) in [0, 1] from a random photograph, flipped and transposed at random."""
        whole = self.photographs[self.random.integers(len(self.photographs))]
        top = self.random.integers(whole.shape[0] - CROP + 1)
        left = self.random.integers(whole.shape[1] - CROP + 1)
        part = whole[top : top + CROP, left : left + CROP]
        if self.random.random() < 0.5:
            part = part[:, ::-1]
        if self.random.random() < 0.5:
            part = part[::-1]
        if self.random.random() < 0.5:
            part = part.transpose(1, 0, 2)
        picture = torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1)
        return picture.float().div_(255).contiguous()

    def cost(self, picture: Tensor, lmbda: float, share: float) -> Tensor:
        """MSE + lambda x bits per pixel of one crop; of the first steps, the bits alone."""
        with torch.set_grad_enabled(self.done >= ARM_STEPS and not self.fixed):
            seen = self.analysis(
                picture, lmbda, lambda y: noisy_soft_round(y, *SOFTENING.at(share), self.seed())
            )
        networks = mixed(self.knots, lmbda)
        window = windows.whole(self.model)
        bits = forward.bits(self.model, networks, seen, window) / (CROP * CROP)
        if self.done < ARM_STEPS:
            return lmbda * bits
        error = (forward.colours(self.model, networks, seen, window) - picture).square().mean()
        return error + lmbda * bits

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {
            "analysis": self.analysis.state_dict(),
            "knots": {name: tensor.detach() for name, tensor in self.knots.items()},
            "optimizer": self.optimizer.state_dict(),
            "done": self.done,
            "begun": self.begun,
            "random": self.random.bit_generator.state,
            "noise": self.noise.get_state(),
        }
        partial = path.with_suffix(".part")
        torch.save(state, partial)
        os.replace(partial, path)

    @torch.no_grad()
    def go_on(self, tier: str) -> None:
        """Begin with the shipped weights, in the middle of the schedule."""
        self.done = self.begun = self.steps // 2
        if not self.fixed:
            self.analysis.load_state_dict(network_of(trained()).state_dict())
        shipped = init_tables.tables()[tier]
        lambdas = [init_lambda(index) for index in range(init_tables.SETS)]
        rows = [init_tables.unpack(self.model, row) for row in shipped]
        for name, knots in self.knots.items():
            units = [unit_of(lmbda) if name in IN_COLOURS else 1.0 for lmbda in lambdas]
            values = [row[name].ravel() / unit for row, unit in zip(rows, units, strict=True)]
            shares = [shares_of(lmbda) for lmbda in lambdas]
            found = np.linalg.lstsq(np.stack(shares), np.stack(values).astype(float), rcond=None)
            knots.copy_(torch.from_numpy(found[0]).view_as(knots))

    @torch.no_grad()
    def load(self, path: Path) -> None:
        """Go on from a checkpoint as if the run had not stopped."""
        state = torch.load(path, weights_only=False)
        self.analysis.load_state_dict(state["analysis"])
        for name, tensor in state["knots"].items():
            self.knots[name].copy_(tensor)
        self.optimizer.load_state_dict(state["optimizer"])
        self.done, self.begun = state["done"], state["begun"]
        self.random.bit_generator.state = state["random"]
        self.noise.set_state(state["noise"])

    @torch.no_grad()
    def table(self) -> NDArray[np.int16]:
        """The table (SETS, parameters) of the networks of every lambda, as `init_tables.py` stores
        it."""
        rows = []
        for index in range(init_tables.SETS):
            networks = mixed(self.knots, max(KNOTS[-1], init_lambda(index)))
            values = {name: tensor.numpy() for name, tensor in networks.items()}
            rows.append(init_tables.pack(self.model, values))
        return np.stack(rows)


def export(folder: Path, tables: dict[str, NDArray[np.int16]], analysis: AnalysisNetwork) -> None:
    """Write the files that `init_tables.py` and `analysis.py` read."""
    np.savez_compressed(folder / init_tables.TABLE, **tables)
    state = {n: t.numpy().astype(np.float16) for n, t in analysis.state_dict().items()}
    np.savez_compressed(folder / WEIGHTS, **state)


def first_knots(model: CoolChic, seed: int) -> dict[str, Tensor]:
    """Initial networks, (len(KNOTS), ...) each: the synthesis inverts the bands."""
    generator = torch.Generator().manual_seed(seed)
    knots = {}
    for name, shape in model.shapes.items():
        value = torch.zeros(shape)
        if name in ("arm.weight.0", "arm.weight.1", "synthesis.weight.0"):
            value = torch.randn(shape, generator=generator) * (0.5 * math.sqrt(2 / shape[1]))
        elif name == "synthesis.weight.out":
            value = torch.randn(shape, generator=generator) * 0.01
        elif name == "synthesis.linear":
            value = torch.ones(shape)
            value[:, model.levels :] = torch.tensor(CHROMA_COLOURS.T)
        elif name == "up.kernel":
            value = torch.tensor(BICUBIC).repeat(shape[0], 1)
        elif name == "up.gain":
            value = torch.ones(shape)
        knots[name] = value.expand(len(KNOTS), *shape).clone()
    knots["arm.bias.out"][:, 1] = torch.linspace(-1.5, 2, len(KNOTS))
    return {name: tensor.requires_grad_() for name, tensor in knots.items()}


def mixed(knots: dict[str, Tensor], lmbda: float) -> dict[str, Tensor]:
    """Networks of a lambda: linear between knots in log(lambda), the first synthesis matrices on
    latents in units of colour."""
    shares = torch.from_numpy(shares_of(lmbda))
    networks = {n: (k.flatten(1).T @ shares).view(k.shape[1:]) for n, k in knots.items()}
    for name in IN_COLOURS:
        networks[name] = networks[name] * unit_of(lmbda)
    return networks


def shares_of(lmbda: float) -> NDArray[np.float32]:
    """What each knot counts at a lambda, (len(KNOTS),): linear between two in log(lambda)."""
    log_lambda = math.log(lmbda)
    below = sum(log_lambda < knot for knot in LOG_KNOTS) - 1
    below = min(len(KNOTS) - 2, max(0, below))
    t = (log_lambda - LOG_KNOTS[below]) / (LOG_KNOTS[below + 1] - LOG_KNOTS[below])
    shares = np.zeros(len(KNOTS), np.float32)
    shares[below : below + 2] = 1 - t, t
    return shares


def unit_of(lmbda: float) -> float:
    """The first gain of a symbol in units of colour, of which the synthesis takes the inverse."""
    return math.exp(-GAIN[0] - GAIN[1] * position(lmbda))


if __name__ == "__main__":
    main()
