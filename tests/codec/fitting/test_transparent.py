"""Images with alpha: hidden colours, edges, alpha of 0 and of full, and the PSNR of the whole."""

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.codec.fitting.coolchic.encoder import GridEncoding
from inrcodec.codec.fitting.losses import MSE, Distortion, loss_of
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.fitting.transparent import fill_hidden
from inrcodec.codec.networks.render import _mixed
from inrcodec.codec.options import EncodeOptions
from inrcodec.pixels import Picture, psnr


def cut_out(photo: np.ndarray, hidden: int = 0) -> np.ndarray:
    """The middle of a photograph with soft edges, on a hidden colour: (80, 80, 4)."""
    y, x = np.mgrid[:80, :80]
    alpha = np.clip(30.5 - np.hypot(y - 40, x - 40), 0, 1)[..., None]
    colours = np.where(alpha > 0, photo[10:90, 35:115], hidden)
    return np.concatenate([colours, np.round(255 * alpha)], 2).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_hidden_colours_continue_what_is_seen(photo, channels: int, dtype: type) -> None:
    pixels = cut_out(photo)[..., [0, 3] if channels == 2 else [0, 1, 2, 3]]
    pixels = pixels.astype(dtype) * (257 if dtype == np.uint16 else 1)
    filled = fill_hidden(Picture(pixels, icc=b"profile"))
    seen = pixels[..., -1] > 0
    assert filled.pixels.dtype == dtype
    assert filled.icc == b"profile"
    assert (filled.pixels[..., -1] == pixels[..., -1]).all()
    assert (filled.pixels[seen] == pixels[seen]).all()
    hidden, shown = (filled.pixels[where][:, :-1].astype(float) for where in (~seen, seen))
    assert (hidden.min(0) >= shown.min(0)).all()
    assert (hidden.max(0) <= shown.max(0)).all()
    # No step at the edge: neighbours across it differ as neighbours in the image do.
    across = seen[:, 1:] != seen[:, :-1]
    steps = np.abs(np.diff(filled.pixels.astype(float), axis=1)[..., 0]) / np.iinfo(dtype).max
    inside = seen[:, 1:] & seen[:, :-1]
    assert steps[across].mean() < 2 * steps[inside].mean()


def test_what_hides_nothing_stays_and_what_hides_all_is_gray(photo: np.ndarray) -> None:
    opaque = Picture(photo)
    assert fill_hidden(opaque) is opaque
    solid = Picture(np.concatenate([photo, np.full_like(photo[..., :1], 1)], 2))
    assert fill_hidden(solid) is solid
    clear = Picture(np.concatenate([photo, np.zeros_like(photo[..., :1])], 2))
    assert np.unique(fill_hidden(clear).pixels[..., :3]).tolist() == [128]
    one = Picture(np.zeros((1, 1, 4), np.uint8))
    assert fill_hidden(one).pixels.tolist() == [[[128, 128, 128, 0]]]


@pytest.mark.parametrize("effort", [0, 1])
def test_the_file_does_not_depend_on_hidden_colours(photo: np.ndarray, effort: int) -> None:
    files = [inrcodec.encode(cut_out(photo, h), effort=effort, threads=1) for h in (0, 255)]
    assert files[0] == files[1]


@pytest.mark.parametrize(("effort", "share"), [(0, 0.05), (1, 0.001)])
def test_clear_and_opaque_stay_so(photo: np.ndarray, effort: int, share: float) -> None:
    pixels = cut_out(photo)
    decoded = inrcodec.decode(inrcodec.encode(pixels, effort=effort, quality=60, threads=1))
    for value in (0, 255):
        there = pixels[..., 3] == value
        assert (decoded[..., 3][there] != value).mean() <= share
    between = (pixels[..., 3] > 0) & (pixels[..., 3] < 255)
    error = decoded[..., 3][between].astype(float) - pixels[..., 3][between]
    assert np.sqrt(np.square(error).mean()) < 20


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_psnr_that_steers_is_that_of_the_decoded_image(photo, channels: int) -> None:
    pixels = cut_out(photo)[..., {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]]
    picture = Picture(pixels)
    job = GridEncoding(picture, plan_of(EncodeOptions(effort=0, quality=60), picture))
    found = job.written()
    assert found.psnr_db == pytest.approx(psnr(pixels, inrcodec.decode(found.data)), abs=0.1)


def test_a_bound_is_a_bound_and_what_is_hidden_weighs_nothing() -> None:
    window = (0, 1, 0, 4)
    target, made, near = (
        np.tile(np.float32(row), (3, 1, 1))
        for row in ([-0.1, 1.1, 0.5, 0.5], [-0.3, 1.5, 0.5, 0.7], [0.0, 1.0, 0.5, 0.5])
    )
    distortion = Distortion(MSE, target)
    value, gradient = distortion.with_gradient(made, window)
    assert value == distortion(made, window) == pytest.approx(0.2**2 / 4)
    assert gradient[0, 0] == pytest.approx([0, 0, 0, 2 * 0.2 / 12])
    assert distortion(near, window) == pytest.approx(2 * 0.1**2 / 4)
    assert distortion.squared_error(near, window) == 0
    shown = np.float32([[[0.0, 0.0, 1.0, 0.5]]])
    hidden = Distortion(loss_of("l1"), target.clip(0, 1), shown)
    value, gradient = hidden.with_gradient(np.ones((3, 1, 4), np.float32), window)
    assert value == pytest.approx((0.5 + 0.25) / 4)
    assert gradient[0, 0] == pytest.approx([0, 0, 1 / 12, 0.5 / 12])


def test_a_shrunk_network_mixes_what_is_seen() -> None:
    samples = torch.tensor([[0.8, 1.0], [-1.0, -1.0]]).view(1, 2, 1, 1, 2)  # gray, alpha
    colour, alpha = _mixed(samples, True).flatten().tolist()
    assert (colour, alpha) == (pytest.approx(0.8), pytest.approx(0.0))
    clear = torch.tensor([[0.8, -1.0], [0.4, -1.0]]).view(1, 2, 1, 1, 2)
    assert _mixed(clear, True).flatten().tolist() == [pytest.approx(0.6), -1.0]
    opaque = torch.rand(2, 3, 2, 2, 3)
    assert torch.equal(_mixed(opaque, False), opaque.mean((1, 3)))
