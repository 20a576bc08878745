"""INRIQ: the closed form against gradients pixel by pixel, and what each variant promises."""

import numpy as np
import pytest
import torch

from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.errors import ImageError, OptionError
from inrcodec.metrics.quality.fisher import output_sensitivity, squared_gradients
from inrcodec.metrics.quality.inriq import Inriq, fisher_rao, inriq, symmetric_kl


def network(frequencies, seed=0):
    model = Siren(9, 3, frequencies, 3)
    values = model.initial(np.random.default_rng(seed), np.zeros(3))
    return model, {name: torch.from_numpy(value).double() for name, value in values.items()}


def gradients(model, parameters, outputs_of):
    """The gradient of every output by autograd, name -> (H, W, outputs, *shape).

    `outputs_of` maps a colour and its row and column to scalars.
    """
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    height, width = SHAPE
    colours = model.render(leaves, coordinates(height), coordinates(width))
    rows = []
    for row in range(height):
        for column in range(width):
            for output in outputs_of(colours[row, column], row, column):
                rows.append(torch.autograd.grad(output, list(leaves.values()), retain_graph=True))
    return {
        name: torch.stack([row[k] for row in rows]).view(height, width, -1, *value.shape)
        for k, (name, value) in enumerate(parameters.items())
    }


SHAPE = (6, 9)


def same(closed, expected, rtol):
    return all(torch.allclose(closed[n], expected[n], rtol=rtol, atol=0) for n in expected)


def one(model, parameters, residual, **options):
    """The squared gradients of a single residual."""
    found = squared_gradients(model, parameters, residual[None], **options)
    return {name: value[0] for name, value in found.items()}


@pytest.fixture(params=[0, 4], ids=["siren", "pe-siren"])
def case(request):
    model, parameters = network(request.param)
    generator = torch.Generator().manual_seed(0)
    residual = torch.randn(*SHAPE, 3, generator=generator, dtype=torch.float64)
    of_residual = gradients(
        model, parameters, lambda colour, row, column: [(colour * residual[row, column]).sum()]
    )
    return model, parameters, residual, of_residual


def test_the_closed_form_equals_gradients_of_every_pixel(case):
    model, parameters, residual, of_residual = case
    expected = {name: g.square().mean((0, 1, 2)) for name, g in of_residual.items()}
    assert same(one(model, parameters, residual), expected, 1e-10)
    single = {name: value.float() for name, value in parameters.items()}
    assert same(one(model, single, residual.float()), expected, 1e-4)


def test_output_sensitivity_sums_the_gradients_of_every_output(case):
    model, parameters, *_ = case
    every = gradients(model, parameters, lambda colour, row, column: colour)
    expected = {name: g.square().sum(2).mean((0, 1)) for name, g in every.items()}
    assert same(output_sensitivity(model, parameters, SHAPE), expected, 1e-10)


@pytest.mark.parametrize("block", [2, 4])
def test_blocks_give_the_pooled_variance(case, block):
    """Sides of 6 x 9 are no multiples of 4: the blocks at the border are smaller."""
    model, parameters, residual, of_residual = case
    closed = one(model, parameters, residual, block=block)
    for name, g in of_residual.items():
        parts = [part.flatten(0, 2) for row in g.split(block) for part in row.split(block, 1)]
        deviations = sum((part - part.mean(0)).square().sum(0) for part in parts)
        expected = deviations / sum(len(part) - 1 for part in parts)
        assert torch.allclose(closed[name], expected, rtol=1e-9, atol=1e-14), name


@pytest.mark.parametrize("block", [1, 3])
def test_tiles_add_up_to_the_whole(block):
    model, parameters = network(3)
    residual = torch.randn(14, 5, 3, dtype=torch.float64)
    whole = one(model, parameters, residual, block=block)
    tiled = one(model, parameters, residual, block=block, tile_pixels=15)
    assert same(tiled, whole, 1e-10)


def test_the_distances_equal_their_formulas():
    random = np.random.default_rng(0)
    a, b = ({"w": torch.from_numpy(random.random((3, 4)) + 0.1)} for _ in range(2))
    x, y = a["w"].numpy(), b["w"].numpy()

    def kl(p, q):
        return 0.5 * np.mean(q / p - 1 - np.log(q / p))

    assert float(symmetric_kl(a, b)) == pytest.approx((kl(x, y) + kl(y, x)) / 2)
    assert float(fisher_rao(a, b)) == pytest.approx(np.sqrt(0.5 * np.mean(np.log(y / x) ** 2)))
    assert float(fisher_rao(a, b)) == pytest.approx(float(fisher_rao(b, a)))
    dead = {"w": torch.zeros(2)}
    assert float(symmetric_kl(dead, dead)) == float(fisher_rao(dead, dead)) == 0


@pytest.fixture(scope="module")
def picture(photo):
    return photo[20:68, 30:78]


def distorted(picture):
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(0).normal(0, 10, picture.shape)
    blurred = gaussian_filter(picture.astype(float), (1.5, 1.5, 0))
    versions = (picture + noise, blurred, picture + 20.0)
    return [np.clip(np.round(version), 0, 255).astype(np.uint8) for version in versions]


