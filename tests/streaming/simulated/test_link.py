from itertools import groupby, islice

import pytest

from inrcodec.errors import InputError, OptionError
from inrcodec.streaming.simulated.link import Link, PacketLoss, bytes_per_s, share_of


@pytest.mark.parametrize(
    "text", ["none", "bernoulli:10%", "bernoulli:0.1", "ge:10%:4", "ge:5%:1.5"]
)
def test_mean_loss_is_what_it_says(text):
    packet_loss = PacketLoss.of(text)
    mask = list(islice(packet_loss.draws(0), 200_000))
    assert sum(mask) / len(mask) == pytest.approx(packet_loss.mean, abs=0.004)


@pytest.mark.parametrize("burst", [1.5, 3, 8])
def test_bursts_are_as_long_as_they_say(burst):
    mask = islice(PacketLoss.of(f"ge:10%:{burst}").draws(3), 300_000)
    bursts = [len(list(run)) for lost, run in groupby(mask) if lost]
    assert sum(bursts) / len(bursts) == pytest.approx(burst, rel=0.05)


def test_the_same_seed_loses_the_same():
    packet_loss = PacketLoss.of("ge:20%:3")
    first, again, other = (list(islice(packet_loss.draws(s), 500)) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_trace_is_replayed(tmp_path):
    path = tmp_path / "trace.txt"
    path.write_text("0 1\n0,0 1\n")
    packet_loss = PacketLoss.of(f"trace:{path}")
    assert packet_loss.mean == 0.4
    assert list(islice(packet_loss.draws(0), 7)) == [False, True, False, False, True, False, True]


@pytest.mark.parametrize(
    "text",
    ["", "some", "none:1", "bernoulli", "bernoulli:x", "bernoulli:120%", "bernoulli:-1%", "ge:10%",
     "ge:10%:0.5", "ge:90%:2", "ge:10%:nan", "bernoulli:inf%", "trace:"],
)  # fmt: skip
def test_other_words_are_refused(text):
    with pytest.raises((OptionError, InputError)):
        PacketLoss.of(text)


@pytest.mark.parametrize("content", [b"", b"012", b"\xff\x00"])
def test_other_traces_are_refused(content, tmp_path):
    path = tmp_path / "trace"
    path.write_bytes(content)
    with pytest.raises(InputError):
        PacketLoss.of(f"trace:{path}")


def test_a_link_delays_limits_and_records():
    link = Link(PacketLoss.of("none"), delay_s=0.03, bytes_per_s=1000)
    assert link.send(0.0, 100) == pytest.approx((0.1, 0.13))
    assert link.send(0.0, 100) == pytest.approx((0.2, 0.23))
    assert link.send(5.0, 100) == pytest.approx((5.1, 5.13))
    assert link.mask == [False] * 3
    lossy = Link(PacketLoss(1 - 1e-12))
    assert lossy.send(0.0, 1)[1] is None
    assert lossy.mask == [True]


def test_rates_and_shares():
    assert bytes_per_s("1M") == 125_000
    assert bytes_per_s("64000") == 8000
    assert share_of("5%") == 0.05
    for text in ("", "x", "1T", "-1M", "0"):
        with pytest.raises(OptionError):
            bytes_per_s(text)
