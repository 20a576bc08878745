"""LPIPS against known values; DISTS, CLIP and the trunks by what must hold for any weights."""

import os
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from inrcodec.errors import ImageError, WeightsError
from inrcodec.metrics.judge import compare
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.quality import clip, dists, lpips, trunks, weights


@pytest.fixture
def squeeze(shared, monkeypatch):
    monkeypatch.setenv("INRCODEC_WEIGHTS", str(shared / "weights"))
    lpips._state.cache_clear()
    yield lpips.lpips_squeeze
    lpips._state.cache_clear()


def test_lpips_squeeze_known_values_on_pictures(squeeze, shared):
    """Published with the examples of the LPIPS authors."""
    folder = shared / "iqa/lpips_examples"
    reference, *others = (
        Image.open(folder / f"{name}.png").convert("RGB") for name in ("ex_ref", "ex_p0", "ex_p1")
    )
    values = [float(squeeze(reference, other)) for other in others]
    assert values == pytest.approx([0.7110, 0.1479], abs=1e-3)
    assert float(squeeze(reference, reference)) == 0


def test_lpips_squeeze_known_values_on_noise(squeeze):
    """The documented example of torchmetrics: generator of seed 42, two uniform pictures each."""
    generator = torch.Generator().manual_seed(42)
    one, two = (torch.rand(2, 3, 100, 100, generator=generator) for _ in range(2))
    assert squeeze(one, two).tolist() == pytest.approx([0.1024, 0.0938], abs=1e-3)


def test_lpips_gradient_reaches_the_picture(squeeze):
    one = torch.rand(1, 3, 40, 40)
    two = torch.rand(1, 3, 40, 40, requires_grad=True)
    squeeze(one, two).sum().backward()
    assert two.grad is not None
    assert float(two.grad.abs().max()) > 0


def random_vgg(generator):
    """VGG-16 weights nobody trained: fit to check arithmetic, never to score."""
    channels = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    layers = [layer for stage in trunks.VGG_STAGES for layer in stage]
    state = {}
    for layer, (before, after) in zip(layers, pairwise(channels), strict=True):
        bound = (2 / (9 * before)) ** 0.5
        state[f"features.{layer}.weight"] = torch.randn(after, before, 3, 3, generator=generator)
        state[f"features.{layer}.weight"] *= bound
        state[f"features.{layer}.bias"] = torch.zeros(after)
    return state


def test_vgg_trunk_equals_its_layers_one_by_one():
    generator = torch.Generator().manual_seed(0)
    state = random_vgg(generator)
    x = torch.rand(1, 3, 37, 50, generator=generator)
    outputs = trunks.vgg16(x, state)
    expected, taps = x, []
    for layer in range(30):
        if f"features.{layer}.weight" in state:
            weight, bias = (state[f"features.{layer}.{kind}"] for kind in ("weight", "bias"))
            expected = torch.nn.functional.conv2d(expected, weight, bias, padding=1)
        elif layer in (4, 9, 16, 23):
            expected = torch.nn.functional.max_pool2d(expected, 2, 2)
        else:
            expected = expected.relu()
        if layer in (3, 8, 15, 22, 29):
            taps.append(expected)
    assert [tuple(o.shape) for o in outputs] == [tuple(t.shape) for t in taps]
    assert all(torch.equal(o, t) for o, t in zip(outputs, taps, strict=True))


def test_alexnet_trunk_equals_its_layers_one_by_one():
    """Krizhevsky 2014 as torchvision has it: (channels, kernel, stride, padding, pooled before)."""
    generator = torch.Generator().manual_seed(0)
    layers = {0: (64, 11, 4, 2, False), 3: (192, 5, 1, 2, True), 6: (384, 3, 1, 1, True)}
    layers |= {8: (256, 3, 1, 1, False), 10: (256, 3, 1, 1, False)}
    expected, taps, state, before = torch.rand(1, 3, 70, 90, generator=generator), [], {}, 3
    x = expected
    for layer, (after, kernel, stride, padding, pooled) in layers.items():
        convolution = torch.nn.Conv2d(before, after, kernel, stride, padding)
        state[f"features.{layer}.weight"] = convolution.weight.detach()
        state[f"features.{layer}.bias"] = convolution.bias.detach()
        expected = torch.nn.MaxPool2d(3, 2)(expected) if pooled else expected
        expected = torch.nn.ReLU()(convolution(expected)).detach()
        taps.append(expected)
        before = after
    outputs = trunks.alexnet(x, state)
    assert all(torch.equal(o, t) for o, t in zip(outputs, taps, strict=True))


