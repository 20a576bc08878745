"""Files of latent grids -> pixels: sizes, regions, channels, prefixes, damage."""

import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import inrcodec
from inrcodec.codec.coolchic import render, windows
from inrcodec.codec.coolchic.planes import LatentPlane, read_latents
from inrcodec.codec.families import decoder_of
from inrcodec.codec.fitting.coolchic import forward
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Family, Kind
from inrcodec.codec.resampling import resampling
from inrcodec.codec.view import View
from inrcodec.errors import PartialFileWarning, TruncatedError
from tests import fuzz, reference_latents, reference_reader
from tests.latent_files import LATENT_FAMILIES, file_of, model_for, random_file, random_plane
from tests.timing import seconds_to_decode


def colours(plane: LatentPlane) -> np.ndarray:
    """The whole picture of a plane at once, (height, width, 3), nominally in [0, 1]."""
    parameters = {name: torch.from_numpy(value) for name, value in plane.parameters().items()}
    latents = [torch.from_numpy(grid).float() for grid in plane.grids]
    with torch.no_grad():
        made = forward.colours(plane.model, parameters, latents, windows.whole(plane.model))
    return made.permute(1, 2, 0).numpy()


@pytest.mark.parametrize("family", LATENT_FAMILIES)
@pytest.mark.parametrize("size", [(1, 1), (1, 37), (17, 13), (530, 20)])
def test_windows_make_the_whole_picture(family: Family, size: tuple[int, int]) -> None:
    plane = random_plane(model_for(family, *size))
    decoded = inrcodec.decode(file_of([plane]), threads=1)
    assert np.abs(decoded - 255 * colours(plane).clip(0, 1)).max() < 1


