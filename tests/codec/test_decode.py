import numpy as np
import pytest

import inrcodec
from inrcodec.codec.fitting.networks.steps import quantize, step_codes
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Family, Header, Kind
from inrcodec.codec.networks.siren import Siren
from inrcodec.errors import FormatError, OptionError, PartialFileWarning, TruncatedError
from tests.timing import seconds_to_decode


def random_file(width: int, height: int, model: Siren, bit_depth: int = 8) -> bytes:
    """A file of random parameters: decoding does not care what it shows."""
    parameters = model.initial(np.random.default_rng(0), np.zeros(model.channels))
    steps = step_codes(parameters, dict.fromkeys(parameters, 1.0), 1e-6)
    header = Header(width, height, model.channels, bit_depth, model.family, model.dimensions)
    return bitstream.write(header, [(Kind.PARAMETERS, quantize(parameters, steps).to_bytes())])


def test_a_crop_is_part_of_the_whole(photo_file: bytes) -> None:
    whole = inrcodec.decode(photo_file, size=(321, 211))
    part = inrcodec.decode(photo_file, size=(321, 211), crop=(37, 50, 100, 61))
    assert np.abs(whole[50:111, 37:137].astype(int) - part).max() <= 1


def test_scales_agree_with_each_other(photo_file: bytes) -> None:
    native = inrcodec.decode(photo_file)
    assert native.shape == (100, 150, 3)
    tripled = inrcodec.decode(photo_file, scale=3)
    assert tripled.shape == (300, 450, 3)
    # The centre of each 3 x 3 block lies on the native pixel's centre.
    assert np.abs(tripled[1::3, 1::3].astype(int) - native).max() <= 1
    # Half size averages a 2 x 2 block of native samples.
    halved = inrcodec.decode(photo_file, scale=0.5)
    blocks = native.reshape(50, 2, 75, 2, 3).mean((1, 3))
    assert np.abs(halved - blocks).max() <= 1.01


def test_bit_depths(photo_file: bytes) -> None:
    eight, sixteen = (inrcodec.decode(photo_file, bit_depth=depth) for depth in (8, 16))
    assert sixteen.dtype == np.uint16
    assert np.abs(sixteen / 257 - eight).max() <= 1


def test_one_and_two_threads_give_the_same_symbols_and_pixels(photo_file: bytes) -> None:
    one, two = (inrcodec.decode(photo_file, threads=n).astype(int) for n in (1, 2))
    assert np.abs(one - two).max() <= 1


def test_large_picture_with_few_columns_a_tile() -> None:
    data = random_file(20000, 3, Siren(4, 2, 2, 1))
    pixels = inrcodec.decode(data)
    assert pixels.shape == (3, 20000, 1)
    part = inrcodec.decode(data, crop=(9000, 1, 30, 2)).astype(int)
    assert np.abs(pixels[1:, 9000:9030] - part).max() <= 1


@pytest.mark.slow
def test_a_photo_sized_file_decodes_within_a_second() -> None:
    assert seconds_to_decode(random_file(768, 512, Siren(64, 6, 16, 3))) < 1.0


@pytest.mark.parametrize(
    "options",
    [
        {"size": (0, 5)},
        {"scale": 0},
        {"scale": "2"},
        {"scale": 1.7e308},
        {"size": (10,)},
        {"size": (10.5, 3)},
        {"crop": (0, 0, 2.5, 2)},
        {"threads": 1.5},
        {"device": "meta"},
        {"scale": float("nan")},
        {"scale": 2, "size": (5, 5)},
        {"crop": (0, 0, 151, 100)},
        {"crop": (-1, 0, 5, 5)},
        {"size": (1 << 20, 1 << 20)},
        {"bit_depth": 12},
        {"threads": 0},
        {"device": "nonsense"},
        {"device": "cuda:77"},
    ],
)
def test_bad_options_are_refused(photo_file: bytes, options: dict) -> None:
    with pytest.raises(OptionError):
        inrcodec.decode(photo_file, **options)


def test_prefixes_give_the_picture_or_truncated_error(photo: np.ndarray, photo_file: bytes) -> None:
    whole = inrcodec.decode(photo_file)
    for size in [*range(60), *range(60, len(photo_file) - 10, 97)]:
        with pytest.raises(TruncatedError):
            inrcodec.decode(photo_file[:size])
    for size in range(len(photo_file) - 10, len(photo_file)):
        with pytest.warns(PartialFileWarning):
            assert (inrcodec.decode(photo_file[:size]) == whole).all()


def test_huge_claims_cost_nothing() -> None:
    import tracemalloc

    header = Header(11585, 11585, 4, 16, Family.PE_SIREN, (1024, 4, 16))
    data = bitstream.write(header, [(Kind.PARAMETERS, bytes(80))])
    tracemalloc.start()
    with pytest.raises(FormatError):
        inrcodec.decode(data)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
