"""Losses: their gradients, what they are of equal pictures, and what an encoder does by them."""

import math

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

import inrcodec
from inrcodec.codec import native
from inrcodec.codec.fitting.coolchic.rehearsal import Rehearsal
from inrcodec.codec.fitting.coolchic.schedule import SCHEDULE
from inrcodec.codec.fitting.losses import MSE, Distortion, Loss, loss_of
from inrcodec.codec.fitting.networks import batches
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.fitting.tensor_losses import l1, logcosh, mse, of_channels
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.options.loss_names import LOSS_WEIGHTS, LOSSES, METRIC_LOSSES
from inrcodec.errors import OptionError, WeightsError
from inrcodec.metrics.judge import compare
from inrcodec.metrics.metric_losses import with_metric_loss
from inrcodec.metrics.quality import ssim as metric
from inrcodec.metrics.quality.iem import iem
from inrcodec.metrics.quality.ssimulacra2 import ssimulacra2
from inrcodec.pixels import Picture

NAMES = [name for name in LOSSES if name not in ("lpips", "ssimulacra2")]
"""Those without weights of their own; SSIMULACRA2 computes in float32."""


def named(name: str, **options: float) -> Loss:
    checked = with_metric_loss(EncodeOptions(loss=name, **options))
    return loss_of(checked.loss, checked.loss_weight)