@pytest.mark.parametrize("variant", ["stable", "paper"])
def test_identical_is_zero_and_worse_is_more(picture, variant):
    scorer = Inriq(picture, variant=variant, steps=40, width=64)
    noise = np.random.default_rng(1).normal(0, 1, picture.shape)
    near, far = (np.clip(picture + s * noise, 0, 255).astype(np.uint8) for s in (3, 30))
    assert float(scorer(picture)) == 0
    assert 0 < float(scorer(near)) < float(scorer(far))
    assert scorer(np.stack([near, far])).tolist() == [float(scorer(near)), float(scorer(far))]
    assert 10 < scorer.notes["fit_psnr"] < 60


def test_the_same_seed_gives_the_same_score(picture):
    (noisy, *_) = distorted(picture)
    assert float(inriq(picture, noisy, steps=10)) == float(inriq(picture, noisy, steps=10))
    assert float(inriq(picture, noisy, steps=10)) != float(inriq(picture, noisy, steps=10, seed=1))


def test_gray_scores_like_the_same_gray_in_colour(picture):
    gray = picture[:, :, 0]
    colour = np.repeat(gray[:, :, None], 3, 2)
    noisy = distorted(picture)[0][:, :, 0]
    assert float(inriq(gray, noisy, steps=10)) == float(inriq(colour, noisy, steps=10))


def test_it_computes_with_the_threads_it_is_given(picture, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda count: pytest.fail("threads were set"))
    Inriq(picture, steps=2)(picture)


def test_the_trained_start_is_ahead_in_the_first_steps(picture):
    few = {"steps": 8, "precision": torch.float32, "width": 48}
    random = Inriq(picture, **few)
    trained = Inriq(picture, init="meta", **{**few, "width": None})
    assert trained.fit_psnr > random.fit_psnr + 1


def test_a_fit_ends_at_its_target_and_says_so(picture):
    """The pixels of late steps tell: the whole image is within 1.5 dB of it."""
    options = {"variant": "paper", "width": 64, "steps": 1500, "precision": torch.float32}
    near = Inriq(picture, target_psnr=30, **options)
    assert near.notes == {"fit_psnr": near.fit_psnr, "fit_steps": near.network.steps}
    assert abs(near.fit_psnr - 30) < 1.5
    assert near.network.steps < 1500
    assert Inriq(picture, target_psnr=0, **{**options, "steps": 100}).network.steps == 100


def test_an_adapted_network_is_that_of_the_other_image_and_near_the_reference_s(picture):
    scorer = Inriq(picture, variant="paper", width=32, steps=150, precision=torch.float32)
    noisy = distorted(picture)[1]
    fresh = Inriq(noisy, variant="paper", width=32, steps=60, precision=torch.float32)
    adapted = scorer.adapted(noisy, steps=60)
    assert adapted.psnr > fresh.fit_psnr + 1
    assert adapted.steps == 60

    def distance(network):
        both = zip(network.parameters.values(), scorer.network.parameters.values(), strict=True)
        return sum(float((a - b).square().sum()) for a, b in both)

    assert 0 < distance(adapted) < distance(fresh.network)


def test_wide_networks_take_bfloat16_to_the_same_score(picture):
    """Which needs the same network: rounding of its Fisher information, not of its fit."""
    noisy = distorted(picture)[0]
    scorer = Inriq(picture, variant="paper", width=128, steps=30, precision=torch.bfloat16)
    rounded = float(scorer(noisy))
    network = scorer.network
    fisher = [
        one(network.model, network.parameters, scorer._anchor - image)
        for image in (scorer._unit, torch.from_numpy(noisy).float() / 127.5 - 1)
    ]
    assert rounded == pytest.approx(float(symmetric_kl(*fisher)), rel=0.01)
    assert rounded != float(symmetric_kl(*fisher))


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"steps": 1.5},
        {"seed": -1},
        {"width": True},
        {"width": 100_000},
        {"target_psnr": -1},
        {"target_psnr": float("nan")},
    ],
)
def test_bad_options_are_refused(picture, options):
    with pytest.raises(OptionError, match=next(iter(options))):
        Inriq(picture, **options)


def test_bad_input_is_refused(picture):
    with pytest.raises(OptionError, match="variant"):
        Inriq(picture, variant="best")
    with pytest.raises(OptionError, match="init"):
        Inriq(picture, init="best")
    with pytest.raises(OptionError, match="width"):
        Inriq(picture, init="meta", width=32)
    with pytest.raises(OptionError, match="batch"):
        Inriq(np.stack([picture, picture]))
    with pytest.raises(ImageError, match="16"):
        Inriq(picture[:15])
    with pytest.raises(ImageError, match="differ in size"):
        Inriq(picture, steps=5)(picture[1:])


@pytest.mark.slow
def test_the_stable_variant_hardly_moves_as_the_fit_improves(photo):
    """From below 40 to above 55 dB: under 10 % for each distortion; the paper's explodes."""
    picture = photo[20:84, 30:126]
    versions = distorted(picture)
    scores, published, fits = [], [], []
    for steps in (200, 2500):
        options = {"steps": steps, "precision": torch.float32}
        stable = Inriq(picture, **options)
        paper = Inriq(picture, variant="paper", width=64, target_psnr=0, **options)
        fits.append(stable.fit_psnr)
        scores.append([float(stable(version)) for version in versions])
        published.append([float(paper(version)) for version in versions])
    assert fits[0] < 40
    assert fits[1] > 55
    assert np.abs(np.divide(*scores) - 1).max() < 0.1
    assert np.divide(*published[::-1]).min() > 10
