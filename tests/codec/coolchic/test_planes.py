"""Planes of latent grids and the sections of a file."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

import inrcodec
from inrcodec.codec.coolchic import layout
from inrcodec.codec.coolchic.layout import slice_area, slice_count
from inrcodec.codec.coolchic.model import MAX_LATENT_PIXELS
from inrcodec.codec.coolchic.planes import Latents, file_sections, read_latents, side_inputs
from inrcodec.codec.entropy.arm import parent_maps
from inrcodec.codec.entropy.prior import step_code
from inrcodec.codec.families import decoder_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Family, Header, Kind
from inrcodec.errors import FormatError, LimitError, TruncatedError
from tests.latent_files import LATENT_FAMILIES, file_of, model_for, random_file, random_plane

SIZES = [(1, 1), (1, 37), (17, 13), (64, 48)]


def latents_of(data: bytes) -> Latents:
    container = bitstream.read(data)
    return read_latents(container, decoder_of(container.header).model)


def rewritten(data: bytes, change) -> bytes:
    """The file with its critical sections, [(kind, payload)], changed in place."""
    container = bitstream.read(data)
    sections = [(Kind(s.kind), s.payload) for s in container.sections[1:-1]]
    change(sections)
    return bitstream.write(container.header, sections)


@pytest.mark.parametrize("family", LATENT_FAMILIES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [None, 8, 19])
@pytest.mark.parametrize("channels", [3, 4])
def test_planes_are_what_was_written(family: Family, size, side, channels: int) -> None:
    model = model_for(family, *size)
    planes = [random_plane(model, seed) for seed in range(2 - channels % 2)]
    planes[0].grids[model.coding_order[-1]][:] = 0
    found = latents_of(file_of(planes, channels, slice_side=side))
    assert found.missing == ""
    assert len(found.planes) == len(planes)
    for plane, again in zip(planes, found.planes, strict=True):
        assert all((a == b).all() for a, b in zip(plane.grids, again.grids, strict=True))
        values, same = plane.parameters(), again.parameters()
        assert list(values) == list(model.shapes)
        assert all((values[name] == same[name]).all() for name in values)
        assert all(values[name].shape == shape for name, shape in model.shapes.items())


@pytest.mark.parametrize("levels", [1, 2, 3, 10])
def test_few_and_many_levels(levels: int) -> None:
    for family in LATENT_FAMILIES:
        model = model_for(family, 40, 30, levels=levels)
        plane = random_plane(model)
        again = latents_of(file_of([plane])).planes[0]
        assert all((a == b).all() for a, b in zip(plane.grids, again.grids, strict=True))


@pytest.mark.parametrize("side", [8, 9, 31, 300])
def test_slices_tile_a_grid_and_see_the_same_grids_before(side: int) -> None:
    model = model_for(Family.COOLCHIC, 301, 77)
    grids = random_plane(model).grids
    for grid, shape in enumerate(model.grids):
        parent = model.parent(grid)
        whole = parent_maps(None if parent is None else grids[parent], *shape)
        seen = np.zeros(shape, int)
        for number in range(slice_count(shape, side)):
            top, bottom, left, right = area = slice_area(shape, side, number)
            seen[top:bottom, left:right] += 1
            sides = side_inputs(model, grids, grid, area)
            assert (sides[:4] == whole[:, top:bottom, left:right]).all()
            for map_, companion in zip(sides[4:], model.companions(grid), strict=True):
                expected = 0 if companion is None else grids[companion][top:bottom, left:right]
                assert (map_ == expected).all()
        assert (seen == 1).all()


def test_slices_can_be_decoded_without_their_neighbours() -> None:
    model = model_for(Family.COOLCHIC_V1, 40, 24)
    plane = random_plane(model)

    def without_one(sections: list) -> None:
        lost = next(i for i, s in enumerate(sections) if s[1][:2] == b"\0\2" and s[0] == 3)
        del sections[lost]

    found = latents_of(rewritten(file_of([plane], slice_side=8), without_one)).planes[0]
    expected = plane.grids[0].copy()
    top, bottom, left, right = slice_area(model.grids[0], 8, 2)
    expected[top:bottom, left:right] = 0
    assert (found.grids[0] == expected).all()


def test_sections_come_coarse_to_fine_colour_before_alpha() -> None:
    model = model_for(Family.COOLCHIC, 64, 48)
    planes = [random_plane(model, seed) for seed in (0, 1)]
    sections = file_sections(planes, joint_bytes=0)
    assert [kind for kind, _ in sections[:2]] == [Kind.PARAMETERS, Kind.ALPHA_PARAMETERS]
    order = [
        (-model.grid_levels[payload[0]], kind, model.coding_order.index(payload[0]))
        for kind, payload in sections[2:]
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("family", LATENT_FAMILIES)
@pytest.mark.parametrize("side", [None, 16])
def test_the_first_grids_share_a_section(family: Family, side: int | None) -> None:
    model = model_for(family, 90, 70)
    plane = random_plane(model)
    plane.grids[model.coding_order[2]][:] = 0
    apart, few, most = (
        [payload for kind, payload in file_sections([plane], side, n) if kind == Kind.LATENTS]
        for n in (0, 300, 1 << 20)
    )
    assert not any(layout.head_of(model, side, payload).joint for payload in apart)
    for payloads in (few, most):
        head = layout.head_of(model, side, payloads[0])
        heads = [layout.head_of(model, side, payload) for payload in payloads[1:]]
        assert head.joint
        assert not any(other.joint for other in heads)
        first = [g for k, g in enumerate(model.coding_order) if k != 2][: len(head.grids)]
        assert list(head.grids) == first
        # each of the others had a stream, a number and the frame of a section to itself
        assert sum(map(len, payloads)) < sum(map(len, apart)) - len(head.grids)
    assert len(layout.head_of(model, side, few[0]).grids) > 2
    assert len(few[0]) <= 304
    whole = layout.head_of(model, side, most[0]).grids
    assert all(max(model.grids[grid]) <= (side or 90) for grid in whole)
    again = latents_of(file_of([plane], slice_side=side, joint_bytes=300)).planes[0]
    assert all((a == b).all() for a, b in zip(plane.grids, again.grids, strict=True))


def test_a_joint_section_saves_ten_bytes_a_grid() -> None:
    plane = random_plane(model_for(Family.COOLCHIC, 300, 200))
    apart, joint = (len(file_of([plane], joint_bytes=n)) for n in (0, 2048))
    found = bitstream.read(file_of([plane])).payloads(Kind.LATENTS)[0]
    assert apart - joint > 8 * len(layout.head_of(plane.model, None, found).grids)


def test_of_one_grid_alone_no_joint_section_is_made() -> None:
    plane = random_plane(model_for(Family.COOLCHIC, 64, 48))
    for grid in plane.grids[1:]:
        grid[:] = 0
    (_, payload) = file_sections([plane])[-1]
    assert payload[0] == 0


def swap(sections: list) -> None:
    sections[3], sections[4] = sections[4], sections[3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap, "coding order"),
        (lambda s: s.append(s[-1]), "coding order"),
        (lambda s: s.append((Kind.LATENTS, b"\x10" + bytes(4))), "coding order"),
        (lambda s: s.append((Kind.LATENTS, b"\x13" + bytes(4))), "no grid 19"),
        (lambda s: s.append((Kind.LATENTS, b"")), "empty"),
        (lambda s: s.__setitem__(-1, (Kind.LATENTS, b"\0")), "multiple of 4"),
        (lambda s: s.__setitem__(-1, (Kind.LATENTS, s[-1][1] + b"x")), "multiple of 4"),
        (lambda s: s.__setitem__(0, (Kind.PARAMETERS, s[0][1][:40])), "at least"),
    ],
)
def test_invalid_sections_are_refused(change, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        latents_of(rewritten(random_file(Family.COOLCHIC, 64, 48, joint_bytes=0), change))
    assert not isinstance(caught.value, TruncatedError)


@pytest.mark.parametrize(
    "head", [b"\0", b"\0\x30", b"\0\x80", b"\0\x81\0", b"\0\xff\xff\xff\xff\xff"]
)
def test_invalid_slices_are_refused(head: bytes) -> None:
    data = random_file(Family.COOLCHIC, 64, 48, slice_side=8)

    def change(sections: list) -> None:
        sections[-1] = (Kind.LATENTS, head)

    with pytest.raises(FormatError) as caught:
        latents_of(rewritten(data, change))
    assert not isinstance(caught.value, TruncatedError)


@pytest.mark.parametrize("exponent", [-9, -7.5, 5, 20])
def test_steps_of_the_arm_are_powers_of_two(exponent: float) -> None:
    plane = random_plane(model_for(Family.COOLCHIC, 9, 9))
    for group in ("arm.weight", "arm.bias"):
        steps = plane.networks.steps | {group: step_code(2.0**exponent)}
        networks = dataclasses.replace(plane.networks, steps=steps)
        with pytest.raises(FormatError, match="step code"):
            dataclasses.replace(plane, networks=networks).parameters()


def test_values_of_the_arm_are_limited_multiples() -> None:
    plane = random_plane(model_for(Family.COOLCHIC, 9, 9))
    init = {name: np.zeros(shape, np.float32) for name, shape in plane.model.shapes.items()}
    init["arm.level"][2, 3] = 512.5
    with pytest.raises(LimitError, match=r"arm\.level"):
        dataclasses.replace(plane, init=init).parameters()
    init["arm.level"][2, 3] = 2**-9
    with pytest.raises(FormatError, match="multiple"):
        dataclasses.replace(plane, init=init).parameters()
    init["arm.level"][2, 3] = 2**-8
    values = dataclasses.replace(plane, init=init).parameters()
    assert (values["arm.level"] - plane.parameters()["arm.level"])[2, 3] == 2**-8


def test_parameters_add_to_the_start_of_the_header() -> None:
    from inrcodec.codec.coolchic import init_tables

    model = model_for(Family.COOLCHIC, 33, 21)
    identity = init_tables.identity("high")
    init = init_tables.initial_parameters(identity, 3, model)
    plane = dataclasses.replace(random_plane(model), init=init)
    header = Header(33, 21, 3, 8, model.family, model.dimensions, (identity, 3))
    data = bitstream.write(header, file_sections([plane]))
    again = latents_of(data).planes[0]
    without = random_plane(model).parameters()
    for name, value in again.parameters().items():
        assert np.abs(value - (init[name] + without[name])).max() < 1e-5
    assert all((a == b).all() for a, b in zip(plane.grids, again.grids, strict=True))
    for unknown in ((identity ^ 1, 3), (identity, 255)):
        header = dataclasses.replace(header, init=unknown)
        with pytest.raises(FormatError, match="trained initialisation"):
            latents_of(bitstream.write(header, file_sections([plane])))


def test_huge_claims_cost_nothing() -> None:
    parameters = random_plane(model_for(Family.COOLCHIC, 8, 8)).networks.to_bytes()
    bad = {
        (5793, 5793): (None, b"\0", "pixels"),
        (5792, 5792): (None, b"\0", "symbols in 4 bytes"),
        (1 << 14, 1 << 11): (4096, b"\0\0", "symbols in 4 bytes"),
    }
    tracemalloc.start()
    for (width, height), (side, head, message) in bad.items():
        header = Header(width, height, 3, 8, Family.COOLCHIC, (7, 16, 24, 32), slice_side=side)
        sections = [(Kind.PARAMETERS, parameters), (Kind.LATENTS, head + bytes(4))]
        with pytest.raises(LimitError, match=message):
            inrcodec.decode(bitstream.write(header, sections))
    assert 5792**2 <= MAX_LATENT_PIXELS < 5793**2
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_waves_are_limited_and_counted_as_decoded() -> None:
    from inrcodec.codec.entropy.wave_grid import Grid

    for family in LATENT_FAMILIES:
        for width, height in ((1, 9), (9, 1), (2, 30), (5, 5), (30, 8)):
            model = model_for(family, width, height)
            arm = random_plane(model).arm()
            data = file_of([random_plane(model, spread=4)])
            payloads = bitstream.read(data).payloads(Kind.LATENTS)
            pieces = layout.pieces(model, None, [(p, True) for p in payloads])
            expected = sum(len(Grid(piece.shape, None, arm).counts) for piece in pieces)
            assert layout.waves(model, [piece.shape for piece in pieces]) == expected
    shapes = layout.slice_shapes(model_for(Family.COOLCHIC, 20, 12, levels=2), 8)
    fine = [(8, 8), (8, 8), (8, 4), (4, 8), (4, 8), (4, 4)]
    assert shapes == fine + 3 * [(6, 8), (6, 2)]
    tall = model_for(Family.COOLCHIC, 32, 1 << 20)
    payloads = [bytes([grid]) + bytes(400) for grid in tall.coding_order if grid < 7]
    pieces = layout.pieces(tall, None, [(p, True) for p in (*payloads[:-1], b"\0" + bytes(4096))])
    with pytest.raises(LimitError, match="waves"):
        layout.check_waves(tall, [piece.shape for piece in pieces])


def test_a_prefix_knows_no_wrong_symbol_and_ever_more_right_ones() -> None:
    for family, side in ((Family.COOLCHIC, None), (Family.COOLCHIC_V2, 8)):
        data = random_file(family, 33, 26, 4, side, levels=3)
        planes = latents_of(data).planes
        known, texts = 0, []
        first = bitstream.read(data).sections[1]
        for size in range(first.offset + first.size, len(data), 23):
            cut = latents_of(data[:size])
            texts.append(cut.missing)
            count = 0
            for plane, whole in zip(cut.planes, planes, strict=False):
                for grid, expected in zip(plane.grids, whole.grids, strict=True):
                    assert (expected == grid)[grid != 0].all()
                    count += np.count_nonzero(grid)
            assert count >= known
            known = count
        grids = len(planes[0].grids)
        assert texts[0] == f"colour: grids 0 of {grids}; alpha: nothing"
        assert any(" and " in text for text in texts)
        assert latents_of(data[:-1]).missing == ""