def a_pair(side: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Two smooth pictures that differ a little everywhere, (1, 3, side, side + 5)."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side + 5), indexing="ij")
    waves = [torch.sin(rows / (5.0 + k) + columns / (9.0 - k)) for k in range(3)]
    x = (0.5 + 0.3 * torch.stack(waves))[None].to(dtype)
    noise = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(dtype)
    return x, (x + 0.01 * noise.sign() + 0.03 * noise).clamp(0, 1)


def side_of(loss: Loss) -> int:
    return max(12, loss.smallest_side)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    loss = named(name)
    x, y = a_pair(side_of(loss))
    y.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x, y), y)
    random = torch.Generator().manual_seed(1)
    for _ in range(3):
        direction = torch.randn(y.shape, generator=random, dtype=torch.float64)
        step = 1e-6
        with torch.no_grad():
            high, low = (loss(x, y + s * step * direction) for s in (1, -1))
        measured = float(high - low) / (2 * step)
        assert measured == pytest.approx(float((gradient * direction).sum()), rel=2e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_losses_are_zero_and_flat_at_identity_and_positive_elsewhere(
    name: str, dtype: torch.dtype
) -> None:
    loss = named(name)
    x, y = a_pair(side_of(loss), dtype)
    assert float(loss(x, y)) > 1e-5
    leaf = x.clone().requires_grad_()
    value = loss(x, leaf)
    assert abs(float(value.detach())) < 1e-6
    (there,) = torch.autograd.grad(value, leaf)
    away = y.clone().requires_grad_()
    (elsewhere,) = torch.autograd.grad(loss(x, away), away)
    assert float(there.abs().max()) < 2e-3 * float(elsewhere.abs().max())


@pytest.mark.skipif(native.library() is None, reason="installed without kernels")
@pytest.mark.parametrize("name", [name for name in LOSSES if name not in METRIC_LOSSES])
@pytest.mark.parametrize("side", [170, 161])
def test_losses_on_arrays_are_those_on_tensors(name: str, side: int) -> None:
    loss = named(name)
    assert not loss.needs_torch
    x, y = a_pair(side)
    value, back = loss.evaluated(x[0].float().numpy(), y[0].float().numpy())
    y.requires_grad_()
    wanted = loss(x, y)
    (gradient,) = torch.autograd.grad(wanted, y)
    assert value == pytest.approx(float(wanted.detach()), rel=1e-4)
    difference = np.linalg.norm(back() - gradient[0].numpy())
    assert difference < 1e-3 * np.linalg.norm(gradient.numpy())


def test_other_losses_need_torch() -> None:
    assert loss_of(lambda x, y: (x - y).abs().max()).needs_torch
    assert named("iem").needs_torch


def test_pointwise_losses_are_what_the_paper_defines() -> None:
    x, y = a_pair(12)
    error = (y - x).numpy()
    assert float(mse(x, y)) == pytest.approx(np.square(error).mean())
    assert float(l1(x, y)) == pytest.approx(np.abs(error).mean())
    assert float(logcosh(x, y)) == pytest.approx(np.log(np.cosh(error)).mean())
    assert float(logcosh(1000 * x, 1000 * y)) == pytest.approx(
        (np.abs(1000 * error) - math.log(2)).mean(), rel=1e-2
    )


def test_structural_losses_are_one_less_the_metric() -> None:
    x, y = a_pair(170)
    assert float(named("ms-ssim")(x, y)) == pytest.approx(
        1 - float(metric.ms_ssim(x, y)), abs=1e-12
    )
    for name, pointwise in (("lcssim", logcosh), ("l1ssim", l1), ("l1msssim", l1)):
        similarity = metric.ms_ssim if name == "l1msssim" else metric.ssim
        whole = named(name, loss_weight=1.0)(x, y)
        structural = 1 - float(similarity(x, y))
        extra = float(pointwise(x, y)) if name == "lcssim" else 0.0
        assert float(whole) == pytest.approx(structural + extra, abs=1e-12)
        assert float(named(name, loss_weight=0.0)(x, y)) == pytest.approx(float(pointwise(x, y)))
        weight = LOSS_WEIGHTS[name]
        share = 1.0 if name == "lcssim" else 1 - weight
        usual = share * float(pointwise(x, y)) + weight * structural
        assert float(named(name)(x, y)) == pytest.approx(usual, abs=1e-12)


def test_ssimulacra2_mixes_the_score_with_squared_error() -> None:
    x, y = a_pair(64)
    score, squared = float(ssimulacra2(x, y)), float(mse(x, y))
    assert 0 < score < 95
    for weight in (0.0, 0.02, 1.0):
        value = float(named("ssimulacra2", loss_weight=weight)(x, y))
        expected = (1 - weight) * squared + weight * (1 - score / 100)
        assert value == pytest.approx(expected, rel=1e-6)
    assert float(named("ssimulacra2")(x, x)) == 0
    tiny = x[..., :7, :]
    assert float(named("ssimulacra2")(tiny, y[..., :7, :])) == float(mse(tiny, y[..., :7, :]))


@pytest.mark.parametrize("side", [8, 9, 33, 128])
@pytest.mark.parametrize("noise", [0.01, 0.3])
def test_ssimulacra2_on_arrays_is_that_on_tensors(side: int, noise: float) -> None:
    """With colours beyond white too, which a decoder clips; 0.2 % where float32 rounds it so."""
    loss = named("ssimulacra2", loss_weight=0.5)
    assert not loss.needs_torch
    generator = torch.Generator().manual_seed(0)
    x, _ = a_pair(side, torch.float32)
    y = x + noise * torch.randn(x.shape, generator=generator)
    value, back = loss.evaluated(x[0].numpy(), y[0].numpy())
    leaf = y.clone().requires_grad_()
    wanted = loss(x, leaf)
    (gradient,) = torch.autograd.grad(wanted, leaf)
    assert value == pytest.approx(float(wanted.detach()), rel=1e-5)
    difference = np.linalg.norm(back() - gradient[0].numpy())
    assert difference < 2e-3 * np.linalg.norm(gradient.numpy())


def test_ssimulacra2_on_arrays_of_identical_and_of_tiny_images() -> None:
    loss = named("ssimulacra2")
    x, y = (t[0].numpy() for t in a_pair(24, torch.float32))
    value, back = loss.evaluated(x, x.copy())
    assert value == 0
    assert not back().any()
    tiny, other = x[:, :7], y[:, :7]
    value, back = loss.evaluated(tiny, other)
    wanted, back_of_mse = MSE.evaluated(tiny, other)
    assert value == wanted
    assert (back() == back_of_mse()).all()


def test_ssimulacra2_on_arrays_keeps_detail_and_half_pixels_of_odd_sides() -> None:
    """The gradient is that of finite differences along each odd border."""
    from inrcodec.metrics.quality.ssimulacra2_arrays import score

    x, y = (t[0].numpy().copy() for t in a_pair(21, torch.float32))
    _, back = score(x, y)
    gradient = back()
    for part in (np.s_[:, -1, :], np.s_[:, :, -1], np.s_[:, 0, :]):
        direction = np.zeros_like(y)
        direction[part] = np.sign(gradient[part])
        ahead, behind = (score(x, y + s * direction)[0] for s in (2e-4, -2e-4))
        expected = float((gradient * direction).sum())
        assert (ahead - behind) / 4e-4 == pytest.approx(expected, rel=0.05)


def test_ssimulacra2_has_a_gradient_that_improves_the_score() -> None:
    x, y = a_pair(64, torch.float32)
    leaf = y.clone().requires_grad_()
    loss = named("ssimulacra2", loss_weight=1.0)
    value = loss(x, leaf)
    (gradient,) = torch.autograd.grad(value, leaf)
    step = 1e-3 / float(gradient.norm())
    with torch.no_grad():
        less = float(loss(x, y - step * gradient))
    expected = float(value.detach()) - step * float(gradient.square().sum())
    assert less == pytest.approx(expected, abs=0.2 * (float(value.detach()) - expected))


def test_tune_ssimulacra2_is_that_loss_and_has_a_better_score() -> None:
    options = with_metric_loss(EncodeOptions(tune="ssimulacra2"))
    assert options.tune is None
    assert loss_of(options.loss).name == "ssimulacra2"
    photo = np.ascontiguousarray(data.chelsea()[60:124, 100:188])
    scores = {}
    for tune in ("psnr", "ssimulacra2"):
        file = inrcodec.encode(photo, tune=tune, bpp=1.0, effort=1, threads=1, seed=0)
        scores[tune] = compare(photo, inrcodec.decode(file), ["ssimulacra2"])["ssimulacra2"]
    assert scores["ssimulacra2"] > scores["psnr"] + 3


def test_iem_is_the_squared_metric_a_sample() -> None:
    x, y = a_pair(24)
    expected = float(iem(x, y, denoiser="gaussian")) ** 2 / x.numel()
    assert float(named("iem", loss_weight=1.0)(x, y)) == pytest.approx(expected)


def test_lpips_needs_its_weights(monkeypatch: pytest.MonkeyPatch, tmp_path, shared) -> None:
    from inrcodec.metrics.quality.lpips import lpips_squeeze

    monkeypatch.setenv("INRCODEC_WEIGHTS", str(shared / "weights"))
    loss = named("lpips", loss_weight=0.25)
    x, y = a_pair(40)
    expected = 0.75 * float(mse(x, y)) + 0.25 * float(lpips_squeeze(x, y))
    assert float(loss(x, y)) == pytest.approx(expected, rel=1e-6)
    assert float(loss(x, x)) == 0


def test_lpips_without_weights_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path, small: np.ndarray
) -> None:
    monkeypatch.setenv("INRCODEC_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="lpips-squeeze is not available"):
        inrcodec.encode(small, loss="lpips")
    with pytest.raises(OptionError, match="metric_losses"):
        loss_of("lpips")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"loss": "msse"}, "unknown loss 'msse'; did you mean mse"),
        ({"loss": "entropy of roses"}, "known: mse, l1"),
        ({"loss": 3}, "must be a name or a function"),
        ({"loss": "l1ssim", "loss_weight": 1.5}, r"loss_weight must be in \[0, 1\]"),
        ({"loss": "l1ssim", "loss_weight": -0.1}, r"loss_weight must be in \[0, 1\]"),
        ({"loss": "l1ssim", "loss_weight": "much"}, "loss_weight must be a number"),
        ({"loss": "l1", "loss_weight": 0.5}, "loss_weight needs one of the losses lcssim"),
        ({"loss_weight": 0.5}, "loss_weight needs one of"),
        ({"loss": "l1", "effort": 0}, "needs a fit"),
        ({"lmbda": -1e-3}, "lmbda must be in"),
        ({"tune": "eye"}, "unknown tune"),
        ({"tune": "psnr", "loss": "l1"}, "give one of tune and loss"),
        ({"tune": "perceptual", "effort": 0}, "needs a fit"),
    ],
)
def test_bad_options_are_refused(small: np.ndarray, options: dict, text: str) -> None:
    with pytest.raises(OptionError, match=text):
        inrcodec.encode(small, **options)


