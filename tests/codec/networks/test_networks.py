"""What every coordinate network keeps, and their files."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.codec.catalogue import models
from inrcodec.codec.families import decoder_of
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.format.header import Header
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.diner import Diner
from inrcodec.codec.networks.fourier import FourierNet
from inrcodec.codec.networks.mfn import Mfn
from inrcodec.codec.networks.nif import Nif
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.sizes import (
    LADDERS,
    ImageShape,
    network_for,
    network_of,
    smallest_network,
)
from inrcodec.codec.networks.spinr import Spinr
from inrcodec.codec.networks.wire import Wire
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.options.model_traits import MODELS
from inrcodec.errors import EncoderLimitError, LimitError, RateError
from inrcodec.pixels import Picture, psnr

NETWORKS: dict[str, CoordinateModel] = {
    "siren": Siren(9, 3, 0, 3),
    "pe-siren": Siren(9, 3, 4, 3),
    "nif": Nif((12, 7, 5), (6, 4), 4, 2, 3),
    "nif-plain": Nif((12, 7), (), 4, 1, 3),
    "fourier": FourierNet(10, 3, 6, 3),
    "mfn-fourier": Mfn(10, 3, False, 3),
    "mfn-gabor": Mfn(10, 3, True, 3),
    "wire": Wire(8, 3, 3),
    "diner": Diner(8, 2, 20, 16, 3),
    "spinr": Spinr(9, 3, 4, 3),
}

RATES = {"diner": 10.0}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> CoordinateModel:
    return NETWORKS[request.param]


def start(model: CoordinateModel) -> dict[str, torch.Tensor]:
    values = model.initial(np.random.default_rng(1), np.array([0.1, -0.2, 0.3]))
    return {name: torch.from_numpy(value) for name, value in values.items()}


def test_what_it_says_of_itself_fits(network: CoordinateModel) -> None:
    values, names = start(network), set(network.shapes)
    assert {name: tuple(value.shape) for name, value in values.items()} == network.shapes
    assert all(value.dtype == torch.float32 for value in values.values())
    assert set(network.units) == set(network.learning_rates) == names
    assert set(network.phases) <= names
    assert all(r.rate > 0 for r in network.learning_rates.values())
    assert network.macs_per_pixel > 0
    header = Header(20, 16, network.channels, 8, network.family, network.dimensions)
    assert decoder_of(header).model == network


def test_a_part_of_a_grid_is_that_part(network: CoordinateModel) -> None:
    values, ys, xs = start(network), coordinates(16), coordinates(20)
    whole = network.render(values, ys, xs)
    assert whole.shape == (16, 20, 3)
    part = network.render(values, ys[3:9], xs[[0, 7, 19]])
    assert float((whole[3:9][:, [0, 7, 19]] - part).abs().max()) < 1e-5


def test_the_squared_error_is_that_of_the_colours(network: CoordinateModel) -> None:
    if isinstance(network, Spinr):
        network = network.prefix(1)
    values = {name: value.requires_grad_() for name, value in start(network).items()}
    ys, xs = coordinates(16)[::2], coordinates(20)
    target = torch.zeros(len(ys), len(xs), 3)
    exact = (network.render(values, ys, xs) - target).square().mean()
    fast = network.squared_error(values, ys, xs, target)
    assert float(fast.detach()) == pytest.approx(float(exact.detach()), rel=1e-5)
    wanted = torch.autograd.grad(exact, list(values.values()))
    found = torch.autograd.grad(fast, list(values.values()))
    for a, b in zip(found, wanted, strict=True):
        assert float((a - b).abs().max()) <= 1e-4 * float(b.abs().max()) + 1e-9


def test_a_fit_learns(network: CoordinateModel, small: np.ndarray) -> None:
    fitting = NetworkFit(small[:16, :20], network, Budget(400, None))
    first, *_, last = (progress.psnr for progress in fitting)
    assert last > first + 1


@pytest.mark.parametrize("model", LADDERS)
def test_files_of_every_model(model: str, small: np.ndarray) -> None:
    bpp = RATES.get(model, 6.0)
    data = inrcodec.encode(small, model=model, bpp=bpp, effort=1, threads=1)
    assert len(data) <= bpp * 24 * 32 / 8
    about = inrcodec.info(data)
    assert about.model == model
    picture = inrcodec.decode(data)
    assert psnr(small, picture) > 12
    assert inrcodec.decode(data, scale=2).shape == (48, 64, 3)
    assert np.array_equal(inrcodec.decode(data, crop=(3, 4, 9, 8)), picture[4:12, 3:12])
    gray = inrcodec.encode(small[..., :1], model=model, bpp=bpp, effort=1, threads=1)
    assert inrcodec.decode(gray).shape == (24, 32, 1)


def test_between_pixels_diner_is_their_mean() -> None:
    network = NETWORKS["diner"]
    values, ys, xs = start(network), coordinates(16), coordinates(20)
    whole = network.render(values, ys, xs)
    between = network.render(values, (ys[:-1] + ys[1:]) / 2, xs)
    assert float((between - (whole[:-1] + whole[1:]) / 2).abs().max()) < 1e-5
    outside = network.render(values, np.array([-1.7, 1.7]), xs)
    assert float((outside - whole[[0, -1]]).abs().max()) < 1e-5


@pytest.mark.parametrize("family", LADDERS)
def test_larger_payloads_make_larger_networks(family: str) -> None:
    shape = ImageShape(300, 200, 3)
    counts = [network_for(shape, family, n).parameter_count for n in (200, 1000, 8000, 30000)]
    assert counts == sorted(counts)
    least = smallest_network(shape, family).parameter_count
    assert least <= counts[0]
    if family != "diner":
        assert counts[0] < counts[-1]
        assert 0.5 < network_of(shape, family, 20000).parameter_count / 20000 < 1.3


@pytest.mark.parametrize(
    "make",
    [
        lambda: Nif((), (), 4, 1, 3),
        lambda: Nif((2000,), (), 4, 1, 3),
        lambda: Nif((8,), (8,), 4, 40, 3),
        lambda: FourierNet(8, 2, 0, 3),
        lambda: Mfn(0, 2, True, 3),
        lambda: Wire(8, 17, 3),
        lambda: Diner(8, 0, 5, 5, 3),
    ],
)
def test_sizes_beyond_the_limits_are_refused(make) -> None:
    with pytest.raises(LimitError):
        make()


def test_the_list_of_models_is_whole() -> None:
    listed = models()
    assert {m.name.split(",")[0] for m in listed} == set(MODELS)
    assert all(m.parameters > 0 and m.macs_per_pixel > 0 and m.about for m in listed)


def test_a_rate_no_table_takes_is_refused(small: np.ndarray) -> None:
    with pytest.raises(RateError, match=r"smallest diner file of this image has \d+ bytes"):
        inrcodec.encode(small, model="diner", bpp=2.0, effort=1)


@pytest.mark.parametrize("model", ["diner", "siren", "pe-siren", "spinr"])
def test_the_smallest_file_named_is_one(small: np.ndarray, model: str) -> None:
    with pytest.raises(RateError) as refused:
        inrcodec.encode(small, model=model, target_size=20, effort=1, threads=1)
    least = int(re.search(r"has (\d+) bytes", str(refused.value))[1])
    data = inrcodec.encode(small, model=model, target_size=least, effort=1, threads=1)
    assert len(data) <= least
    assert inrcodec.decode(data).shape == small.shape
    with pytest.raises(RateError):
        inrcodec.encode(small, model=model, target_size=least - 1, effort=1, threads=1)


def test_a_picture_too_large_for_a_table_is_refused_before_the_fit() -> None:
    large = np.zeros((1450, 1450, 3), np.uint8)
    with pytest.raises(EncoderLimitError, match="parameters of diner"):
        inrcodec.encode(large, model="diner", target_size=300_000)
    (row,) = [m for m in models(4000, 3000) if m.name == "diner"]
    assert "too large" in row.rates


def test_a_flat_picture_in_a_large_network_decodes() -> None:
    flat = np.full((24, 32, 3), 90, np.uint8)
    data = inrcodec.encode(flat, model="diner", bpp=6.0, effort=1, threads=1)
    assert np.abs(inrcodec.decode(data).astype(int) - 90).max() <= 2


def test_auto_is_by_the_size_asked_for() -> None:
    picture = Picture(np.zeros((128, 128, 3), np.uint8))

    def of(**options: object) -> str:
        return plan_of(EncodeOptions.of(model="auto", **options), picture).model

    assert of(target_size=200) == of(bpp=0.1) == "pe-siren"
    assert of(target_size=600) == of(bpp=1.0) == of(quality=1) == of(psnr=30.0) == "coolchic"
    assert of(target_size=200, complexity="low") == of(target_size=200, effort=0) == "coolchic"
    assert plan_of(EncodeOptions(model="nif", bpp=9.0), picture).model == "nif"


def test_auto_is_by_what_metadata_leaves() -> None:
    random = np.random.default_rng(0).bytes(300)
    picture = Picture(np.zeros((128, 128, 3), np.uint8), exif=random)
    options = EncodeOptions(model="auto", target_size=600)
    assert plan_of(options, picture).model == "pe-siren"
    assert plan_of(replace(options, metadata=False), picture).model == "coolchic"


def test_auto_makes_small_files_of_networks(small: np.ndarray) -> None:
    data = inrcodec.encode(small, model="auto", target_size=300, effort=1, threads=1)
    assert inrcodec.info(data).model == "pe-siren"
    assert len(data) <= 300
