"""What a file and a view may cost: pixels and work, told before anything is computed."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.codec.families import decoder_of
from inrcodec.codec.fitting.networks.encoder import Choice
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Family, Header
from inrcodec.codec.format.sections import Kind
from inrcodec.codec.limits import MAX_WORK_S
from inrcodec.codec.networks.families import network_from
from inrcodec.codec.networks.sizes import LADDERS, ImageShape, network_of
from inrcodec.codec.networks.work import own_size_s
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.view import view_of
from inrcodec.errors import EncoderLimitError, LimitError, OptionError
from inrcodec.pixels import Picture
from inrcodec.streaming.decoding import decode_runs
from tests import latent_files, network_files
from tests.conftest import VECTORS

HIGHEST = {"levels": 7, "neighbours": 24, "arm_width": 24, "synthesis_width": 40}
NETWORKS = {
    Family.SIREN: (64, 3),
    Family.PE_SIREN: (300, 2, 16),
    Family.NIF: (8, 4, 2, 16, 8, 64, 24, 14),
    Family.FOURIER: (64, 2, 256),
    Family.MFN_FOURIER: (64, 4),
    Family.MFN_GABOR: (300, 2),
    Family.WIRE: (128, 2),
    Family.DINER: (64, 2),
    Family.SPINR: (64, 4, 16),
}


def empty(width: int, height: int, family: Family, dimensions: tuple[int, ...]) -> bytes:
    """As small a file of a network as there is: all its symbols are 0."""
    header = Header(width, height, 3, 8, family, dimensions)
    model = network_from(header)
    payload = bytes(max(8 * len(model.parts[0]), -(-model.parameter_count // 64) * 4))
    return bitstream.write(header, [(Kind.PARAMETERS, payload)])


def work_s(data: bytes, **view: object) -> float:
    container = bitstream.read(data)
    header = container.header
    options = {"size": None, "scale": None, "crop": None} | view
    return decoder_of(header).work_s(
        container, view_of(header.width, header.height, *options.values())
    )


@pytest.mark.parametrize(
    ("family", "dimensions"),
    [
        (Family.WIRE, (500, 1)),
        (Family.FOURIER, (1, 1, 1024)),
        (Family.SPINR, (500, 1, 0)),
        (Family.SIREN, (1024, 1)),
        (Family.MFN_GABOR, (600, 1)),
        (Family.NIF, (1, 1, 0, 600)),
    ],
)
def test_a_small_file_that_costs_minutes_is_refused_at_once(
    family: Family, dimensions: tuple[int, ...]
) -> None:
    data = empty(1 << 14, 1 << 13, family, dimensions)
    assert len(data) < 1000
    with pytest.raises(LimitError, match="max_work"):
        inrcodec.decode(data)
    with pytest.raises(LimitError, match="max_work"):
        decode_runs([data])
    inrcodec.info(data)  # costs nothing
    inrcodec.decode(data, crop=(5, 5, 8, 8))


def test_the_file_that_took_17_minutes_is_refused(shared: Path) -> None:
    with pytest.raises(LimitError, match="max_work"):
        inrcodec.decode(shared / "faults" / "wire-bomb.inr")


def test_more_is_decoded_if_asked_for(small_file: bytes) -> None:
    needed = work_s(small_file)
    with pytest.raises(LimitError, match="max_work"):
        inrcodec.decode(small_file, max_work=needed / 2)
    assert inrcodec.decode(small_file, max_work=needed).shape == (24, 32, 3)


@pytest.mark.parametrize(
    "view",
    [
        {"scale": 60},
        {"size": (3000, 3000)},
        {"size": (4, 1 << 20)},
        {"size": (1 << 20, 3)},
        {"scale": 700, "crop": (0, 0, 3000, 3000)},
    ],
)
@pytest.mark.parametrize("family", [Family.DINER, Family.PE_SIREN, Family.COOLCHIC])
def test_the_view_counts(family: Family, view: dict) -> None:
    if family == Family.COOLCHIC:
        data = latent_files.random_file(family, 64, 48)
    else:
        data = network_files.random_file(family, 64, 48, NETWORKS[family])
    assert work_s(data, **view) > 10 * work_s(data)
    with pytest.raises(LimitError, match="max_work"):
        inrcodec.decode(data, **view, max_work=10 * work_s(data))


def test_a_view_whose_tiles_overlap_counts_them() -> None:
    """Each of its tiles is small, and needs every column of the image."""
    header = Header(5792, 5792, 3, 8, Family.COOLCHIC, (7, 16, 16, 32))
    with pytest.raises(LimitError, match="max_work"):
        inrcodec.decode(bitstream.write(header, [(Kind.PARAMETERS, bytes(400))]), size=(1, 1 << 27))


@pytest.mark.parametrize("options", [{}, {"scale": 3}, {"crop": (0, 0, 90, 61)}])
def test_pixels_of_the_image_and_of_the_view_count(photo_file: bytes, options: dict) -> None:
    pixels = 100 * 150
    with pytest.raises(LimitError, match="max_pixels"):
        inrcodec.decode(photo_file, max_pixels=pixels - 1, **options)
    if "scale" in options:
        with pytest.raises(LimitError, match="the view has 450 x 300"):
            inrcodec.decode(photo_file, max_pixels=9 * pixels - 1, **options)
        pixels *= 9
    inrcodec.decode(photo_file, max_pixels=pixels, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"max_pixels": 0},
        {"max_pixels": 1 << 28},
        {"max_pixels": "many"},
        {"max_work": -1},
        {"max_work": float("nan")},
        {"max_work": True},
    ],
)
def test_limits_are_checked(small_file: bytes, options: dict) -> None:
    with pytest.raises(OptionError, match="max_"):
        inrcodec.decode(small_file, **options)


def test_what_is_usual_passes() -> None:
    """The largest image of latent grids, with alpha, at the highest complexity; every vector; the
    networks that an encoder chooses for a Kodak image and for one of 12 megapixels."""
    header = Header(5792, 5792, 4, 8, Family.COOLCHIC, tuple(HIGHEST.values()))
    decoder = decoder_of(header)
    shapes = bitstream.read(bitstream.write(header, [(Kind.PARAMETERS, b"")]))
    view = view_of(5792, 5792, None, None, None)
    from inrcodec.codec.coolchic import work

    symbols = 2 * work.symbols_s(decoder.model, decoder.model.grids, 0)
    assert 20 < symbols + decoder.work_s(shapes, view) < MAX_WORK_S
    for path in (VECTORS / "valid").glob("*.inr"):
        assert work_s(path.read_bytes()) < 1
    for family in LADDERS:
        for width, height, wanted in ((768, 512, 1e6), (4000, 3000, 1e6)):
            model = network_of(ImageShape(width, height, 3), family, wanted)
            assert own_size_s(model, width, height) <= MAX_WORK_S


def test_an_encoder_writes_nothing_that_a_decoder_refuses() -> None:
    class Vast:
        width, height, channels, bit_depth, metadata = 1 << 14, 1 << 13, 3, 8, {}

    plan = plan_of(
        EncodeOptions(model="pe-siren", init="meta", bpp=0.1),
        Picture(np.zeros((8, 8, 3), np.uint8)),
    )
    with pytest.raises(EncoderLimitError, match="seconds of one core"):
        Choice.of(Vast(), plan)


def test_what_counts_alike_takes_alike() -> None:
    """Seconds of one core by each family of what counts the same; a bound of 8 is for other
    machines and other work on them."""
    ratios = {}
    for family, dimensions in NETWORKS.items():
        ratios[family.label] = _ratio(network_files.random_file(family, 160, 128, dimensions))
    ratios["coolchic"] = _ratio(latent_files.random_file(Family.COOLCHIC, 192, 160))
    ratios["slices"] = _ratio(latent_files.random_file(Family.COOLCHIC, 96, 96, slice_side=8))
    assert max(ratios.values()) < 8 * min(ratios.values()), json.dumps(ratios)


def _ratio(data: bytes) -> float:
    """Seconds measured by seconds counted, the best of three."""
    measured = []
    for _ in range(3):
        start = time.process_time()
        inrcodec.decode(data, threads=1)
        measured.append(time.process_time() - start)
    return min(measured) / work_s(data)