@pytest.mark.parametrize("model", ["coolchic", "pe-siren"])
def test_pictures_too_small_and_functions_without_a_number_are_refused(
    small: np.ndarray, model: str
) -> None:
    with pytest.raises(OptionError, match="needs sides of at least 161 pixels; this image has 32"):
        inrcodec.encode(small, loss="ms-ssim", model=model)
    with pytest.raises(OptionError, match="must return a tensor of one number"):
        inrcodec.encode(small, loss=lambda x, y: (x - y).square(), model=model, effort=1)


def test_windows_of_large_pictures_take_every_loss() -> None:
    assert max(named(name).smallest_side for name in NAMES) <= SCHEDULE.least_side


def test_a_weighed_loss_that_is_a_multiple_of_squared_error_is_squared_error() -> None:
    x, y = a_pair(40, torch.float32)
    target, made, window = x[0].numpy(), y[0].numpy(), (0, 40, 0, 45)
    distortion = Distortion(Loss("seventh", lambda a, b: mse(a, b) / 7), target)
    distortion.weigh(made, window)
    assert distortion(made, window) == pytest.approx(float(mse(x, y)), rel=1e-4)
    distortion = Distortion(named("logcosh"), target)
    distortion.weigh(made, window)
    assert distortion.worth == pytest.approx(2, rel=0.02)  # log cosh is half the square near 0


