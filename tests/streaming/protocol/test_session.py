"""Sender and receiver: any order, repeats, losses, strangers; no socket."""

import contextlib
import random
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec.errors import PacketError
from inrcodec.streaming.decoding import decode_runs
from inrcodec.streaming.layers import stream_of
from inrcodec.streaming.protocol import messages
from inrcodec.streaming.protocol.messages import LayerInfo, Manifest, Mode, Ping, Start, Symbol
from inrcodec.streaming.protocol.packets import pack, parse
from inrcodec.streaming.protocol.receiver import SPARE_SYMBOLS, Receiver
from inrcodec.streaming.protocol.sender import MOST_AGAIN, Sender


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


def test_a_receiver_holds_no_more_than_it_must(stream):
    """Endless repair symbols of a layer that never becomes whole."""
    info = LayerInfo(1136 * 40, 12345, 1136)
    manifest = Manifest(bytes(32), (info,))
    receiver = Receiver()
    receiver.push(pack(bytes(8), manifest))
    for number in range(40, 3000):
        receiver.push(pack(bytes(8), Symbol(0, number, messages.NO_SECTION, bytes(1136))))
    assert len(receiver._layers[0].symbols) <= 2 * info.sources + SPARE_SYMBOLS


def test_a_sender_repeats_itself_only_so_often(stream):
    sender, _ = begun(stream)
    all_of(sender)
    want = pack(stream.manifest.stream, messages.Want(0, 0, b"\x80"))
    total = 0
    for _ in range(100):
        sender.push(want)
        total += sum(not o.note for o in all_of(sender))
    assert total == MOST_AGAIN - 1


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
    for _ in range(count):
        packet = hostile(draw, mixed)
        for end in (receiver, sender):
            with contextlib.suppress(PacketError):
                end.push(packet)
        sender.next()
    held = sum(len(s) for layer in receiver._layers for s in layer.symbols.values())
    assert held < 4 * len(stream.data) + len(receiver._layers) * SPARE_SYMBOLS * 1136
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
