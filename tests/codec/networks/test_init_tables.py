"""Starts of coordinate networks: phases and trained ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.init_training import InitTraining
from inrcodec.codec.format.header import PHASES
from inrcodec.codec.networks import init_tables
from inrcodec.codec.networks.fourier import FourierNet
from inrcodec.codec.networks.init_tables import (
    Initialisation,
    initial_values,
    phase_initialisation,
    phases,
)
from inrcodec.codec.networks.siren import Siren
from inrcodec.errors import FitError, FormatError, OptionError
from inrcodec.pixels import psnr

MODEL = Siren(12, 3, 6, 3)


@pytest.fixture(scope="module")
def trained() -> Initialisation:
    """An initialisation trained on two waves for a moment."""
    y, x = np.mgrid[0:40, 0:48]
    pictures = [
        np.round(np.stack([np.sin(x / a), np.cos(y / a), np.sin((x + y) / a)], 2) * 40 + 200)
        for a in (5, 9)
    ]
    training = InitTraining([p.astype(np.uint8) for p in pictures], MODEL, steps=200)
    progress = list(training)
    assert progress[-1].psnr > progress[0].psnr + 1
    return training.result()


@pytest.fixture
def path(trained: Initialisation, tmp_path: Path) -> Path:
    path = tmp_path / "my.start"
    path.write_bytes(trained.to_bytes())
    return path


def test_phases_are_even() -> None:
    angles = np.sort(phases(100))
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    assert gaps.min() > 0.3 * 2 * np.pi / 100
    assert gaps.max() < 3 * 2 * np.pi / 100
    assert np.abs(angles).max() <= np.pi + 1e-6
    assert np.array_equal(phases(7), phases(9)[:7])


def test_only_sines_have_phases() -> None:
    init = phase_initialisation(MODEL)
    assert np.array_equal(init["bias.1"], phases(12))
    assert not init["weight.1"].any()
    assert not init["bias.out"].any()
    assert not any(value.any() for value in phase_initialisation(FourierNet(8, 2, 3, 3)).values())


def test_unknown_inits_are_named() -> None:
    assert initial_values(None, MODEL) is None
    with pytest.raises(FormatError, match="00abcdef"):
        initial_values((0xABCDEF, 0), MODEL)
    with pytest.raises(FormatError, match="no networks 3"):
        initial_values((PHASES, 3), MODEL)


def test_an_init_file_comes_back(trained: Initialisation) -> None:
    back = Initialisation.from_bytes(trained.to_bytes())
    assert back.identity == trained.identity
    assert back.suits(MODEL)
    assert not back.suits(Siren(12, 3, 5, 3))
    assert back.model_for(10, 10) == MODEL
    values, again = trained.values(MODEL), back.values(MODEL)
    assert all(np.array_equal(values[n], again[n]) for n in MODEL.shapes)
    assert all((r > 0).all() for r in back.learned_rates(MODEL).values())


def broken_head(data: bytes) -> bytes:
    return data[:200]


@pytest.mark.parametrize("damage", [broken_head, lambda d: b"", lambda d: b"PK\3\4" + b"x" * 99])
def test_garbage_is_not_an_init(trained: Initialisation, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(FormatError, match="not a file of"):
        Initialisation.from_bytes(damage(trained.to_bytes()))


def test_values_that_do_not_fit_are_refused(trained: Initialisation) -> None:
    values = trained.values(MODEL)
    values["bias.0"] = values["bias.0"] + 9
    with pytest.raises(FitError, match="16 bits"):
        Initialisation.of(MODEL, values, trained.learned_rates(MODEL), 4)


def test_a_file_needs_the_init_it_was_encoded_with(
    small: np.ndarray, path: Path, trained: Initialisation
) -> None:
    data = inrcodec.encode(
        small, model="pe-siren", init=str(path), target_size=700, effort=1, threads=1
    )
    assert len(data) <= 700
    assert inrcodec.info(data).init == (trained.identity, 0)
    with pytest.raises(FormatError, match=f"{trained.identity:08x}"):
        inrcodec.decode(data)
    assert psnr(small, inrcodec.decode(data, init=path)) > 15


def test_an_init_that_comes_with_the_package_needs_no_file(
    small: np.ndarray, trained: Initialisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(init_tables, "shipped", lambda: (trained,))
    data = inrcodec.encode(small, model="pe-siren", init="meta", quality=80, effort=1, threads=1)
    assert inrcodec.info(data).dimensions == MODEL.dimensions
    assert psnr(small, inrcodec.decode(data)) > 12
    with pytest.raises(OptionError, match=r"no .* of nif"):
        inrcodec.encode(small, model="nif", init="meta", effort=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "siren", "init": "START"}, "is an initialisation of pe-siren"),
        ({"model": "pe-siren", "init": "missing.start"}, "missing.start: cannot be read"),
        ({"model": "coolchic", "init": "meta"}, "init needs a coordinate network"),
        ({"model": "pe-siren", "init": 3}, "init must be random, meta or a path"),
    ],
)
def test_bad_inits(options: dict[str, object], message: str, small: np.ndarray, path: Path) -> None:
    if options["init"] == "START":
        options = options | {"init": str(path)}
    with pytest.raises(OptionError, match=message):
        inrcodec.encode(small, effort=1, **options)


def test_what_is_shipped_is_whole() -> None:
    inits = init_tables.shipped()
    assert inits
    for init in inits:
        model = init.model_for(768, 512)
        assert init.suits(model)
        assert all(np.isfinite(value).all() for value in init.values(model).values())
        assert all((rate > 0).all() for rate in init.learned_rates(model).values())
        assert len(init.to_bytes()) < 1_000_000


@pytest.mark.parametrize(
    ("parameters", "chosen"), [(1, 1947), (2400, 1947), (8137, 9363), (12000, 9363), (1e6, 15123)]
)
def test_the_init_nearest_in_size_is_taken(parameters: float, chosen: int) -> None:
    assert len(init_tables.shipped_for("pe-siren", 3, parameters).numbers) == chosen


def test_the_shipped_init_is_ahead_in_the_first_steps(photo: np.ndarray) -> None:
    init = init_tables.shipped()[0]
    model = init.model_for(150, 100)
    reached = []
    for trained in (None, init):
        fitting = NetworkFit(
            photo, model, Budget(30, None), residual_to=phase_initialisation(model), init=trained
        )
        reached.append(list(fitting)[-1].psnr)
    assert reached[1] > reached[0] + 2


def test_gray_images_take_no_initialisation_of_three_colours(small: np.ndarray, path: Path) -> None:
    with pytest.raises(OptionError, match="for 3 channels"):
        inrcodec.encode(small[..., :1], model="pe-siren", init=str(path), effort=1)
    with pytest.raises(OptionError, match="missing: cannot be read"):
        inrcodec.decode(
            inrcodec.encode(small, model="siren", effort=1, target_size=300), init="missing"
        )


def test_training_is_the_same_again() -> None:
    picture = np.arange(20 * 20 * 3, dtype=np.uint8).reshape(20, 20, 3)
    made = []
    for _ in range(2):
        training = InitTraining([picture], MODEL, steps=5, seed=3)
        list(training)
        made.append(training.result().identity)
    assert made[0] == made[1]


def test_training_needs_pictures_and_an_end() -> None:
    with pytest.raises(OptionError, match="no images"):
        InitTraining([], MODEL, steps=3)
    with pytest.raises(OptionError, match="time or a number"):
        InitTraining([np.zeros((8, 8, 3), np.uint8)], MODEL)


def test_training_sees_lines_of_pixels() -> None:
    line = np.zeros((1, 40, 3), np.uint8)
    training = InitTraining([line], MODEL, steps=8)
    assert len(list(training)) == 8


def test_an_init_takes_no_more_steps_than_asked(small: np.ndarray, trained: Initialisation) -> None:
    fitting = NetworkFit(small, MODEL, Budget(2, None), init=trained)
    assert list(fitting)[-1].step == 2


def test_an_init_that_makes_fits_diverge_is_a_fit_error(
    small: np.ndarray, trained: Initialisation, tmp_path: Path
) -> None:
    path = tmp_path / "wild.start"
    wild = replace(trained, rates=np.full_like(trained.rates, 6e4))
    path.write_bytes(wild.to_bytes())
    with pytest.raises(FitError, match="diverged"):
        inrcodec.encode(small, model="pe-siren", init=str(path), target_size=700, effort=1)


def test_the_init_given_is_named_beside_the_one_needed(
    small: np.ndarray, path: Path, trained: Initialisation, tmp_path: Path
) -> None:
    other = replace(trained, numbers=trained.numbers + 1)
    (tmp_path / "other.start").write_bytes(other.to_bytes())
    data = inrcodec.encode(
        small, model="pe-siren", init=str(path), target_size=700, effort=1, threads=1
    )
    with pytest.raises(FormatError, match=f"{trained.identity:08x}.*given is {other.identity:08x}"):
        inrcodec.decode(data, init=tmp_path / "other.start")


def test_a_missing_initialisation_is_an_error_of_every_model(small: np.ndarray) -> None:
    data = inrcodec.encode(small, effort=0)
    with pytest.raises(OptionError, match="missing: cannot be read"):
        inrcodec.decode(data, init="missing")
