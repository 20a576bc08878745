import random

import pytest

from inrcodec.streaming.protocol import fec
from inrcodec.streaming.protocol.messages import LayerInfo, symbol_bytes


@pytest.mark.parametrize("size", [1, 7, 8, 100, 1136, 1137, 20_000])
def test_lost_symbols_come_back(size):
    layer = random.Random(size).randbytes(size)
    symbol = symbol_bytes(size)
    info = LayerInfo(size, 0, symbol)
    pieces = [layer[n * symbol : (n + 1) * symbol] for n in range(info.sources)]
    repairs = fec.repair_symbols(layer, symbol, 6)
    assert len(repairs) == 6
    symbols = dict(enumerate(pieces)) | {info.sources + i: r for i, r in enumerate(repairs)}
    for seed in range(10):
        kept = random.Random(seed).sample(sorted(symbols), info.sources + 2)
        assert fec.recovered({n: symbols[n] for n in kept}, info) == layer


def test_too_few_give_nothing():
    layer = bytes(range(200)) * 20
    info = LayerInfo(len(layer), 0, 1136)
    repairs = fec.repair_symbols(layer, 1136, 2)
    assert fec.recovered({4: repairs[0], 5: repairs[1]}, info) is None


def test_repair_counts_are_those_of_the_binomial():
    """Against a count of cases: 3 sources at a packet loss of one half."""
    assert fec.repair_count(3, 0.0, 1e-3) == 0
    failure = (1 + 4) / 2**4  # of 4 symbols fewer than 3 arrive: 0, 1 or 2 of them
    failure += 6 / 2**4
    assert fec.repair_count(3, 0.5, failure + 1e-9) == 1
    assert fec.repair_count(3, 0.5, failure - 1e-9) == 2


@pytest.mark.parametrize("loss", [0.05, 0.1, 0.2])
def test_protection_holds_what_it_promises(loss):
    """By simulation, and with less for finer layers."""
    layers = [3, 5, 10, 20]
    repairs = fec.protection(layers, loss)
    shares = [r / k for r, k in zip(repairs, layers, strict=True)]
    assert shares == sorted(shares, reverse=True)
    draw = random.Random(1)
    for sources, repair, wanted in zip(layers[:3], repairs, (1e-4, 1e-3, 1e-2), strict=False):
        trials = 20_000
        failed = sum(
            sum(draw.random() < loss for _ in range(sources + repair)) > repair
            for _ in range(trials)
        )
        assert failed / trials <= 1.5 * wanted + 3e-4


def test_one_layer_is_the_base():
    assert fec.protection([10], 0.1)[0] >= 4


def test_counts_for_large_layers_take_few_evaluations(monkeypatch):
    """The search is by bisection."""
    import scipy.special

    calls, bdtr = [], scipy.special.bdtr

    def counted(*arguments):
        calls.append(arguments)
        return bdtr(*arguments)

    monkeypatch.setattr(scipy.special, "bdtr", counted)
    fec.repair_count.cache_clear()
    counts = [fec.repair_count(14769, loss, 1e-4) for loss in (0.05, 0.1, 0.3, 0.5)]
    assert len(calls) <= 4 * 2 * 16
    assert counts == sorted(counts)
    assert counts[3] > 14769
