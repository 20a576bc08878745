"""TIFF: every layout is read right, by an oracle, or refused by name."""

import io
import itertools
import warnings

import numpy as np
import pytest
from PIL import Image

from inrcodec.errors import ImageError
from inrcodec.images.reading import read_image
from inrcodec.images.tiff import straight
from tests.images.made import RAMP, by_hand, simple, tiff

HEIGHT, WIDTH = 20, 24
EXTRAS = {"unassalpha": 2, "assocalpha": 1, "unspecified": 0}


def stored(kind: str, shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.default_rng(0)
    if kind == "float":
        return random.random(shape).astype(np.float32)
    return random.integers(0, 120 if kind == "u1" else 30000, shape).astype(kind)


def expected(array: np.ndarray, photometric: str, extra: str | None) -> np.ndarray:
    """What (H, W, C) samples of a file mean: black is zero, alpha straight, 8 or 16 bit."""
    if array.dtype.kind == "f":
        array = np.floor(array.astype(np.float64) * 65535 + 0.5)
    wanted = np.uint8 if array.dtype == np.uint8 else np.uint16
    samples = array.astype(wanted)
    if photometric == "miniswhite":
        samples[:, :, 0] = np.iinfo(wanted).max - samples[:, :, 0]
    if extra == "unspecified":
        return samples[:, :, :-1]
    return straight(samples) if extra == "assocalpha" else samples


COLOURS = [("minisblack", 1), ("miniswhite", 1), ("rgb", 3)]
LAYOUTS = list(
    itertools.product(
        COLOURS,
        [None, *EXTRAS],
        ["contig", "separate"],
        ["u1", "u2", "i2", "u4", "i4", "f2", "f4", "f8", "i1"],
        "<>",
        [None, "lzw", "zlib"],
    )
)


def test_every_layout_of_samples_is_read_right_or_refused_by_name() -> None:
    read = refused = 0
    wrong = []
    for (photometric, colours), extra, planar, kind, order, compression in LAYOUTS:
        channels = colours + (extra is not None)
        if (channels == 1 and planar == "separate") or (photometric == "miniswhite" and extra):
            continue
        if kind[0] == "f":
            array = stored("float", (HEIGHT, WIDTH, channels)).astype(kind)
        else:
            array = stored(kind, (HEIGHT, WIDTH, channels))
        if extra == "assocalpha":  # no colour is brighter than its alpha
            array = np.minimum(array, array[:, :, -1:])
        laid = np.moveaxis(array, -1, 0) if planar == "separate" else array
        options: dict[str, object] = {"photometric": photometric, "byteorder": order}
        if channels > 1:
            options["planarconfig"] = planar
        if extra:
            options["extrasamples"] = [extra]
        data = tiff(laid[:, :, 0] if channels == 1 else laid, compression=compression, **options)
        name = (photometric, extra, planar, kind, order, compression)
        try:
            pixels = read_image(data).pixels
        except ImageError as error:
            refused += 1
            if "TIFF of this kind is not supported" not in str(error) or kind in ("u1", "u2"):
                wrong.append((name, str(error)))
            continue
        read += 1
        meant = expected(array, photometric, extra)
        far = 1 if kind == "u1" and extra == "assocalpha" else 0  # Pillow rounds otherwise
        if pixels.shape != meant.shape or pixels.dtype != meant.dtype:
            wrong.append((name, str(pixels.shape)))
        elif np.abs(pixels.astype(int) - meant.astype(int)).max() > far:
            wrong.append((name, f"{np.abs(pixels.astype(int) - meant.astype(int)).max()} off"))
    assert wrong == []
    assert read > 200
    assert refused > 100


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("photometric", [0, 1, 3])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("reversed_bits", [False, True])
def test_few_bits_in_either_order(
    order: str, photometric: int, bits: int, reversed_bits: bool
) -> None:
    values = np.random.default_rng(bits).integers(0, 1 << bits, (8, 16)).astype(np.uint8)
    unpacked = np.unpackbits(values[:, :, None], axis=2)[:, :, 8 - bits :]
    packed = np.packbits(unpacked.reshape(-1), bitorder="little" if reversed_bits else "big")
    fields = simple(photometric, bits) | {266: (2 if reversed_bits else 1,)}
    palette = np.random.default_rng(9).integers(0, 256, (3, 1 << bits))
    if photometric == 3:
        fields[320] = tuple(int(v) * 257 for v in palette.reshape(-1))
    data = by_hand(fields, packed.tobytes(), order)
    if reversed_bits and (photometric, bits) in ((3, 1), (3, 2), (3, 4), (0, 8)):
        with pytest.raises(ImageError, match="not supported"):
            read_image(data)
        return
    pixels = read_image(data).pixels
    if photometric == 3:
        assert (pixels == palette.T[values]).all()
        return
    gray = values.astype(int) * 255 // ((1 << bits) - 1)
    assert (pixels[:, :, 0] == (255 - gray if photometric == 0 else gray)).all()


def test_reversed_bits_of_colour() -> None:
    values = np.random.default_rng(0).integers(0, 256, (8, 16, 3)).astype(np.uint8)
    packed = np.packbits(np.unpackbits(values.reshape(-1)), bitorder="little").tobytes()
    data = by_hand(simple(2, 8, 3) | {266: (2,)}, packed)
    assert (read_image(data).pixels == values).all()
    with pytest.raises(ImageError, match="not supported"):
        read_image(by_hand(simple(1, 16) | {266: (2,)}, bytes(256)))


def test_twelve_bits_are_scaled_to_sixteen() -> None:
    values = np.random.default_rng(0).integers(0, 4096, (8, 16))
    pairs = values.reshape(-1, 2)
    first, second, third = pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1]
    packed = np.stack([first, second, third & 255], 1).astype(np.uint8).tobytes()
    picture = read_image(by_hand(simple(1, 12), packed))
    assert (picture.pixels[:, :, 0] == np.round(values * 65535 / 4095)).all()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({262: (4,)}, "photometric 4"),
        ({262: (32803,)}, "photometric 32803"),
        ({262: (9,), 258: (8, 8, 8), 277: (3,)}, "photometric 9"),
        ({262: (6,), 258: (8, 8, 8), 277: (3,)}, "YCbCr"),
        ({262: (8,), 258: (8, 8, 8), 277: (3,), 284: (2,)}, "Lab"),
        ({262: (5,), 258: (16,) * 4, 277: (4,), 284: (2,)}, "CMYK"),
        ({262: (5,), 258: (8,) * 4, 277: (4,), 332: (2,)}, "CMYK"),
        ({258: (8, 8), 277: (2,)}, "BlackIsZero"),
        ({258: (8,) * 5, 262: (2,), 277: (5,), 338: (2, 2)}, "extra 2,2"),
        ({258: (24,)}, "24-bit"),
        ({259: (50001,)}, "compression 50001"),
        ({339: (2,)}, "signed"),
        ({339: (6,)}, "format 6"),
        ({50706: (1,)}, "DNG"),
        ({258: (5, 6, 5), 262: (2,), 277: (3,)}, "different kinds"),
        ({256: (0,)}, "empty"),
        ({259: (5,), 279: (9, 9)}, "sizes of strips"),
        ({259: (5,), 279: (9999999,)}, "1 of 1 strips"),
        ({256: (1 << 20,), 257: (1 << 20,)}, "limit"),
    ],
)
def test_what_is_not_known_is_refused_by_name(fields: dict, name: str) -> None:
    with pytest.raises(ImageError, match=name):
        read_image(by_hand(simple(1, 8) | fields, bytes(4000)))


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd", "packbits"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_a_cut_file_is_an_error(
    compression: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 200, (64, 64, 3)).astype(kind)
    whole = tiff(noise, photometric="rgb", compression=compression, rowsperstrip=8)
    assert (read_image(whole).pixels == noise).all()
    with pytest.raises(ImageError, match=r"cannot be decoded: \d of 8 strips are cut"):
        read_image(whole[: len(whole) * 2 // 3])
    assert capfd.readouterr().err == ""  # libtiff is not asked


@pytest.mark.parametrize("data", [b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0+" + b"\xff" * 20])
def test_damaged_directories_are_an_error(data: bytes) -> None:
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_image(data)


def test_pages_beyond_the_first_are_said() -> None:
    out = io.BytesIO()
    Image.fromarray(RAMP).save(out, "TIFF", save_all=True, append_images=[Image.fromarray(RAMP)])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert (read_image(out.getvalue()).pixels[:, :, 0] == RAMP).all()
    assert ["2 frames" in str(each.message) for each in seen] == [True]
