"""Sender and receiver: any order, repeats, losses, strangers; no socket."""

import contextlib
import random
import zlib
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec.errors import PacketError
from inrcodec.streaming.decoding import decode_runs
from inrcodec.streaming.layers import stream_of
from inrcodec.streaming.protocol import fec, messages
from inrcodec.streaming.protocol.manifest import LayerInfo, Manifest, symbol_bytes
from inrcodec.streaming.protocol.messages import Kind, Mode, Ping, Start, Symbol
from inrcodec.streaming.protocol.packets import MAX_PACKET, bitmaps, pack, parse
from inrcodec.streaming.protocol.receiver import MOST_VERSIONS, Receiver
from inrcodec.streaming.protocol.sender import MOST_AGAIN, Sender
from inrcodec.streaming.protocol.stream import Stream


def begun(stream, mode=Mode.NACK, receiver=None, **start):
    """A sender and a receiver that know each other."""
    sender, receiver = Sender(stream), receiver or Receiver()
    receiver.push(sender.manifest())
    for datagram in receiver.resume(Start(mode, **start)):
        sender.push(datagram)
    return sender, receiver


def all_of(sender):
    """Everything there is to send."""
    sent = []
    while (outgoing := sender.next()) is not None:
        sent.append(outgoing)
    return sent


def test_nothing_is_sent_before_the_start(stream):
    assert Sender(stream).next() is None


