"""Tiny files: more work is more starts, and the best of them counts."""

from dataclasses import replace

import numpy as np
import pytest

import inrcodec
from inrcodec.codec.fitting.networks.encoder import NetworkEncoding
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import SCHEDULE
from inrcodec.codec.fitting.networks.several_fits import SeveralFits
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.format.header import Family
from inrcodec.codec.networks.init_tables import phase_initialisation
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.options import EncodeOptions
from inrcodec.images.reading import as_picture
from inrcodec.pixels import psnr


def fits(pixels: np.ndarray):
    """A maker of fits, and those it made."""
    made = []

    def fit(seed: int, budget: Budget) -> NetworkFit:
        model = Siren(6, 2, 2, 3)
        made.append(
            NetworkFit(pixels, model, budget, seed=seed, residual_to=phase_initialisation(model))
        )
        return made[-1]

    return fit, made


def test_the_best_start_counts(small: np.ndarray) -> None:
    fit, made = fits(small)
    starts = SeveralFits(fit, 3, Budget(400, 150), 100)
    shares = [progress.share for progress in starts]
    assert len(made) == 4
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    best = min(made, key=lambda one: one.score)
    assert starts.best() is best.best()
    assert len({one.score for one in made}) == 4


def test_seeds_beside_each_other_share_no_start(small: np.ndarray) -> None:
    scores = set()
    for seed in (1, 2):
        fit, made = fits(small)
        list(SeveralFits(fit, seed, Budget(80, 150), 20))
        scores |= {one.score for one in made}
    assert len(scores) == 8


def test_time_ends_it(small: np.ndarray) -> None:
    fit, made = fits(small)
    now = [0.0]

    def clock() -> float:
        now[0] += 0.1
        return now[0]

    starts = SeveralFits(fit, 0, Budget(1 << 40, 150, 3.0), 50, clock)
    for _ in starts:
        pass
    assert 1 < len(made) < SCHEDULE.most_fits
    assert now[0] < 3.5


def test_stopped_in_a_later_start_the_earlier_ones_count(small: np.ndarray) -> None:
    fit, made = fits(small)
    starts = SeveralFits(fit, 0, Budget(300, 150), 100)
    for _ in starts:
        if len(made) == 3:
            break
    assert any(starts.best() is one.best() for one in made[:2])


def test_stopped_at_once_there_is_a_network(small: np.ndarray) -> None:
    fit, _ = fits(small)
    starts = SeveralFits(fit, 0, Budget(300, 150), 100)
    next(iter(starts))
    assert len(starts.best().to_bytes()) <= 150


@pytest.mark.parametrize(
    ("payload", "each"), [(100, 600), (399, 600), (400, 1200), (999, 1200), (1000, 9600)]
)
def test_only_small_payloads_take_several(payload: int, each: int) -> None:
    assert SCHEDULE.steps_of_fit(Family.PE_SIREN, payload, 300, 9600) == each
    assert SCHEDULE.steps_of_fit(Family.PE_SIREN, payload, 300, 300) == 300
    assert SCHEDULE.steps_of_fit(Family.NIF, payload, 300, 9600) == {100: 600, 1000: 9600}.get(
        payload, 2400
    )


@pytest.mark.slow
def test_more_effort_is_no_worse(photo: np.ndarray) -> None:
    part = np.ascontiguousarray(photo[20:68, 40:88])
    values = []
    for effort in (1, 2, 4):
        file = inrcodec.encode(part, model="pe-siren", target_size=260, effort=effort, threads=1)
        assert len(file) <= 260
        values.append(psnr(part, inrcodec.decode(file)))
    assert values[2] >= values[1] >= values[0] - 0.3
    assert values[2] > values[0]


def test_the_same_seed_is_the_same_file(small: np.ndarray) -> None:
    options = EncodeOptions.of(model="pe-siren", target_size=200, effort=2, threads=1)
    schedule = replace(SCHEDULE, fewest_steps=30, longest=((400, 1),))
    picture, files = as_picture(small), set()
    for _ in range(2):
        job = NetworkEncoding(picture, plan_of(options, picture), schedule=schedule)
        shares = [progress.share for progress in job]
        assert min(shares[len(shares) // 2 :]) >= 0.5  # two fits, one after the other
        files.add(job.finish())
    assert len(files) == 1
