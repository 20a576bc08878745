"""Damage of numbers, and the bench that measures what it does to pictures."""

import warnings
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.wire import Wire
from inrcodec.errors import FormatError, OptionError, TruncatedError
from inrcodec.metrics.damage import operations as damage
from inrcodec.metrics.damage.robustness import LADDER, DamageBench
from inrcodec.metrics.judge import Judge, compare

MODEL = Siren(40, 3, 4, 3)


def judge_of(reference: np.ndarray, *names: str) -> Judge:
    return Judge(reference, names or ["psnr"])


@pytest.fixture
def values() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {n: random.normal(1, 0.1, s).astype(np.float32) for n, s in MODEL.shapes.items()}


@pytest.fixture(scope="module")
def crop(photo: np.ndarray) -> np.ndarray:
    """A piece of the photograph, (48, 64, 3) uint8: what a default file is measured on here."""
    return photo[20:68, 40:104]


@pytest.fixture(scope="module")
def latent_file(crop: np.ndarray) -> bytes:
    """`crop` as latent grids."""
    return inrcodec.encode(crop, effort=0, threads=1)


@pytest.fixture(scope="module")
def network_file(crop: np.ndarray) -> bytes:
    """`crop` as a coordinate network."""
    return inrcodec.encode(crop, model="pe-siren", bpp=2.0, effort=1, threads=1)


def test_gaussian_noise_in_both_readings(values: dict[str, np.ndarray]) -> None:
    for kind, units in (("gaussian", MODEL.units), ("gaussian-relative", dict.fromkeys(values, 1))):
        noisy = damage.NETWORK_DAMAGE[kind](values, MODEL.units, 0.01, np.random.default_rng(0))
        for name in ("weight.1", "weight.2"):
            spread = float((noisy[name] - values[name]).std())
            assert spread == pytest.approx(0.01 * units[name], rel=0.05)


def test_binary_noise_sets_so_many_to_zero(values: dict[str, np.ndarray]) -> None:
    noisy = damage.binary(values, MODEL.units, 0.1, np.random.default_rng(0))
    zeros = np.concatenate([v.ravel() == 0 for v in noisy.values()])
    assert zeros.mean() == pytest.approx(0.1, abs=0.02)


def test_lost_neurons_give_zero(values: dict[str, np.ndarray]) -> None:
    before = {n: v.copy() for n, v in values.items()}
    noisy = damage.lost_neurons(values, MODEL.units, 5, np.random.default_rng(0))
    lost = 0
    for layer in range(3):
        rows = (noisy[f"weight.{layer}"] == 0).all(1)
        assert np.array_equal(rows, noisy[f"bias.{layer}"] == 0)
        lost += int(rows.sum())
    assert lost == 5
    assert all(np.array_equal(before[n], values[n]) for n in values)  # the input is kept
    assert np.array_equal(noisy["weight.out"], values["weight.out"])


def test_lost_wavelets_give_zero() -> None:
    """A wavelet is 1 where its phase is 0, so zeros in its own weights would not silence it."""
    network = Wire(4, 2, 3)
    random = np.random.default_rng(0)
    values = network.initial(random, np.zeros(3))
    cs = np.linspace(-1, 1, 5)

    def image(damaged: Mapping[str, np.ndarray]) -> np.ndarray:
        tensors = {n: torch.from_numpy(np.asarray(v)) for n, v in damaged.items()}
        return network.render(tensors, cs, cs).numpy()

    whole = image(values)
    assert np.abs(whole).max() > 0.01
    none = image(damage.lost_neurons(values, network.units, 8, random))
    assert np.array_equal(none, np.zeros_like(whole))
    only = dict(values)
    only["weight.out"] = np.where(np.arange(4) == 1, values["weight.out"], 0)
    three = [damage._silenced(values, [("weight.1", [0, 2, 3])])]
    three.append(damage.lost_layers(only, network.units, 0, random))
    assert np.array_equal(image(three[0]), image(three[1]))


def test_lost_layers_give_zero(values: dict[str, np.ndarray]) -> None:
    noisy = damage.lost_layers(values, MODEL.units, 2, np.random.default_rng(0))
    assert sum(not noisy[f"weight.{i}"].any() for i in range(3)) == 2
    assert sum(not noisy[f"bias.{i}"].any() for i in range(3)) == 2


def test_flipped_bits_stay_in_their_width() -> None:
    random = np.random.default_rng(0)
    symbols = random.integers(-100, 100, (50, 60)).astype(np.int32)
    noisy = damage.flipped(symbols, 0.01, random)
    assert noisy.shape == symbols.shape
    assert noisy.dtype == np.int32
    assert noisy.min() >= -128
    assert noisy.max() <= 127
    flips = sum(int(n).bit_count() for n in ((noisy ^ symbols) & 0xFF).ravel())
    assert flips == pytest.approx(0.01 * symbols.size * 8, rel=0.3)
    assert np.array_equal(damage.flipped(symbols, 0.0, random), symbols)
    assert np.array_equal(
        damage.flipped(damage.flipped(symbols, 1.0, random), 1.0, random), symbols
    )
    mild, severe = (
        damage.flipped(symbols, p, np.random.default_rng(1)) ^ symbols for p in (0.01, 0.03)
    )
    assert not (mild & ~severe & 0xFF).any()  # what flips at one level flips at the next
    zeros = np.zeros(9, np.int32)
    assert not damage.flipped(zeros, 1.0, random).any()
    assert set(damage.flipped(np.array([-1, 0]), 1.0, random)) == {-1, 0}