@pytest.mark.parametrize("mode", Mode)
def test_without_loss_the_file_arrives(stream, mode, sliced_file):
    sender, receiver = begun(stream, mode)
    for outgoing in all_of(sender):
        receiver.push(outgoing.datagram)
    assert receiver.complete
    assert receiver.through
    assert receiver.file() == sliced_file
    assert receiver.runs() == [sliced_file]
    assert receiver.requests() == []


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 20), loss=st.sampled_from([0.05, 0.2, 0.5]))
def test_any_order_any_repeats_any_loss(stream, sliced_file, seed, loss):
    """What is there decodes at any time, and asking again brings the rest."""
    draw = random.Random(seed)
    sender, receiver = begun(stream, draw.choice(list(Mode)), packet_loss_permille=100)
    rounds = 0
    while not receiver.complete:
        sent = [o.datagram for o in all_of(sender) if o.note or draw.random() >= loss]
        sent += draw.sample(sent, len(sent) // 4)
        draw.shuffle(sent)
        for datagram in sent:
            receiver.push(datagram)
        for datagram in receiver.wants_all():
            sender.push(datagram)
        rounds += 1
        assert rounds <= 40
    assert receiver.file() == sliced_file


def test_base_first_and_repairs_spread(stream):
    sender, _ = begun(stream, Mode.FEC, packet_loss_permille=100)
    sent = [o for o in all_of(sender) if not o.note]
    layers = [o.layer for o in sent]
    sources = stream.manifest.layers[0].sources
    assert layers[:sources] == [0] * sources
    assert layers[-1] == len(stream.layers) - 1
    assert layers != sorted(layers)


def test_a_layer_lives_on_repair_symbols(stream):
    sender, receiver = begun(stream, Mode.FEC, packet_loss_permille=200)
    sources = stream.manifest.layers[0].sources
    whole = []
    for outgoing in all_of(sender):
        _, message = parse(outgoing.datagram)
        if isinstance(message, Symbol) and message.layer == 0 and message.number == 0:
            continue
        whole += receiver.push(outgoing.datagram)
    assert sources > 1
    assert receiver.complete
    assert sorted(whole) == list(range(len(stream.layers)))


def test_holes_decode(stream, sliced_file):
    """Of each layer but the base one symbol is lost: runs begin with sections, and decode."""
    sender, receiver = begun(stream)
    for outgoing in all_of(sender):
        _, message = parse(outgoing.datagram)
        if isinstance(message, Symbol) and message.layer and message.number == 1:
            continue
        receiver.push(outgoing.datagram)
    runs = receiver.runs()
    assert len(runs) > 1
    picture, missing = decode_runs(runs)
    shown = picture.pixels
    assert "slices" in missing
    assert shown.shape == (240, 320, 3)
    assert (shown != inrcodec.decode(sliced_file)).any()


def test_without_the_base_there_is_nothing_to_show(stream):
    sender, receiver = begun(stream)
    for outgoing in all_of(sender)[1:]:
        receiver.push(outgoing.datagram)
    assert receiver.runs() == []
    assert receiver.layers == 0


def test_budget_and_layers_end_early(stream):
    sizes = [len(layer) for layer in stream.layers]
    sender, receiver = begun(stream, budget_bytes=sizes[0] + sizes[1] + 1)
    for outgoing in all_of(sender):
        receiver.push(outgoing.datagram)
    assert receiver.layers == 2
    assert receiver.through
    assert not receiver.complete
    sender, receiver = begun(stream, layers=1)
    for outgoing in all_of(sender):
        receiver.push(outgoing.datagram)
    assert (receiver.layers, receiver.final) == (1, 0)
    sender, receiver = begun(stream, budget_bytes=1)
    assert all_of(sender)[0].layer == 0  # the base always


def test_dropping_layers_says_so(stream):
    sender, receiver = begun(stream)
    while sender.ahead[0] < 2:
        receiver.push(sender.next().datagram)
    assert sender.ahead[1] >= len(stream.layers[2])
    sender.drop(2)
    for outgoing in all_of(sender):
        receiver.push(outgoing.datagram)
    assert receiver.through
    assert receiver.layers == 2


def test_resuming_sends_only_the_rest(stream, sliced_file):
    sender, receiver = begun(stream)
    sent = all_of(sender)
    for outgoing in sent[::2]:
        receiver.push(outgoing.datagram)
    again, _ = begun(stream, receiver=receiver)
    rest = [o for o in all_of(again) if not o.note]
    assert 0 < len(rest) <= len(sent) // 2 + 1
    for outgoing in rest:
        receiver.push(outgoing.datagram)
    assert receiver.file() == sliced_file


def test_another_version_begins_anew(stream, small_file):
    sender, receiver = begun(stream)
    for outgoing in all_of(sender)[:10]:
        receiver.push(outgoing.datagram)
    other = stream_of(small_file)
    sender = Sender(other)
    assert sender.push(receiver.resume(Start(Mode.NACK))[0]) is None  # of a file that is no more
    sender, receiver = begun(other, receiver=receiver)
    for outgoing in all_of(sender):
        receiver.push(outgoing.datagram)
    assert receiver.file() == small_file


def test_strangers_are_refused(stream, small_file):
    sender, receiver = begun(stream)
    other, _ = begun(stream_of(small_file))
    before = receiver.rejected
    for outgoing in all_of(other):
        with pytest.raises(PacketError):
            receiver.push(outgoing.datagram)
    name = stream.manifest.stream
    for message in (
        Symbol(len(stream.layers), 0, messages.NO_SECTION, b"x" * 8),
        Symbol(0, 0, messages.NO_SECTION, b"x"),
        Start(Mode.FEC),
    ):
        with pytest.raises(PacketError):
            receiver.push(pack(name, message))
    assert receiver.rejected > before
    assert receiver.runs() == []
    for message in (stream.manifest, Symbol(0, 0, 0, b"12345678"), messages.Want(9, 0, b"\x80")):
        with pytest.raises(PacketError):
            sender.push(pack(name, message))


def test_a_ping_is_answered_in_any_stream(stream):
    answer = Sender(stream).push(pack(bytes(8), Ping(7)))
    receiver = Receiver()
    receiver.push(answer)
    assert receiver.pong == 7


def test_forged_symbols_make_no_wrong_file(stream, sliced_file):
    """Checksums of datagrams are no secret; that of the layer tells, and the layer begins anew."""
    sender, receiver = begun(stream)
    info = stream.manifest.layers[0]
    forged = pack(
        stream.manifest.stream, Symbol(0, 0, messages.NO_SECTION, bytes(info.symbol_bytes))
    )
    receiver.push(forged)
    sent = all_of(sender)
    for outgoing in sent:
        receiver.push(outgoing.datagram)
    assert not receiver.has(0)
    for datagram in receiver.wants_all():
        sender.push(datagram)
    for outgoing in all_of(sender):
        receiver.push(outgoing.datagram)
    assert receiver.file() == sliced_file


def layer_of(size_bytes, symbols=(), checksum=12345):
    """A receiver of one layer, and datagrams of these symbols of it, all zeros."""
    info = LayerInfo(size_bytes, checksum, symbol_bytes(size_bytes))
    receiver = Receiver()
    receiver.push(pack(bytes(8), Manifest(bytes(32), (info,))))
    last = size_bytes - (info.sources - 1) * info.symbol_bytes
    for number in symbols:
        size = last if number == info.sources - 1 else info.symbol_bytes
        with contextlib.suppress(PacketError):
            receiver.push(pack(bytes(8), Symbol(0, number, messages.NO_SECTION, bytes(size))))
    return receiver


def test_a_receiver_holds_no_more_than_it_must():
    """Endless repair symbols of a layer that never becomes whole."""
    receiver = layer_of(1136 * 40, range(40, 3000))
    assert len(receiver._layers[0].symbols) <= 40 + fec.MOST_TRIES
    assert receiver.rejected > 0  # of symbols that no sender makes


class Deficient:
    """A decoder that a hostile choice of symbols keeps from ever coming to an end."""

    fed = 0

    @classmethod
    def with_defaults(cls, size, symbol):
        return cls()

    def decode(self, packet):
        Deficient.fed += 1


def test_a_layer_is_tried_a_few_times_and_its_pieces_still_count(monkeypatch):
    import raptorq

    monkeypatch.setattr(Deficient, "fed", 0)
    monkeypatch.setattr(raptorq, "Decoder", Deficient)
    pieces = 200
    receiver = layer_of(1136 * pieces, range(1, 3 * pieces), zlib.crc32(bytes(1136 * pieces)))
    assert Deficient.fed == pieces + fec.MOST_TRIES - 1
    receiver.push(pack(bytes(8), Symbol(0, 0, messages.NO_SECTION, bytes(1136))))
    assert receiver.has(0)


def test_attempts_count_for_good(monkeypatch):
    """Symbols of another layer spoil it; received anew, it is not tried as often again."""
    receiver = layer_of(1136 * 3, [3, 4, 5, *range(3, 20)])
    assert not receiver.has(0)
    assert receiver._layers[0].symbols == {}


@pytest.mark.parametrize("size", [*range(1, 66), 1300])
def test_layers_of_every_size_arrive_by_repair_symbols(size):
    """All packets of source symbols are lost but of the last layer."""
    data = random.Random(size).randbytes(2 * size)
    sender, receiver = begun(Stream(data, [0, size], []), Mode.ONCE, packet_loss_permille=500)
    for outgoing in all_of(sender):
        _, message = parse(outgoing.datagram)
        if isinstance(message, Symbol) and message.layer == 0 and message.number < -(-size // 1136):
            continue
        receiver.push(outgoing.datagram)
    assert receiver.file() == data


def test_news_is_what_was_never_there(stream, small_file):
    """Not what comes again after it was thrown away, of this version of a file or of another."""
    sender, receiver = begun(stream)
    for outgoing in [o for o in all_of(sender) if not o.note][:10]:
        receiver.push(outgoing.datagram)
    assert receiver.news == 10
    other, _ = begun(stream_of(small_file))
    for _ in range(3):
        with contextlib.suppress(PacketError):
            receiver.push(other.manifest())
            receiver.push(sender.manifest())
        for n in range(2):
            with contextlib.suppress(PacketError):
                receiver.push(stream.datagram(0, n))
    assert receiver.news == 10


def test_a_file_does_not_change_for_ever():
    receiver = Receiver()
    manifests = [
        pack(bytes([n] * 8), Manifest(bytes([n] * 32), (LayerInfo(8, 0, 8),))) for n in range(9)
    ]
    for manifest in [*manifests[:MOST_VERSIONS], manifests[MOST_VERSIONS - 1]]:
        receiver.push(manifest)
    with pytest.raises(PacketError, match="versions"):
        receiver.push(manifests[MOST_VERSIONS])
    assert receiver.versions > MOST_VERSIONS
    assert receiver.name == bytes([MOST_VERSIONS - 1] * 8)


def test_without_loss_there_are_no_repair_symbols(stream):
    sender, _ = begun(stream, Mode.FEC)
    sent = [o for o in all_of(sender) if not o.note]
    assert len(sent) == sum(info.sources for info in stream.manifest.layers)


def test_repair_symbols_come_where_loss_is_seen(stream):
    """With what is sent again, and with the layers after it."""
    sender, receiver = begun(stream, Mode.FEC)
    while not (sender.ahead[0] and receiver.requests() == []):
        sender.next()
    begin = sender.ahead[0]
    receiver.push(pack(receiver.name, messages.Sent(0)))
    for datagram in receiver.requests():
        sender.push(datagram)
    symbols = [parse(o.datagram)[1] for o in all_of(sender) if not o.note]
    sources = [info.sources for info in stream.manifest.layers]
    repairs = Counter(s.layer for s in symbols if s.number >= sources[s.layer])
    assert repairs[0] > 0
    assert all(repairs[layer] for layer in range(begin + 1, len(sources)))


def test_asking_again_makes_no_end_of_repair_symbols(stream):
    sender, _ = begun(stream, Mode.FEC)
    all_of(sender)
    sources = [info.sources for info in stream.manifest.layers]
    for _ in range(100):
        for layer, count in enumerate(sources):
            for want in bitmaps(messages.Want, layer, list(range(count))):
                sender.push(pack(stream.manifest.stream, want))
        all_of(sender)
    for layer, count in enumerate(sources):
        assert max(n for at, n in sender._sent if at == layer) < 2 * count + 32


def test_asking_again_costs_few_plans(stream, monkeypatch):
    plans = []
    monkeypatch.setattr(Sender, "_plan", lambda self, first: plans.append(first))
    sender = Sender(stream)
    sender.push(pack(bytes(8), Start(Mode.FEC)))
    sender._sent = {(0, n): 1 for n in range(4)} | {(1, n): 1 for n in range(10_000)}
    for _ in range(1000):
        sender._lost += 1
        sender.push(pack(stream.manifest.stream, messages.Want(0, 0, b"\x80")))
    assert len(plans) < 40


def test_a_sender_repeats_itself_only_so_often(stream):
    sender, _ = begun(stream)
    all_of(sender)
    want = pack(stream.manifest.stream, messages.Want(0, 0, b"\x80"))
    total = 0
    for _ in range(100):
        sender.push(want)
        total += sum(not o.note for o in all_of(sender))
    assert total == MOST_AGAIN - 1


def test_a_receiver_costs_a_sender_a_bounded_number_of_bytes(stream):
    """Whatever it asks for, and however often: 16 times the file, and every repair symbol once."""
    sender, receiver = begun(stream, Mode.FEC, packet_loss_permille=500)
    wants = [word for layer in range(len(stream.layers)) for word in receiver.wants(layer)]
    sizes = [0] * len(stream.layers)
    for _ in range(100):
        for outgoing in all_of(sender):
            sizes[outgoing.layer] += 0 if outgoing.note else len(outgoing.datagram)
        for word in wants:
            sender.push(word)
    for info, sent in zip(stream.manifest.layers, sizes, strict=True):
        repairs = fec.most_symbols(info.sources) - info.sources
        assert repairs == 2 * info.sources + 32
        assert 16 * info.size_bytes < sent <= (16 * info.sources + repairs) * MAX_PACKET


def hostile(draw, datagrams):
    """A datagram: one of ours, whole or changed, sealed again or not, or noise."""
    packet = bytearray(draw.choice(datagrams))
    kind = draw.random()
    if kind < 0.3:
        return bytes(packet)
    if kind < 0.4:
        return draw.randbytes(draw.randrange(1300))
    for _ in range(1 + draw.randrange(3)):
        packet[draw.randrange(len(packet))] = draw.randrange(256)
    if kind < 0.9:
        packet[-4:] = zlib.crc32(packet[:-4]).to_bytes(4, "big")
    return bytes(packet)


def fuzz(stream, other, count):
    """Both ends under fire: nothing but our error, and the truth still gets through."""
    draw = random.Random(0)
    sender, receiver = begun(stream, Mode.FEC, packet_loss_permille=100)
    ours = [outgoing.datagram for outgoing in all_of(sender)]
    words = receiver.resume(Start(Mode.NACK)) + receiver.wants_all()
    strange, _ = begun(other)
    mixed = [*ours, *words, sender.manifest(), *(o.datagram for o in all_of(strange))]
    victim = Receiver()  # it is told of other versions, too
    for _ in range(count):
        packet = hostile(draw, mixed)
        named = packet[1:2] == bytes([Kind.MANIFEST]) and packet != sender.manifest()
        for end in (victim, sender) if named else (victim, sender, receiver):
            with contextlib.suppress(PacketError):
                end.push(packet)
        sender.next()
    held = sum(len(s) for layer in receiver._layers for s in layer.symbols.values())
    assert held < 2 * len(stream.data) + len(receiver._layers) * 1136
    honest, _ = begun(stream)
    receiver.push(honest.manifest())
    for _ in range(3):  # forged symbols may spoil a layer, which then begins anew
        for datagram in receiver.resume(Start(Mode.NACK)):
            honest.push(datagram)
        for outgoing in all_of(honest):
            receiver.push(outgoing.datagram)
        for datagram in receiver.wants_all():
            honest.push(datagram)
    assert receiver.file() == stream.data


def test_hostile_datagrams(stream, small_file):
    fuzz(stream, stream_of(small_file), 3000)


@pytest.mark.slow
def test_a_hundred_thousand_hostile_datagrams(stream, small_file):
    fuzz(stream, stream_of(small_file), 100_000)


def test_manifests_that_lie_are_caught(stream):
    """The right layers under another digest: the file is never taken for whole."""
    lie = replace(stream.manifest, digest=bytes(32))
    receiver = Receiver()
    receiver.push(pack(bytes(8), lie))
    sender, _ = begun(stream)
    for outgoing in all_of(sender):
        receiver.push(pack(bytes(8), parse(outgoing.datagram)[1]))
    assert receiver.complete
    for read in (receiver.file, lambda: receiver.frame(0.0)):
        with pytest.raises(PacketError):
            read()


def test_the_base_can_go_another_way(stream, sliced_file):
    sender, receiver = begun(stream)
    for datagram in sender.base(1 << 20):
        receiver.push(datagram)
    assert receiver.has(0)
    assert sender.ahead[0] == 1
    rest = all_of(sender)
    assert not any(o.layer == 0 and not o.note for o in rest)
    for outgoing in rest:
        receiver.push(outgoing.datagram)
    assert receiver.file() == sliced_file
    again, _ = begun(stream)
    assert again.base(100) == []
    assert again.ahead[0] == 0


def test_a_base_that_got_lost_on_another_way_is_sent_again(stream):
    sender, receiver = begun(stream)
    assert sender.base(1 << 20)
    for outgoing in all_of(sender):
        receiver.push(outgoing.datagram)
    assert not receiver.has(0)
    for datagram in receiver.wants_all():
        sender.push(datagram)
    for outgoing in all_of(sender):
        receiver.push(outgoing.datagram)
    assert receiver.complete


def test_a_layer_that_is_whole_needs_no_repairs(stream):
    """The receiver says so, and the sender believes it."""
    totals = []
    for thankful in (False, True):
        sender, receiver = begun(stream, Mode.FEC, packet_loss_permille=200)
        count = 0
        while (outgoing := sender.next()) is not None:
            count += not outgoing.note
            for layer in receiver.push(outgoing.datagram):
                for datagram in receiver.thanks(layer) if thankful else []:
                    sender.push(datagram)
        assert receiver.complete
        assert receiver.through
        totals.append(count)
    assert totals[1] == sum(info.sources for info in stream.manifest.layers) < totals[0]


def test_a_frame_is_what_there_is(stream, sliced_file):
    sender, receiver = begun(stream)
    nothing = receiver.frame(0.5)
    assert (nothing.layers, nothing.total_layers, nothing.runs) == (0, len(stream.layers), ())
    assert Receiver().frame(0.0).total_layers == 0
    while not receiver.has(0):
        receiver.push(sender.next().datagram)
    base = receiver.frame(1.0)
    assert (base.layers, base.elapsed_s, base.complete) == (1, 1.0, False)
    assert base.runs[0].startswith(stream.layers[0])
    for outgoing in all_of(sender):
        receiver.push(outgoing.datagram)
    whole = receiver.frame(2.0, "webrtc")
    assert whole.complete
    assert whole.data == sliced_file
    assert whole.transport == "webrtc"
