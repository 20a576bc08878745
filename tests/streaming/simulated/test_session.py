import pytest

from inrcodec.streaming.protocol.messages import Mode
from inrcodec.streaming.simulated.link import PacketLoss
from inrcodec.streaming.simulated.session import Conditions, simulate, simulate_bytes


@pytest.mark.parametrize("mode", Mode)
def test_a_clean_link_takes_a_round_trip_and_the_bytes(stream, mode):
    link = Conditions(PacketLoss(), 0.06, 125_000)
    session = simulate(stream, mode, link)
    assert session.complete
    assert not any(session.mask)
    last = session.frames[-1]
    assert last.runs == (stream.data,)
    assert last.elapsed_s == pytest.approx(0.06 + session.sent_bytes / 125_000, abs=0.02)
    times = [frame.elapsed_s for frame in session.frames]
    assert times == sorted(times)
    assert session.frames[0].elapsed_s < 0.1


@pytest.mark.parametrize("mode", [Mode.FEC, Mode.NACK, Mode.RELIABLE])
@pytest.mark.parametrize("loss", ["bernoulli:20%", "ge:20%:8"])
def test_what_is_lost_comes_back(stream, mode, loss):
    for seed in range(3):
        session = simulate(stream, mode, Conditions(PacketLoss.of(loss), 0.06, 125_000, seed))
        assert session.complete
        assert session.frames[-1].runs == (stream.data,)


def test_once_stays_once(stream):
    holes = 0
    for seed in range(8):
        link = Conditions(PacketLoss.of("bernoulli:20%"), 0.06, 125_000, seed)
        bare = simulate(stream, Mode.ONCE, link, expected=0.0)
        repaired = simulate(stream, Mode.ONCE, link)
        assert not bare.complete
        assert bare.sent_bytes < repaired.sent_bytes
        assert repaired.frames
        holes += bool(bare.frames) and len(bare.frames[-1].runs) > 1
    assert holes


def test_the_same_seed_is_the_same_session(stream):
    link = Conditions(PacketLoss.of("ge:10%:4"), 0.06, 125_000, 5)
    assert simulate(stream, Mode.FEC, link) == simulate(stream, Mode.FEC, link)


def test_bytes_in_order():
    data = bytes(range(256)) * 100
    clean = simulate_bytes(data, reliable=False, conditions=Conditions(PacketLoss(), 0.06, 125_000))
    assert clean.complete
    assert clean.frames[-1].runs == (data,)
    link = Conditions(PacketLoss.of("bernoulli:20%"), 0.06, 125_000, 1)
    cut = simulate_bytes(data, reliable=False, conditions=link)
    whole = simulate_bytes(data, reliable=True, conditions=link)
    assert not cut.complete
    assert data.startswith(cut.frames[-1].runs[0]) if cut.frames else cut.mask[0]
    assert whole.complete
    assert whole.sent_bytes > len(data)
    assert whole.frames[-1].elapsed_s > clean.frames[-1].elapsed_s