def test_packets_arrive_up_to_the_first_lost() -> None:
    data = bytes(range(256)) * 40
    assert damage.arrived(data, 0.0, np.random.default_rng(0)) == data
    assert damage.arrived(data, 1.0, np.random.default_rng(0)) == b""
    lengths = {len(damage.arrived(data, 0.2, np.random.default_rng(s))) for s in range(30)}
    assert len(lengths) > 3
    assert all(n == len(data) or n % damage.PACKET_BYTES == 0 for n in lengths)


@pytest.mark.parametrize("kind", LADDER)
def test_no_damage_changes_nothing(kind: str, crop: np.ndarray, latent_file: bytes) -> None:
    bench = DamageBench(latent_file, judge_of(crop), threads=1)
    assert bench.clean["psnr"] == compare(crop, inrcodec.decode(latent_file), ["psnr"])["psnr"]
    (outcome,) = bench.outcomes({kind: (0,)}, seeds=2)
    assert outcome.values == (bench.clean["psnr"], bench.clean["psnr"])
    assert outcome.spread == outcome.lost == 0


@pytest.mark.parametrize("family", ["network_file", "latent_file"])
def test_more_damage_leaves_less(
    family: str, crop: np.ndarray, request: pytest.FixtureRequest
) -> None:
    bench = DamageBench(request.getfixturevalue(family), judge_of(crop), threads=1)
    for kind, levels in {
        "gaussian": (1e-3, 1e-2),
        "gaussian-relative": (1e-2, 1e-1),
        "binary": (1e-2, 1e-1),
        "bits": (1e-4, 1e-2),
        "packets": (0.1, 0.9),
        "neurons": (1, 12),
    }.items():
        mild, severe = bench.outcomes({kind: levels}, seeds=6)
        assert bench.clean["psnr"] + 0.05 > mild.mean > severe.mean, kind
        assert severe.worst == min(severe.values)
        assert severe.spread == pytest.approx(np.std(severe.values))


def test_a_file_of_which_nothing_arrives_is_a_gray_picture(
    crop: np.ndarray, network_file: bytes
) -> None:
    bench = DamageBench(network_file, judge_of(crop), threads=1)
    (outcome,) = bench.outcomes({"packets": (1.0,)}, seeds=3)
    gray = compare(crop, np.full_like(crop, 128), ["psnr"])["psnr"]
    assert outcome.values == (gray,) * 3
    assert outcome.lost == 3


@pytest.mark.parametrize("family", ["network_file", "latent_file"])
def test_packets_are_decoded_as_the_decoder_does_in_any_thread(
    family: str, crop: np.ndarray, request: pytest.FixtureRequest
) -> None:
    data = request.getfixturevalue(family)
    bench, filters = DamageBench(data, judge_of(crop), threads=1), list(warnings.filters)

    def packets(seed: int) -> float | None:
        return next(iter(bench.outcomes({"packets": (0.1,)}, seeds=3))).values[seed]

    with ThreadPoolExecutor(6) as pool:
        values = list(pool.map(packets, [0, 1, 2] * 4))
    assert warnings.filters == filters
    for seed, value in enumerate(values[:3]):
        random = np.random.default_rng([seed, zlib.crc32(b"packets")])
        part = damage.arrived(data, 0.1, random)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = compare(crop, inrcodec.decode(part), ["psnr"])["psnr"]
        except FormatError:
            expected = bench.lost["psnr"]
        assert value == expected


def test_a_perfect_file_may_lose_nothing(photo_file: bytes) -> None:
    bench = DamageBench(photo_file, judge_of(inrcodec.decode(photo_file)), threads=1)
    (outcome,) = bench.outcomes({"packets": (0.1,)}, seeds=12)
    assert bench.clean["psnr"] == np.inf
    assert 0 < outcome.lost < 12
    assert np.isnan(outcome.spread)
    assert np.isfinite(outcome.worst)


def test_seeds_repeat(crop: np.ndarray, network_file: bytes) -> None:
    first, second = (
        list(
            DamageBench(network_file, judge_of(crop), threads=1).outcomes(
                {"binary": (0.01,)}, seeds=3
            )
        )
        for _ in range(2)
    )
    assert first == second
    assert len(set(first[0].values)) == 3


def test_alpha_and_sixteen_bits(crop: np.ndarray) -> None:
    alpha = np.full((*crop.shape[:2], 1), 200, np.uint8)
    picture = np.concatenate([crop, alpha], 2).astype(np.uint16) * 257
    bench = DamageBench(inrcodec.encode(picture, effort=0, threads=1), judge_of(picture), threads=1)
    outcomes = list(bench.outcomes({k: levels[-1:] for k, levels in LADDER.items()}, seeds=2))
    assert all(np.isfinite(o.values[0]) for o in outcomes)
    assert all(o.mean < bench.clean["psnr"] for o in outcomes if o.kind in ("gaussian", "bits"))


def test_bad_files_and_levels(crop: np.ndarray, latent_file: bytes) -> None:
    with pytest.raises(TruncatedError, match="whole files"):
        DamageBench(latent_file[:-40], judge_of(crop))
    with pytest.raises(FormatError):
        DamageBench(b"\x89NIF?", judge_of(crop))
    bench = DamageBench(latent_file, judge_of(crop), threads=1)
    for ladder in ({"gausian": (1,)}, {"binary": (2,)}, {"neurons": (0.5,)}, {"bits": (-1,)}):
        with pytest.raises(OptionError):
            next(bench.outcomes(ladder))
    for seeds in (0, 1.5, True):
        with pytest.raises(OptionError, match="seeds"):
            next(bench.outcomes(seeds=seeds))
    with pytest.raises(OptionError, match="takes numbers"):
        next(bench.outcomes({"bits": ("x",)}))