@pytest.fixture
def random_dists(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    channels = 3 + 64 + 128 + 256 + 512 + 512
    heads = {name: torch.rand(1, channels, 1, 1, generator=generator) for name in ("alpha", "beta")}
    state = random_vgg(generator) | heads
    monkeypatch.setattr(dists, "_state", lambda: state)
    x = torch.rand(1, 3, 48, 64, generator=generator)
    noise = torch.randn(x.shape, generator=generator)
    return state, x, [(x + s * noise).clamp(0, 1) for s in (0.02, 0.3)]


def test_dists_equals_its_formula_written_out(random_dists):
    """Ding et al. 2020, equations 3 to 6, in numpy, on features computed layer by layer."""
    state, x, (_, y) = random_dists
    window = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16

    def features(image):
        mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
        deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        h, found = (image - mean) / deviation, [image]
        for number, stage in enumerate(((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))):
            if number:
                kernel = window.repeat(h.shape[1], 1, 1, 1)
                padded = torch.nn.functional.pad(h * h, (1, 1, 1, 1))
                pooled = torch.nn.functional.conv2d(padded, kernel, stride=2, groups=h.shape[1])
                h = (pooled + 1e-12).sqrt()
            for layer in stage:
                weight, bias = (state[f"features.{layer}.{kind}"] for kind in ("weight", "bias"))
                h = torch.nn.functional.conv2d(h, weight, bias, padding=1).clamp_min(0)
            found.append(h)
        return [h[0].flatten(1).double().numpy() for h in found]

    alpha, beta = (state[name].flatten().double().numpy() for name in ("alpha", "beta"))
    textures, structures = [], []
    for a, b in zip(features(x), features(y), strict=True):
        p, q = a.mean(1), b.mean(1)
        covariance = ((a - p[:, None]) * (b - q[:, None])).mean(1)
        textures.append((2 * p * q + 1e-6) / (p**2 + q**2 + 1e-6))
        structures.append((2 * covariance + 1e-6) / (a.var(1) + b.var(1) + 1e-6))
    likeness = alpha @ np.concatenate(textures) + beta @ np.concatenate(structures)
    expected = 1 - likeness / (alpha.sum() + beta.sum())
    assert float(dists.dists(x, y)) == pytest.approx(expected, rel=1e-3)


def test_dists_is_zero_for_equals_symmetric_and_grows_with_noise(random_dists):
    _, x, (near, far) = random_dists
    assert float(dists.dists(x, x)) == 0
    assert 0 < float(dists.dists(x, near)) < float(dists.dists(x, far))
    assert float(dists.dists(x, far)) == pytest.approx(float(dists.dists(far, x)), rel=1e-4)


class Embedding(torch.nn.Module):
    """The interface of a CLIP archive: mean colours of four quarters as the embedding."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.encode_image(image)

    @torch.jit.export
    def encode_image(self, image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(image, 2).flatten(1)


DEPRECATED = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    path = tmp_path / "clip.pt"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.script(Embedding()).save(str(path))
    monkeypatch.setenv("INRCODEC_CLIP", str(path))
    clip._model.cache_clear()
    yield path
    clip._model.cache_clear()


@DEPRECATED
def test_clip_uses_the_archive_it_is_given(archive, photo):
    assert METRICS["clip"].unavailable() is None
    assert compare(photo, photo.copy(), ["clip"]) == {"clip": 1.0}
    assert compare(photo, 255 - photo, ["clip"])["clip"] < 0.5


@DEPRECATED
def test_clip_leaves_the_filters_of_warnings_alone(archive, photo):
    def entered(*arguments):
        raise AssertionError("the filters of warnings are those of every thread")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warnings.catch_warnings, "__enter__", entered)
        value = compare(photo, 255 - photo, ["clip"])["clip"]
    assert value < 1


@DEPRECATED
def test_clip_refuses_what_is_no_archive(archive, photo):
    archive.write_bytes(b"not a model")
    with pytest.raises(WeightsError, match="TorchScript"):
        compare(photo, 255 - photo, ["clip"])


class TestWeights:
    @pytest.fixture(autouse=True)
    def bare(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        for name in [name for name in os.environ if name.startswith("INRCODEC_")]:
            monkeypatch.delenv(name)

    def test_a_folder_that_is_none_is_an_error(self, monkeypatch):
        monkeypatch.setenv("INRCODEC_WEIGHTS", "/nowhere")
        with pytest.raises(WeightsError, match="INRCODEC_WEIGHTS names /nowhere"):
            weights.load("vgg16")

    def test_arrays_of_something_else_are_refused(self, monkeypatch, tmp_path):
        path = tmp_path / "other.npz"
        np.savez(path, something=np.zeros(3, np.float32))
        monkeypatch.setenv("INRCODEC_LPIPS_SQUEEZE", str(path))
        lpips._state.cache_clear()
        picture = np.zeros((64, 64, 3), np.uint8)
        with pytest.raises(WeightsError, match=r"other\.npz"):
            compare(picture, picture, ["lpips-squeeze"])
        assert "not the weights expected" in METRICS["lpips-squeeze"].trial()

    def test_variable_folder_and_cache_in_that_order(self, monkeypatch, tmp_path):
        assert weights.locate("vgg16") is None
        cached = tmp_path / "torch/hub/checkpoints/vgg16-397923af.pth"
        cached.parent.mkdir(parents=True)
        cached.write_bytes(b"")
        assert weights.locate("vgg16") == cached
        folder = tmp_path / "own"
        folder.mkdir()
        (folder / cached.name).write_bytes(b"")
        monkeypatch.setenv("INRCODEC_WEIGHTS", str(folder))
        assert weights.locate("vgg16") == folder / cached.name
        other = tmp_path / "other.pth"
        other.write_bytes(b"")
        monkeypatch.setenv("INRCODEC_VGG16", str(other))
        assert weights.locate("vgg16") == other

    def test_a_variable_that_names_nothing_is_an_error_not_a_fallback(self, monkeypatch):
        monkeypatch.setenv("INRCODEC_VGG16", "/nowhere/vgg.pth")
        with pytest.raises(WeightsError, match=r"/nowhere/vgg\.pth"):
            weights.load("vgg16")

    @pytest.mark.parametrize("suffix", [".pth", ".npz"])
    def test_damaged_files_are_one_clear_error(self, monkeypatch, tmp_path, suffix):
        path = tmp_path / f"bad{suffix}"
        path.write_bytes(b"\x80\x02not weights")
        monkeypatch.setenv("INRCODEC_VGG16", str(path))
        with pytest.raises(WeightsError, match=f"bad{suffix}"):
            weights.load("vgg16")

    def test_files_that_would_run_code_are_refused(self, monkeypatch, tmp_path):
        import pickle

        class Hostile:
            def __reduce__(self):
                return (open, (str(tmp_path / "written"), "w"))

        path = tmp_path / "hostile.pth"
        path.write_bytes(pickle.dumps(Hostile()))
        monkeypatch.setenv("INRCODEC_VGG16", str(path))
        with pytest.raises(WeightsError):
            weights.load("vgg16")
        assert not (tmp_path / "written").exists()

    def test_nothing_downloads_unasked(self, monkeypatch):
        def never(*arguments, **options):
            raise AssertionError("a download was started")

        monkeypatch.setattr(torch.hub, "download_url_to_file", never)
        with pytest.raises(WeightsError, match="--allow-download"):
            weights.load("vgg16")

    def test_a_download_that_fails_says_so(self, monkeypatch):
        def refused(*arguments, **options):
            raise OSError("no route to host")

        monkeypatch.setattr(torch.hub, "download_url_to_file", refused)
        with pytest.raises(WeightsError, match="no route to host"):
            weights.load("vgg16", allow_download=True)


def test_lpips_needs_sides_the_trunk_can_shrink(squeeze):
    small = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(ImageError, match="32"):
        squeeze(small, small)
