"""Networks of files as torch modules, and back."""

import io
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.codec.format.header import Family
from inrcodec.errors import FitError, FormatError, OptionError, RateError, TruncatedError
from inrcodec.pixels import Picture, from_unit, psnr, to_unit
from tests.network_files import random_file

UNFITTED = {
    Family.SIREN: (8, 2),
    Family.FOURIER: (8, 2, 4),
    Family.MFN_FOURIER: (8, 2),
    Family.MFN_GABOR: (8, 2),
    Family.WIRE: (8, 2),
    Family.DINER: (8, 2),
    Family.SPINR: (8, 2, 4),
}


@pytest.fixture(scope="module")
def crop(photo: np.ndarray) -> np.ndarray:
    """A piece of the photograph, (32, 40, 3) uint8."""
    return np.ascontiguousarray(photo[30:62, 60:100])


@pytest.fixture(scope="module")
def data(crop: np.ndarray) -> bytes:
    """`crop` as a coordinate network."""
    return inrcodec.encode(crop, model="pe-siren", bpp=4.0, effort=1, threads=1)


def check(data: bytes) -> None:
    """A module renders what the decoder does, and stores the very file."""
    module = inrcodec.load_network(data)
    with torch.no_grad():
        assert np.array_equal(from_unit(module().numpy(), 8), inrcodec.decode(data))
    assert sum(p.numel() for p in module.parameters()) == inrcodec.info(data).parameters
    assert inrcodec.store_network(module) == data


@pytest.mark.parametrize("family", UNFITTED)
def test_a_module_renders_and_stores_the_file(family: Family) -> None:
    check(random_file(family, 40, 32, UNFITTED[family]))


def test_initialisations_stay(data: bytes, crop: np.ndarray) -> None:
    """Even phases of PE-SIREN, and a meta-learned initialisation of NIF."""
    assert inrcodec.load_network(data).stored.init is not None
    check(data)
    check(inrcodec.encode(crop, model="nif", init="meta", bpp=6.0, effort=1, threads=1))


def test_metadata_alpha_and_depth_stay(crop: np.ndarray) -> None:
    alpha = np.dstack([crop, crop[..., 0]]).astype(np.uint16) * 257
    picture = Picture(alpha, xmp=b"<x/>" * 20)
    data = inrcodec.encode(picture, model="siren", bpp=6.0, effort=1, threads=1)
    again = inrcodec.store_network(inrcodec.load_network(io.BytesIO(data)))
    first, second = inrcodec.decode_picture(data), inrcodec.decode_picture(again)
    for field in fields(Picture):
        assert np.array_equal(getattr(first, field.name), getattr(second, field.name))


def test_any_grid_of_coordinates(data: bytes) -> None:
    module = inrcodec.load_network(data)
    ys, xs = np.array([-0.5, 0.0, 0.25]), np.array([0.1, 1.0])
    colours = module(ys, xs)
    assert colours.shape == (3, 2, 3)
    large = inrcodec.decode(data, scale=3)
    centres = [(2 * np.arange(3 * n) + 1) / (3 * n) - 1 for n in (32, 40)]
    with torch.no_grad():
        assert np.array_equal(from_unit(module(*centres).numpy(), 8), large)


def test_training_further_makes_a_better_file(data: bytes, crop: np.ndarray) -> None:
    module = inrcodec.load_network(data)
    target = torch.from_numpy(to_unit(crop))
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)
    for _ in range(60):
        optimizer.zero_grad()
        (module() - target).square().mean().backward()
        optimizer.step()
    better = inrcodec.store_network(module, target_size=2 * len(data))
    assert 1.7 * len(data) < len(better) <= 2 * len(data)
    assert psnr(crop, inrcodec.decode(better)) > psnr(crop, inrcodec.decode(data)) + 0.3


def test_coarser_steps_make_smaller_files(data: bytes, tmp_path: Path) -> None:
    module = inrcodec.load_network(data)
    coarse = inrcodec.store_network(module, step_scale=2)
    assert len(coarse) < len(data)
    (tmp_path / "a.inr").write_bytes(coarse)
    again = inrcodec.load_network(tmp_path / "a.inr")
    ratio = {again.stored.steps[n] - code for n, code in module.stored.steps.items()}
    assert ratio == {1024}  # codes are 1024 to a factor 2


def test_what_cannot_be_loaded(data: bytes, crop: np.ndarray) -> None:
    with pytest.raises(OptionError, match="not coolchic"):
        inrcodec.load_network(inrcodec.encode(crop, effort=0, threads=1))
    with pytest.raises(TruncatedError, match="cut short"):
        inrcodec.load_network(data[:-10])
    with pytest.raises(FormatError):
        inrcodec.load_network(b"no file at all")


def test_what_cannot_be_stored(data: bytes) -> None:
    for options in ({"step_scale": 0}, {"step_scale": 2, "target_size": 99}, {"target_size": 1.5}):
        with pytest.raises(OptionError):
            inrcodec.store_network(inrcodec.load_network(data), **options)
    with pytest.raises(RateError, match="50 bytes are too little"):
        inrcodec.store_network(inrcodec.load_network(data), target_size=50)
    module = inrcodec.load_network(data)
    with torch.no_grad():
        module.tensors["weight.0"][0, 0] = 1e6
    with pytest.raises(OptionError, match=r"tensor weight\.0 has a parameter of"):
        inrcodec.store_network(module)
    module.weight_0 = torch.nn.Parameter(torch.zeros(3))
    with pytest.raises(OptionError, match="has the shape"):
        inrcodec.store_network(module)
    module = inrcodec.load_network(data)
    with torch.no_grad():
        module.tensors["bias.0"][0] = float("nan")
    with pytest.raises(FitError, match="not finite"):
        inrcodec.store_network(module)