def test_gray_and_alpha_count_as_the_channels_they_are() -> None:
    x, y = (t[:, :1] for t in a_pair(12))
    for name in ("mse", "l1ssim"):
        loss = named(name)
        gray = of_channels(loss, x, y)
        assert float(gray) == pytest.approx(float(loss(*(t.expand(-1, 3, -1, -1) for t in (x, y)))))
        colours, wrong = (t.expand(-1, 3, -1, -1) for t in (x, y))
        both = of_channels(loss, torch.cat([colours, x], 1), torch.cat([wrong, x], 1))
        assert float(both) == pytest.approx(0.75 * float(gray))


@pytest.mark.slow
def test_a_quality_means_the_same_size_for_every_loss(photo: np.ndarray) -> None:
    plain, *others = (
        len(inrcodec.encode(photo, loss=loss, effort=2, threads=1, quality=60))
        for loss in ("mse", "lcssim", "iem")
    )
    assert all(0.85 < size / plain < 1.15 for size in others)  # short fits of a small image


@pytest.mark.parametrize(
    ("model", "effort"),
    [pytest.param("coolchic", 2, marks=pytest.mark.slow), ("pe-siren", 1)],
)
def test_a_loss_is_what_gets_better(photo: np.ndarray, model: str, effort: int) -> None:
    options = {"model": model, "effort": effort, "threads": 1, "bpp": 0.8}
    plain, structural = (
        float(metric.ssim(photo, inrcodec.decode(inrcodec.encode(photo, loss=loss, **options))))
        for loss in ("mse", "lcssim")
    )
    assert structural > plain + 0.002


def test_any_function_of_two_pictures_will_do(photo: np.ndarray) -> None:
    def green(reference: Tensor, decoded: Tensor) -> Tensor:
        assert reference.shape == decoded.shape == (1, 3, *photo.shape[:2])
        return (decoded - reference)[:, 1].square().mean()

    data = inrcodec.encode(photo, loss=green, effort=1, threads=1, quality=60)
    error = np.square(inrcodec.decode(data) - photo.astype(float)).mean((0, 1))
    assert error[1] < 0.8 * error[0]
    assert error[1] < 0.8 * error[2]