@pytest.mark.parametrize("bit_depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_gray_and_alpha_are_means_of_three_colours(channels: int, bit_depth: int) -> None:
    model = model_for(Family.COOLCHIC, 40, 30)
    planes = [random_plane(model, seed) for seed in range(2 - channels % 2)]
    parts = [colours(plane) for plane in planes]
    if channels < 3:
        parts[0] = parts[0].mean(2, keepdims=True)
    if channels % 2 == 0:
        parts[1] = parts[1].mean(2, keepdims=True)
    expected = np.concatenate(parts, 2).clip(0, 1) * (2**bit_depth - 1)
    decoded = inrcodec.decode(file_of(planes, channels, bit_depth))
    assert decoded.dtype == (np.uint8 if bit_depth == 8 else np.uint16)
    assert decoded.shape == (30, 40, channels)
    assert np.abs(decoded - expected).max() < (1 if bit_depth == 8 else 3)


def test_a_crop_is_part_of_the_whole() -> None:
    data = random_file(Family.COOLCHIC, 150, 100)
    for size in ((150, 100), (321, 211), (75, 50), (40, 211), (9, 7)):
        whole = inrcodec.decode(data, size=size).astype(int)
        x, y = size[0] // 4, size[1] // 3
        crop = (x, y, size[0] // 2, size[1] // 2)
        part = inrcodec.decode(data, size=size, crop=crop)
        assert np.abs(whole[y : y + crop[3], x : x + crop[2]] - part).max() <= 1


def test_scales_agree_with_each_other() -> None:
    data = random_file(Family.COOLCHIC, 150, 100)
    native = inrcodec.decode(data).astype(int)
    tripled = inrcodec.decode(data, scale=3)
    assert tripled.shape == (300, 450, 3)
    assert np.abs(tripled[1::3, 1::3] - native).max() <= 1
    halved = inrcodec.decode(data, scale=0.5)
    assert np.abs(halved - native.reshape(50, 2, 75, 2, 3).mean((1, 3))).max() <= 1.01
    one = inrcodec.decode(data, size=(1, 1))
    assert np.abs(one - native.mean((0, 1))).max() <= 1.01


def test_enlarging_is_cubic_and_a_piece_of_a_huge_picture_costs_little() -> None:
    plane = random_plane(model_for(Family.COOLCHIC, 50, 40))
    data = file_of([plane])
    native = colours(plane).clip(0, 1)
    larger = inrcodec.decode(data, size=(130, 99))
    for channel in range(3):
        image = Image.fromarray(native[..., channel])
        expected = np.asarray(image.resize((130, 99), Image.Resampling.BICUBIC)).clip(0, 1) * 255
        difference = np.abs(larger[..., channel] - expected)
        assert difference[6:-6, 6:-6].max() < 1
    tracemalloc.start()
    part = inrcodec.decode(data, scale=1000, crop=(20000, 20000, 64, 64))
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
    assert np.ptp(part.astype(int), axis=(0, 1)).max() < 30


@pytest.mark.parametrize(("native", "size"), [(7, 7), (7, 20), (20, 7), (1, 5), (5, 1), (4000, 3)])
def test_resampling_keeps_constants_and_pieces_agree(native: int, size: int) -> None:
    whole = resampling(native, size, 0, size)
    if whole.weights is None:
        assert native == size
        return
    assert np.abs(whole.weights.sum(1) - 1).max() < 1e-5
    full = np.zeros((size, native))
    full[:, whole.first : whole.first + whole.span] = whole.weights
    for j in range(size):
        one = resampling(native, size, j, 1)
        row = np.zeros(native)
        row[one.first : one.first + one.span] = one.weights[0]
        assert np.abs(row - full[j]).max() < 1e-6


class Disc:
    """A plane ready to render: a colour inside of a disc, another one outside of it."""

    def __init__(self, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
        self.inside, self.outside = (np.array(c, np.float32) for c in (inside, outside))

    def colours(self, window: windows.Window) -> np.ndarray:
        top, bottom, left, right = window
        y, x = np.mgrid[top:bottom, left:right]
        edge = np.clip(20 - np.hypot(y - 30, x - 30) + 0.5, 0, 1).astype(np.float32)
        mix = self.inside[:, None, None] * edge + self.outside[:, None, None] * (1 - edge)
        if self.inside[0] == self.inside[1] == 1:  # alpha
            return mix
        hard = np.where(edge > 0, self.inside[:, None, None], self.outside[:, None, None])
        return np.broadcast_to(hard, mix.shape).astype(np.float32)


@pytest.mark.parametrize("bit_depth", [8, 16])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("size", [(122, 122), (30, 30), (61, 90), (17, 200)])
def test_hidden_colours_do_not_bleed_into_edges(
    channels: int, bit_depth: int, size: tuple[int, int]
) -> None:
    colour = (0.9, 0.5, 0.2) if channels == 4 else (0.8, 0.8, 0.8)
    planes = [Disc(colour, (0, 0, 0)), Disc((1, 1, 1), (0, 0, 0))]
    native = View(61, 61, (0, 0, 61, 61), (61, 61))
    view = View(*size, (0, 0, *size), (61, 61))
    peak = 2**bit_depth - 1
    for place in (native, view):
        shown = render.render(planes, channels, place, bit_depth) / peak
        seen = shown[..., -1] > 0.01
        assert 0.2 < seen.mean() < 0.6
        assert np.abs(shown[..., :-1][seen] - np.array(colour)[: channels - 1]).max() < 1.5 / 255
        # Where nothing shows there is still a colour of the image, not noise.
        assert shown[..., :-1][~seen].max() <= max(colour) + 0.1


def test_one_and_two_threads_give_the_same_symbols_and_pixels() -> None:
    data = random_file(Family.COOLCHIC, 97, 61, 4)
    one, two = (inrcodec.decode(data, threads=n).astype(int) for n in (1, 2))
    assert np.abs(one - two).max() <= 1


@pytest.mark.parametrize(
    ("family", "channels", "side"),
    [(Family.COOLCHIC, 3, None), (Family.COOLCHIC_V1, 2, 8), (Family.COOLCHIC_V2, 4, None)],
)
def test_every_prefix_is_a_preview_or_truncated(family: Family, channels: int, side) -> None:
    model = model_for(family, 11, 9, levels=3, arm_width=4, synthesis_width=4)
    planes = [random_plane(model, seed) for seed in range(2 - channels % 2)]
    data = file_of(planes, channels, slice_side=side, metadata={"xmp": b"<x/>" * 9})
    container = bitstream.read(data)
    first = container.sections[1]
    whole = inrcodec.decode(data)
    last = max(s.offset + s.size for s in container.sections if s.kind in (3, 5))
    for size in range(len(data)):
        if size < first.offset + first.size:
            with pytest.raises(TruncatedError):
                inrcodec.decode(data[:size])
            continue
        with pytest.warns(PartialFileWarning) as caught:
            preview = inrcodec.decode(data[:size])
        assert preview.shape == whole.shape
        text = str(caught[0].message)
        if size >= last:
            assert (preview == whole).all()
            assert "whole" in text
        if size < last - 40:
            assert "grids" in text
        if channels % 2 == 0 and Kind.ALPHA_PARAMETERS not in {
            s.kind for s in bitstream.read(data[:size]).sections
        }:
            assert (preview[..., -1] == 255).all()


def test_previews_approach_the_picture() -> None:
    data = random_file(Family.COOLCHIC, 120, 90)
    whole = inrcodec.decode(data).astype(float)
    errors = []
    for share in (0.5, 0.8, 0.95):
        with pytest.warns(PartialFileWarning):
            preview = inrcodec.decode(data[: int(share * len(data))])
        errors.append(((preview - whole) ** 2).mean())
    assert errors[0] > errors[1] > errors[2]


def test_mutated_files_raise_only_our_errors() -> None:
    files = [
        random_file(family, 17, 13, channels, side, levels=3, arm_width=4, synthesis_width=4)
        for family, channels, side in (
            (Family.COOLCHIC, 3, None),
            (Family.COOLCHIC, 4, 8),
            (Family.COOLCHIC_V1, 1, 8),
            (Family.COOLCHIC_V2, 2, None),
        )
    ]
    with warnings.catch_warnings():
        counts = fuzz.run(2000, seed=3, files=files)
    assert counts["refused"] > 300
    assert counts["decoded"] > 150


@pytest.mark.slow
def test_a_photo_sized_file_decodes_within_a_second() -> None:
    assert seconds_to_decode(random_file(Family.COOLCHIC, 768, 512, spread=0.3)) < 1.2


def test_info_names_grids_and_counts_both_planes() -> None:
    data = random_file(Family.COOLCHIC, 64, 48, 4, 16, joint_bytes=0)
    about = inrcodec.info(data)
    assert (about.model, about.slice_side, about.init) == ("coolchic", 16, None)
    container = bitstream.read(data)
    model = decoder_of(container.header).model
    one = sum(int(np.prod(shape)) for shape in model.shapes.values())
    assert about.parameters == 2 * one
    names = [section.kind for section in about.sections]
    assert names[:4] == ["header", "parameters", "alpha parameters", "latents level 6 main slice 0"]
    assert "alpha latents level 2 chroma 2 slice 0" in names
    assert sum(section.size_bytes for section in about.sections) + 5 == len(data)
    payloads = container.payload(Kind.PARAMETERS) + container.payload(Kind.ALPHA_PARAMETERS)
    assert about.bits_per_parameter == pytest.approx(8 * len(payloads) / about.parameters)
    names = [s.kind for s in inrcodec.info(random_file(Family.COOLCHIC, 64, 48, 4, 16)).sections]
    assert names[3] == "latents level 6 main to level 2 chroma 2"
    one = random_file(Family.COOLCHIC_V1, 8, 8, joint_bytes=0)
    assert "latents level 0" in [s.kind for s in inrcodec.info(one).sections]


@pytest.mark.parametrize("family", LATENT_FAMILIES)
@pytest.mark.parametrize(
    ("size", "channels", "side", "options"),
    [
        ((13, 9), 3, None, {}),
        ((9, 21), 4, 8, {"levels": 3, "arm_width": 5, "synthesis_width": 3, "neighbours": 8}),
        ((17, 6), 2, 8, {"levels": 4, "arm_width": 24, "synthesis_width": 4, "neighbours": 24}),
        ((5, 7), 1, None, {"levels": 1, "arm_width": 16, "synthesis_width": 3, "neighbours": 16}),
        ((7, 12), 3, None, {"levels": 2, "neighbours": 12, "spread": 60.0, "bit_depth": 16}),
    ],
)
def test_the_reference_reader_agrees(family: Family, size, channels, side, options: dict) -> None:
    data = random_file(family, *size, channels, side, **options)
    file = reference_reader.read(data)
    container = bitstream.read(data)
    planes = read_latents(container, decoder_of(container.header).model).planes
    for prefix, plane in zip(("", "alpha."), planes, strict=False):
        for group, symbols in plane.networks.symbols.items():
            assert file.symbols[prefix + group] == symbols.tolist()
            assert file.steps[prefix + group] == plane.networks.steps[group]
        for number, grid in enumerate(plane.grids):
            assert file.symbols[f"{prefix}grid.{number}"] == grid.ravel().tolist()
    decoded = inrcodec.decode(data).astype(int)
    difference = np.abs(reference_latents.picture(file) - decoded).max()
    assert difference <= (64 if options.get("bit_depth") == 16 else 1)
    assert decoded.std() > 1 or decoded.size < 50
