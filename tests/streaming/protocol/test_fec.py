import asyncio
import random
import zlib
from types import SimpleNamespace

import pytest

from inrcodec.errors import PacketError, StreamError
from inrcodec.streaming.protocol import fec
from inrcodec.streaming.protocol.foreign import foreign
from inrcodec.streaming.protocol.manifest import LayerInfo, symbol_bytes


def symbols_of(layer, repairs):
    """The symbols of a layer by number, so many repair symbols among them, and what they are of."""
    info = LayerInfo(len(layer), zlib.crc32(layer), symbol_bytes(len(layer)))
    size = info.symbol_bytes
    pieces = [layer[n * size : (n + 1) * size] for n in range(info.sources)]
    return dict(enumerate([*pieces, *fec.repair_symbols(layer, size, repairs)])), info


@pytest.mark.parametrize("size", [1, 7, 8, 100, 1136, 1137, 20_000])
def test_lost_symbols_come_back(size):
    layer = random.Random(size).randbytes(size)
    symbols, info = symbols_of(layer, 6)
    for seed in range(10):
        kept = random.Random(seed).sample(sorted(symbols), info.sources + 2)
        assert fec.Recovery(info).attempt({n: symbols[n] for n in kept}) == layer


def test_layers_of_every_small_size():
    """Every repair symbol has the right size, and stands for any one piece."""
    for size in range(1, 1301):
        layer = random.Random(size).randbytes(size)
        symbols, info = symbols_of(layer, 8)
        assert {len(symbols[n]) for n in range(info.sources, len(symbols))} == {info.symbol_bytes}
        for repair in range(info.sources, len(symbols)):
            for lost in range(info.sources):
                numbers = {*range(info.sources), repair} - {lost}
                recovery = fec.Recovery(info)
                assert recovery.attempt({n: symbols[n] for n in numbers}) == layer


def test_too_few_give_nothing():
    symbols, info = symbols_of(bytes(range(200)) * 20, 2)
    assert fec.Recovery(info).attempt({n: symbols[n] for n in (4, 5)}) is None


def test_attempts_are_few_and_take_only_what_is_new(monkeypatch):
    import raptorq

    fed = []

    class Never:
        @staticmethod
        def with_defaults(size, symbol):
            return Never()

        def decode(self, packet):
            fed.append(packet)

    monkeypatch.setattr(raptorq, "Decoder", Never)
    symbols, info = symbols_of(bytes(1136 * 10), 5)
    recovery = fec.Recovery(info)
    for count in range(fec.MOST_TRIES):
        assert not recovery.given_up
        assert recovery.attempt({n: symbols[n] for n in range(1, 11 + count)}) is None
        assert len(fed) == 10 + count
    assert recovery.given_up


def test_a_panic_is_our_error(monkeypatch):
    """What raptorq raises where it asserts is no `Exception`."""
    import raptorq

    with pytest.raises(BaseException, match="left == right") as caught:
        raptorq.Decoder.with_defaults(8, 8).decode(b"\0\0\0\1" + bytes(99))
    assert not isinstance(caught.value, Exception)
    panic = type(caught.value)

    def fail(*_):
        raise panic("left == right")

    monkeypatch.setattr(raptorq.Decoder, "with_defaults", fail)
    monkeypatch.setattr(raptorq, "Encoder", SimpleNamespace(with_defaults=fail))
    with pytest.raises(PacketError, match="PanicException"):
        fec.Recovery(LayerInfo(8, 0, 8)).attempt({1: bytes(8)})
    with pytest.raises(StreamError, match="PanicException"):
        fec.repair_symbols(bytes(8), 8, 1)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_a_wish_to_stop_is_no_failure(stop):
    with pytest.raises(stop), foreign(PacketError, "nothing"):
        raise stop


def test_the_most_symbols_are_no_fewer_than_a_sender_makes():
    for sources in [*range(1, 200), 1000, fec.MOST_SOURCES]:
        repairs = fec.repair_count(sources, fec.MOST_EXPECTED_LOSS, fec.BASE_FAILURE)
        assert sources + repairs <= fec.most_symbols(sources)
    assert fec.most_symbols(fec.MOST_SOURCES + 1) == fec.MOST_SOURCES + 1
    assert fec.protection([fec.MOST_SOURCES + 1, 5], 0.5)[0] == 0


def test_the_largest_layer_with_repair_symbols():
    """Beyond 9 MB, raptorq cuts a layer's symbols otherwise than our pieces."""
    layer = random.Random(0).randbytes(fec.MOST_SOURCES * 1136 - 5)
    symbols, info = symbols_of(layer, 1)
    symbols.pop(7)
    assert fec.Recovery(info).attempt(symbols) == layer


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
