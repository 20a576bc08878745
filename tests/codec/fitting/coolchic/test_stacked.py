"""Fits that are trained together come to what each comes to alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage import data

from inrcodec import decode
from inrcodec.codec.coolchic import windows
from inrcodec.codec.encode import encoding, train_together, trains_together
from inrcodec.codec.fitting.coolchic.encoder import GridEncoding
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.schedule import SCHEDULE, Schedule
from inrcodec.codec.fitting.coolchic.stacked import encodings, forward
from inrcodec.codec.fitting.coolchic.stacked.fit import StackedFit, memory_bytes
from inrcodec.codec.fitting.coolchic.stacked.networks import Networks
from inrcodec.codec.fitting.coolchic.stacked.noise import noise, soften
from inrcodec.codec.fitting.coolchic.stacked.optimizer import NetworkSteps
from inrcodec.codec.fitting.coolchic.torch_backend import TorchBackend
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.fitting.soap import Soap
from inrcodec.codec.native import latents as kernels
from inrcodec.codec.native import library
from inrcodec.codec.options import EncodeOptions
from inrcodec.images.reading import as_picture
from inrcodec.pixels import Picture, psnr

CPU = torch.device("cpu")


def crops(height: int = 64, width: int = 90) -> list[Picture]:
    """Three crops of photographs, one of which is gray."""
    images = data.astronaut(), data.coffee(), data.chelsea()[..., :1]
    return [as_picture(image[100 : 100 + height, 150 : 150 + width]) for image in images]


def encodes(
    pictures: list[Picture], schedule: Schedule = SCHEDULE, **options: object
) -> list[GridEncoding]:
    """Encodes whose lambdas and seeds differ."""
    found = []
    for number, picture in enumerate(pictures):
        own = {"effort": 1, "threads": 1, "quality": 30 + 15 * number, "seed": number, **options}
        plan = plan_of(EncodeOptions.of(**own), picture)
        found.append(GridEncoding(picture, plan, schedule=schedule))
    return found


def fits_of(jobs: list[GridEncoding]) -> list[GridFit]:
    return [fit for job in jobs for fit in job.fits]


def cost_of(fit: GridFit) -> float:
    """The rate-distortion cost of the rounded latents, in bits a pixel."""
    return fit._worth(*fit._rounded_cost())


@pytest.mark.skipif(library() is None, reason="installed without kernels")
def test_noise_and_rounding_are_those_of_the_kernels() -> None:
    random = torch.Generator().manual_seed(1)
    latents = 2 * torch.randn(2, 15 + 6, generator=random)
    seeds = [[7, 0xFFFFFFFF], [0x80000000, 0]]
    temperatures, deviations = torch.tensor([[0.3], [0.1]]), torch.tensor([[0.15], [0.5]])
    found, slopes = soften(latents, temperatures, deviations, noise(seeds, [15, 6], CPU))
    for image in range(2):
        given = float(temperatures[image]), float(deviations[image])
        for grid, (here, shape) in enumerate(((slice(15), (3, 5)), (slice(15, 21), (2, 3)))):
            wanted = kernels.soften(
                latents[image, here].reshape(shape).numpy(), *given, seeds[image][grid]
            )
            for ours, theirs in zip((found, slopes), wanted, strict=True):
                np.testing.assert_allclose(ours[image, here].view(shape), theirs, atol=2e-5)


@pytest.mark.parametrize("size", [(64, 90), (1, 1), (33, 7)])
@pytest.mark.parametrize("complexity", ["low", "high"])
def test_bits_and_colours_are_those_of_each_image(size: tuple[int, int], complexity: str) -> None:
    fits = fits_of(encodes(crops(*size), complexity=complexity))
    model = fits[0].model
    networks = Networks.of(model.shapes, [fit.parameters for fit in fits], CPU).named()
    latents = [
        [np.rint(y + np.float32(0.3 * k)) for y in fit.latents] for k, fit in enumerate(fits)
    ]
    flat = torch.from_numpy(np.stack([np.concatenate([*map(np.ravel, y)]) for y in latents]))
    numbers = forward.grid_numbers(model, CPU)
    bits = forward.bits(model, networks, flat, numbers, torch.ones_like(flat))
    colours = forward.colours(model, networks, flat)
    window = windows.whole(model)
    for k, (fit, grids) in enumerate(zip(fits, latents, strict=True)):
        given = model, fit.parameters, grids, window
        assert np.abs(colours[k].numpy() - TorchBackend().colours(*given)).max() < 1e-4
        assert float(bits[k]) == pytest.approx(TorchBackend().bits(*given), rel=1e-4)


def test_gradients_and_steps_of_latents_are_those_of_each_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone, together = fits_of(encodes(crops())), fits_of(encodes(crops()))
    stack, seen = StackedFit(together, CPU), list[Networks]()
    step = stack._optimizer.step

    def noted(gradients: Networks, *how: torch.Tensor) -> torch.Tensor:
        seen.append(gradients)
        return step(gradients, *how)

    monkeypatch.setattr(stack._optimizer, "step", noted)
    stack.advance()
    (gradients,) = seen
    for number, fit in enumerate(alone):
        wanted: dict[str, np.ndarray] = {}
        monkeypatch.setattr(fit._optimizer, "step", lambda found, *_, to=wanted: to.update(found))
        before = [y.copy() for y in fit.latents]
        fit._train(0.0)
        found, norm = gradients.image(number), np.linalg.norm
        for name, value in wanted.items():
            assert norm(found[name] - value) <= 1e-3 * norm(value) + 1e-6, name
        latents = forward.grids_of(fit.model, stack._latents)
        for grid, (y, initial) in enumerate(zip(fit.latents, before, strict=True)):
            moved = norm(y - initial)
            assert norm(latents[grid][number].numpy() - y) <= 1e-3 * moved + 1e-6


def test_trained_together_images_cost_what_they_cost_alone() -> None:
    """SOAP's first bases are arbitrary where no gradient was seen, so that rounding errors grow:
    fits differ as those of two seeds do, by about 1 % of the cost."""
    alone, together = encodes(crops()), encodes(crops())
    for fit in fits_of(alone):
        assert [step.step for step in fit][-1] == 100
    untrained = [cost_of(fit) for fit in fits_of(together)]
    StackedFit(fits_of(together), CPU).run()
    ratios = []
    for before, one, other in zip(untrained, fits_of(alone), fits_of(together), strict=True):
        assert other.step == 100
        assert other.share() == 1
        assert cost_of(other) < 0.95 * before
        ratios.append(math.log(cost_of(other) / cost_of(one)))
    assert max(map(abs, ratios)) < 0.1
    assert abs(sum(ratios)) / 3 < 0.05
    for job, picture in zip(together, crops(), strict=True):
        steps = [progress.step for progress in job]
        assert steps[-1] == 100
        assert psnr(picture.pixels, decode(job.finish())) > 25


def test_one_that_ends_early_leaves_the_others() -> None:
    """A flat image has little to gain; its neighbours go on, each with what is its own."""
    flat = as_picture(np.full((64, 90, 3), 90, np.uint8))
    pictures, schedule = [crops()[0], flat, crops()[1]], Schedule(worth_nothing=0.045)
    alone = fits_of(encodes(pictures, schedule, quality=40))
    for fit in alone:
        list(fit)
    together = fits_of(encodes(pictures, schedule, quality=40))
    stack = StackedFit(together, CPU)
    seen = set()
    while stack.left:
        seen.add(tuple(stack.left))
        stack.advance()
    assert seen == {(0, 1, 2), (0, 2)}
    assert together[0].step == together[2].step == 100
    assert abs(together[1].step - alone[1].step) <= 10
    assert max(together[1].step, alone[1].step) < 60
    for number in (0, 2):
        ours, theirs = cost_of(together[number]), cost_of(alone[number])
        assert ours == pytest.approx(theirs, rel=0.1)


def test_one_that_is_led_astray_comes_back() -> None:
    """Latents of one image are thrown about; what it remembers is its own."""
    costs = {}
    for first in (10, 10**6):
        fits = fits_of(encodes(crops(), Schedule(retreat_steps=first, retreat_every=10)))
        stack = StackedFit(fits, CPU)
        while stack.left:
            if stack.step == 75:
                stack._latents[1] += torch.randn(stack._latents.shape[1:], generator=_seeded())
            stack.advance()
        costs[first] = [cost_of(fit) for fit in fits]
    assert costs[10][1] < 0.8 * costs[10**6][1]
    for number in (0, 2):
        assert costs[10][number] == pytest.approx(costs[10**6][number], rel=0.1)


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_one_that_diverges_is_left_to_itself() -> None:
    together = fits_of(encodes(crops()))
    together[1].target.fill(math.nan)
    stack = StackedFit(together, CPU)
    for _ in range(6):
        stack.advance()
        assert stack.left == [0, 2]
    assert all(bool(torch.isfinite(leaf).all()) for leaf in stack._networks)
    assert together[1].step == 0


def test_who_is_trained_together() -> None:
    picture = crops()[0]

    def takes(picture: Picture = picture, **options: object) -> bool:
        return trains_together(picture, EncodeOptions.of(**options))

    assert takes()
    assert takes(quality=20, effort=7, complexity="low")
    assert takes(crops()[2])
    assert not takes(bpp=0.3)
    assert not takes(psnr=30.0)
    assert not takes(time_limit=3.0)
    assert not takes(effort=0)
    assert not takes(loss="l1")
    assert not takes(robust="noise")
    assert not takes(model="coolchic-v2")
    assert not takes(model="pe-siren")
    assert not takes(as_picture(np.zeros((9, 9, 4), np.uint8)))
    assert not takes(as_picture(np.zeros((1025, 2049, 3), np.uint8)))


def test_encodes_of_several_sizes_are_trained_in_stacks_that_fit_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures = [*crops(), *crops(40, 40)[:2]]
    options = [EncodeOptions.of(effort=1, quality=40, threads=1, seed=k) for k in range(5)]
    jobs = [encoding(*each) for each in zip(pictures, options, strict=True)]
    made: list[int] = []

    def noted(stack: StackedFit) -> None:
        """No training; the first stack of two is too much for the memory."""
        made.append(len(stack.left))
        if made == [2]:
            raise torch.cuda.OutOfMemoryError
        for fit in stack._fits:
            fit.take(dict(fit.parameters), list(fit.latents), 1)

    monkeypatch.setattr(StackedFit, "run", noted)
    first = encodes(pictures)[0].model
    monkeypatch.setattr(encodings, "WITHOUT_GPU_BYTES", 4 * memory_bytes(first))
    train_together(jobs, "cpu", share=0.5)  # so two at once
    assert made == [2, 1, 1, 1, 2]
    for job, picture in zip(jobs, pictures, strict=True):
        assert [progress.step for progress in job] == [1]
        assert psnr(picture.pixels, decode(job.finish())) > 20


def test_stacked_steps_are_those_of_soap() -> None:
    """With square gradients no direction of the first bases is arbitrary, and both walk the same
    way."""
    random = np.random.default_rng(4)
    shapes = {"a": (4, 4), "b": (6, 6), "c": (4, 4), "v": (5,), "w": (3,)}
    rates = {"a": 0.03, "b": 0.05, "c": 0.01, "v": 0.02, "w": 0.04}

    def drawn() -> dict[str, np.ndarray]:
        return {n: random.standard_normal(s).astype(np.float32) for n, s in shapes.items()}

    images = [drawn() for _ in range(3)]
    stacked = Networks.of(shapes, images, CPU).requires_grad()
    by_name = {n: torch.full((3,), rate) for n, rate in rates.items()}
    steps = NetworkSteps(stacked, Networks.filled(shapes, by_name))
    soaps = [Soap(image, rates) for image in images]
    factors, norms = torch.tensor([1.0, 0.5, 0.1]), torch.tensor([9.0, 0.1, 1e9])
    for _ in range(25):
        gradients = [drawn() for _ in range(3)]
        steps.step(Networks.of(shapes, gradients, CPU), factors, norms)
        for k, soap in enumerate(soaps):
            soap.step(gradients[k], float(factors[k]), float(norms[k]))
    for k, image in enumerate(images):
        for name, value in stacked.image(k).items():
            assert np.abs(value - image[name]).max() < 1e-3, name
