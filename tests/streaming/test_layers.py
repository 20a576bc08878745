import numpy as np
import pytest

import inrcodec
from inrcodec.codec.coolchic.planes import read_latents
from inrcodec.codec.families import decoder_of
from inrcodec.codec.families.reslice import resliced
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Family
from inrcodec.errors import FormatError, OptionError
from inrcodec.streaming.layers import boundaries, slice_side, stream_of
from tests.latent_files import random_file


def test_layers_are_whole_sections_and_all_of_the_file(stream, sliced_file):
    assert b"".join(stream.layers) == sliced_file
    assert len(stream.layers) >= 3
    offsets = {section.offset for section in bitstream.read(sliced_file).sections}
    starts = boundaries(bitstream.read(sliced_file))
    assert starts[0] == 0
    assert set(starts[1:]) <= offsets


def test_every_layer_decodes_and_adds(stream):
    for count in range(1, len(stream.layers)):
        with pytest.warns(UserWarning, match="coarse"):
            inrcodec.decode(b"".join(stream.layers[:count]))


@pytest.mark.parametrize("family", ["small_file", "photo_file"])
def test_one_network_is_one_layer(family, request):
    stream = stream_of(request.getfixturevalue(family))
    assert len(stream.layers) == 1


def test_a_prefix_cannot_be_streamed(sliced_file):
    with pytest.raises(FormatError):
        stream_of(sliced_file[:-5])
    with pytest.raises(FormatError):
        stream_of(b"no file at all")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("family", [Family.COOLCHIC, Family.COOLCHIC_V2])
def test_slicing_anew_keeps_every_symbol(family, channels):
    whole = random_file(family, 90, 70, channels)
    cut = resliced(whole, 16)
    assert bitstream.read(cut).header.slice_side == 16
    assert (inrcodec.decode(cut) == inrcodec.decode(whole)).all()
    assert resliced(cut, None) == whole
    assert resliced(whole, None) is whole


@pytest.mark.parametrize("side", [-3, 0, 7, 4097, 16.5, True, "16"])
def test_a_side_that_no_file_can_have_cuts_nothing(sliced_file, side):
    with pytest.raises(OptionError, match="slices"):
        resliced(sliced_file, side)
    with pytest.raises(OptionError, match="slices"):
        stream_of(sliced_file, slices=side)


def test_only_grids_are_sliced(small_file, sliced_file):
    assert slice_side(small_file) is None
    assert slice_side(sliced_file) % 16 == 0
    with pytest.raises(OptionError):
        resliced(small_file, 16)
    with pytest.raises(FormatError):
        resliced(sliced_file[:-30], 16)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("family", [Family.COOLCHIC, Family.COOLCHIC_V1])
def test_a_file_with_holes_tells_no_wrong_symbol(family, channels):
    """Whatever sections are lost: symbols are right or 0, and those that depend on nothing lost are
    right."""
    data = random_file(family, 90, 70, channels, slice_side=16)
    container = bitstream.read(data)
    model = decoder_of(container.header).model
    truth = read_latents(container, model).planes
    ends = [section.offset + section.size for section in container.sections]
    base = next(i for i, s in enumerate(container.sections) if s.kind == bitstream.Kind.LATENTS)
    alpha = [i for i, s in enumerate(container.sections) if s.kind == 4]
    first = max([base, *(i + 1 for i in alpha)])
    random = np.random.default_rng(0)
    for _ in range(30):
        runs, kept = [data[: ends[first - 1]]], first
        lost = random.random(len(ends)) < random.choice([0.02, 0.1, 0.5])
        for i in range(first, len(ends)):
            piece = data[ends[i - 1] : ends[i]]
            if lost[i]:
                if i == kept and random.random() < 0.7:
                    runs[-1] += piece[: random.integers(len(piece))]
                continue
            if i == kept:
                runs[-1] += piece
            else:
                runs.append(piece)
            kept = i + 1
        seen = read_latents(bitstream.read_runs(runs), model).planes
        for plane, right in zip(seen, truth, strict=True):
            for grid, symbols in zip(plane.grids, right.grids, strict=True):
                assert ((grid == symbols) | (grid == 0)).all()
        if not lost[first:].any():
            assert all(
                (a == b).all()
                for p, q in zip(seen, truth, strict=True)
                for a, b in zip(p.grids, q.grids, strict=True)
            )


def test_a_lost_slice_takes_only_what_sees_it():
    data = random_file(Family.COOLCHIC, 128, 128, slice_side=16)
    container = bitstream.read(data)
    model = decoder_of(container.header).model
    truth = read_latents(container, model).planes[0]
    last = container.sections[-2]  # the last slice of level 0
    runs = [data[: last.offset], data[last.offset + last.size :]]
    plane = read_latents(bitstream.read_runs(runs), model).planes[0]
    assert (plane.grids[0][112:, 112:] == 0).all()
    known = truth.grids[0].copy()
    known[112:, 112:] = 0
    assert (plane.grids[0] == known).all()
    assert all((a == b).all() for a, b in zip(plane.grids[1:], truth.grids[1:], strict=True))


def test_runs_of_no_file_are_refused(sliced_file):
    sections = bitstream.read(sliced_file).sections
    cut = sections[5].offset
    for rest in (b"garbage", sliced_file, sliced_file[sections[6].offset + 1 :]):
        with pytest.raises(FormatError):
            bitstream.read_runs([sliced_file[:cut], rest])
    with pytest.raises(FormatError):
        bitstream.read_runs([sliced_file, sliced_file[cut:]])


def test_files_that_only_their_checksums_call_valid():
    """Sections are whole, what is in them is nonsense: refused, or streamed as they are."""
    from inrcodec.codec.format.bitstream import Kind
    from inrcodec.codec.format.header import Header

    spinr = Header(20, 16, 3, 8, Family.SPINR, (9, 16, 4))
    grids = bitstream.read(random_file(Family.COOLCHIC, 90, 70)).header
    swapped = [(Kind.LATENTS, bytes([i % 2]) + bytes(1200)) for i in range(60)]
    cases = [
        (spinr, [(Kind.LAYER, b""), (Kind.LAYER, b"\xff")]),
        (spinr, [(Kind.LAYER, bytes([i % 250])) for i in range(60)]),
        (grids, swapped),
        (grids, [(Kind.LATENTS, b"")]),
        (grids, [(Kind.LATENTS, b"\xff\xff")]),
    ]
    for header, sections in cases:
        data = bitstream.write(header, [(Kind.PARAMETERS, bytes(40)), *sections])
        try:
            stream = stream_of(data)
        except FormatError:
            continue
        assert b"".join(stream.layers) == data
        assert len(stream.layers) <= 32