def test_alpha_and_gray_pictures_take_a_loss(photo: np.ndarray, few_steps: None) -> None:
    shape = np.full_like(photo[:40, :50, :1], 255)
    shape[:, :20] = 0
    pixels = np.concatenate([photo[:40, :50, :1], shape], 2)
    for model in ("coolchic", "pe-siren"):
        data = inrcodec.encode(pixels, loss="l1ssim", model=model, effort=1, threads=1)
        assert inrcodec.decode(data).shape == pixels.shape


def test_a_loss_leaves_alpha_as_squared_error_does(photo: np.ndarray) -> None:
    rows, columns = np.mgrid[:40, :56]
    shape = (np.hypot(rows - 20, columns - 28) < 15)[..., None] * np.uint8(255)
    pixels = np.concatenate([photo[:40, :56], shape], 2)
    by_error, by_loss = (
        inrcodec.decode(inrcodec.encode(pixels, loss=loss, effort=1, threads=1))
        for loss in ("mse", "l1ssim")
    )
    assert np.array_equal(by_error[..., 3], by_loss[..., 3])
    assert not np.array_equal(by_error[..., :3], by_loss[..., :3])


def test_a_rehearsal_says_what_to_aim_at() -> None:
    of = Rehearsal(800, trained=True)
    assert [of.wants(p) for p in (0.2, 0.5)] == [False, True]
    of.note(0.5, 1250)
    assert not of.wants(0.6)
    assert not of.over
    of.end(1000)
    assert of.over
    assert of.wanted(1.0) == pytest.approx(930)  # the factor of 800 steps
    assert of.wanted(0.5) / of.wanted(1.0) == pytest.approx(1.25)
    nothing = Rehearsal(800, trained=False)
    nothing.end(0)
    assert nothing.wanted(0.3) == 1


def test_black_and_tiny_pictures_take_a_loss() -> None:
    for shape in ((20, 26, 3), (1, 1, 3)):
        black = np.zeros(shape, np.uint8)
        files = [
            inrcodec.encode(black, loss="l1", effort=1, threads=1, seed=seed) for seed in range(5)
        ]
        # so short a fit of nothing leaves a sample of 10 or 20 here and there
        assert np.median([inrcodec.decode(data).max() for data in files]) <= 8


def test_the_best_network_is_chosen_by_the_loss(photo: np.ndarray) -> None:
    model = Siren(8, 2, 4, 3)
    parameters = {
        n: torch.from_numpy(v)
        for n, v in model.initial(np.random.default_rng(0), np.zeros(3)).items()
    }
    squared = batches.image_error(model, parameters, photo)
    assert batches.image_loss(model, parameters, photo, MSE) == pytest.approx(squared, rel=1e-4)


def test_equal_options_give_equal_files(photo: np.ndarray) -> None:
    options = {"loss": "l1ssim", "effort": 1, "threads": 1, "seed": 3}
    part = photo[:48, :64]
    assert inrcodec.encode(part, **options) == inrcodec.encode(part, **options)


def test_other_losses_take_sizes_and_time_limits(photo: np.ndarray) -> None:
    part = photo[:64, :96]
    data = inrcodec.encode(part, loss="l1ssim", target_size=900, effort=2, threads=1)
    assert 0.95 * 900 <= len(data) <= 900
    assert inrcodec.encode(part, loss="l1ssim", time_limit=0.8, threads=1)


def test_a_tune_picks_a_loss_that_the_picture_is_large_enough_for(
    small: np.ndarray, few_steps: None
) -> None:
    def picked(tune: str | None, side: int) -> object:
        image = Picture(np.zeros((2 * side, side, 3), np.uint8))
        return plan_of(EncodeOptions(tune=tune), image).loss.name

    assert picked(None, 500) == picked("psnr", 500) == "mse"
    assert picked("ms-ssim", 161) == "l1msssim"
    assert picked("ms-ssim", 160) == picked("perceptual", 11) == "lcssim"
    assert picked("ms-ssim", 10) == picked("perceptual", 10) == "mse"
    files = [
        inrcodec.encode(small, model="pe-siren", effort=1, **options)
        for options in ({"tune": "perceptual"}, {"loss": "lcssim"})
    ]
    assert files[0] == files[1]
