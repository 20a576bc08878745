import io
import math
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inrcodec.errors import ImageError, OptionError, RateError
from inrcodec.metrics.references import baselines, codecs
from inrcodec.metrics.references.baselines import (
    CODECS,
    encode_around_size,
    encode_at,
    encode_to_bpp,
    encode_to_size,
    next_level,
)
from inrcodec.pixels import psnr

MISSING = codecs.available_codecs()
HERE = [name for name in CODECS if MISSING[name] is None]
MIDDLE = {"jpeg2000": 20, "jpegxl": 1.5}
MAGIC = {
    "jpeg": (0, b"\xff\xd8\xff"),
    "jpeg-444": (0, b"\xff\xd8\xff"),
    "jpeg2000": (4, b"jP  "),
    "webp": (8, b"WEBP"),
    "avif": (4, b"ftypavif"),
    "avif-ssim": (4, b"ftypavif"),
    "avif-ssim-420": (4, b"ftypavif"),
    "avif-iq": (4, b"ftypavif"),
    "avif-iq-420": (4, b"ftypavif"),
    "jpegxl": (0, b"\xff\x0a"),
}


def needs(name: str) -> None:
    if MISSING[name] is not None:
        pytest.skip(f"{name}: {MISSING[name]}")


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    """The picture with an alpha channel that is 0 on the left and 255 on the right."""
    ramp = np.clip(np.linspace(-200, 400, pixels.shape[1]), 0, 255).astype(np.uint8)
    alpha = np.broadcast_to(ramp[:, None], (*pixels.shape[:2], 1))
    return np.concatenate([pixels, alpha], axis=2)


@pytest.mark.parametrize("name", ["jpeg", "jpeg-444"])
@pytest.mark.parametrize("quality", [92, 100])
def test_jpeg_takes_noise_of_many_bytes(name: str, quality: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    assert encode_at(name, noise, quality).pixels.shape == noise.shape


@pytest.mark.parametrize("name", HERE)
def test_a_codec_returns_the_file_and_its_decode(name: str, photo: np.ndarray) -> None:
    quality = MIDDLE.get(name, 60)
    coded = encode_at(name, photo, quality)
    at, magic = MAGIC[name]
    assert coded.data[at : at + len(magic)] == magic
    assert coded.pixels.shape == photo.shape
    assert coded.pixels.dtype == np.uint8
    assert 27 < psnr(photo, coded.pixels) < 45
    assert coded.size_bytes == len(coded.data)
    assert coded.bits_per_pixel == pytest.approx(len(coded.data) * 8 / 15000)
    assert (coded.codec, coded.quality) == (name, quality)
    assert coded.search_s == coded.encode_s > 0 < coded.decode_s
    if name != "jpegxl":
        again = np.asarray(Image.open(io.BytesIO(coded.data)).convert("RGB"))
        assert (again == coded.pixels).all()


@pytest.mark.parametrize("name", HERE)
def test_better_quality_is_larger_and_closer(name: str, small: np.ndarray) -> None:
    codec = CODECS[name]
    low, high = (codec.grid[round((len(codec.grid) - 1) * share)] for share in (0.2, 0.8))
    assert (high > low) == codec.larger_is_better
    worse, better = encode_at(name, small, low), encode_at(name, small, high)
    assert worse.size_bytes < better.size_bytes
    assert psnr(small, worse.pixels) + 3 < psnr(small, better.pixels)
    assert {min(codec.grid), max(codec.grid)} == {codec.low, codec.high}


@pytest.mark.parametrize(("name", "sampling"), [("jpeg", 0x22), ("jpeg-444", 0x11)])
def test_jpeg_is_progressive_with_the_named_sampling(
    name: str, sampling: int, small: np.ndarray
) -> None:
    data = encode_at(name, small, 50).data
    frame = data.index(b"\xff\xc2")  # SOF2; then length 2, precision 1, size 4, components 1
    assert data[frame + 9] == 3
    assert data[frame + 11] == sampling


def test_jpeg2000_takes_the_colour_transform_and_the_irreversible_wavelet(
    small: np.ndarray,
) -> None:
    needs("jpeg2000")
    data = encode_at("jpeg2000", small, 20).data
    coding = data.index(b"\xff\x52")  # COD: length 2, style 1, order 1, layers 2, transform 1 ...
    assert data[coding + 8] == 1
    assert data[coding + 13] == 0


@pytest.mark.parametrize("name", ["avif", "avif-ssim", "avif-iq"])
def test_avif_keeps_full_colour_and_gray_is_monochrome(name: str, small: np.ndarray) -> None:
    needs(name)
    data = encode_at(name, small, 50).data
    assert data[data.index(b"av1C") + 6] & 0b00011100 == 0  # monochrome, subsampling x and y
    gray = encode_at(name, small[:, :, :1], 50).data
    assert gray[gray.index(b"av1C") + 6] & 0b00010000


@pytest.mark.parametrize("name", ["avif-ssim-420", "avif-iq-420"])
def test_avif_420_halves_the_colours(name: str, small: np.ndarray) -> None:
    needs(name)
    data = encode_at(name, small, 50).data
    assert data[data.index(b"av1C") + 6] & 0b00011100 == 0b00001100


def test_a_tune_that_aom_does_not_know_is_named() -> None:
    needs("avif")
    assert re.fullmatch(
        r"the aom [\d.]+ of this Pillow does not know tune=nonsense",
        str(codecs._tune_missing("nonsense")),
    )


def test_the_two_avif_are_tuned_differently(photo: np.ndarray) -> None:
    needs("avif")
    crop = photo[20:68, 20:84]
    for_error, for_eye = (encode_at(name, crop, 50) for name in ("avif", "avif-ssim"))
    assert for_error.data != for_eye.data
    assert for_error.settings["advanced"] == {"tune": "psnr"}
    assert for_eye.settings["advanced"] == {"tune": "ssim"}
    assert for_error.settings["max_threads"] == 1


@pytest.mark.parametrize("name", HERE)
def test_gray_comes_back_as_gray(name: str, photo: np.ndarray) -> None:
    gray = photo[:64, :80, 1:2]
    coded = encode_at(name, gray, {"jpeg2000": 5, "jpegxl": 1.5}.get(name, 60))
    assert coded.pixels.shape == gray.shape
    assert psnr(gray, coded.pixels) > 28


@pytest.mark.parametrize("name", ["jpeg2000", "webp", "avif"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_kept_and_so_is_the_colour_below_it(
    name: str, channels: int, photo: np.ndarray
) -> None:
    needs(name)
    picture = with_alpha(photo[:48, :64, : channels - 1])
    coded = encode_at(name, picture, {"jpeg2000": 12}.get(name, 80))
    assert coded.pixels.shape == picture.shape
    assert psnr(picture[:, :20, :-1], coded.pixels[:, :20, :-1]) > 28
    assert psnr(picture[:, :, -1:], coded.pixels[:, :, -1:]) > 35
    opaque = picture.copy()
    opaque[:, :, -1] = 255
    assert (encode_at(name, opaque, {"jpeg2000": 12}.get(name, 80)).pixels[:, :, -1] > 250).all()


def test_16_bit_gray_keeps_its_depth(photo: np.ndarray) -> None:
    needs("jpeg2000")
    gray = photo[:, :, :1].astype(np.uint16) * 256 + 128
    coded = encode_at("jpeg2000", gray, 8)
    assert coded.pixels.dtype == np.uint16
    assert psnr(gray, coded.pixels) > 33


@pytest.mark.parametrize(
    ("name", "channels", "dtype", "message"),
    [
        ("jpeg", 4, np.uint8, "jpeg cannot hold 8-bit RGB.alpha"),
        ("jpegxl", 2, np.uint8, "jpegxl cannot hold 8-bit gray.alpha"),
        ("jpegxl", 3, np.uint16, "jpegxl cannot hold 16-bit RGB"),
        ("webp", 1, np.uint16, "webp cannot hold 16-bit gray"),
        ("jpeg2000", 3, np.uint16, "jpeg2000 cannot hold 16-bit RGB"),
    ],
)
def test_what_a_codec_cannot_hold_is_refused(
    name: str, channels: int, dtype: type, message: str
) -> None:
    needs(name)
    picture = np.full((16, 16, channels), 90, dtype)
    with pytest.raises(OptionError, match=message):
        encode_at(name, picture, CODECS[name].high)
    with pytest.raises(OptionError, match=message):
        encode_to_size(name, picture, 10_000)


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ImageError):
        encode_at("jpeg", np.zeros((4, 4, 3), np.float32), 50)  # type: ignore[arg-type]
    with pytest.raises(ImageError):
        encode_to_bpp("jpeg", np.zeros((4, 4), np.uint8), 1.0)


@pytest.mark.parametrize("quality", [0, 101, 50.5, math.nan, True])
def test_a_quality_outside_the_scale_is_refused(quality: float, small: np.ndarray) -> None:
    with pytest.raises(OptionError, match="the quality of jpeg must be"):
        encode_at("jpeg", small, quality)


def test_what_an_encoder_cannot_do_names_it() -> None:
    needs("webp")
    with pytest.raises(OptionError, match="webp cannot encode this 16400 x 1 image"):
        encode_at("webp", np.zeros((1, 16400, 3), np.uint8), 50)


def test_jpeg_size_search_finds_what_trying_everything_finds(photo: np.ndarray) -> None:
    sizes = [encode_at("jpeg", photo, quality).size_bytes for quality in range(1, 101)]
    for target in (800, 1234, 2500, 6000, 20_000, 10**6):
        tried: dict[int, baselines.Attempt] = {}
        coded = encode_to_size("jpeg", photo, target, tried=tried)
        best = max(size for size in sizes if size <= target)
        assert coded.size_bytes <= target
        assert coded.size_bytes >= min(best, baselines.CLOSE_ENOUGH * target)
        assert len(tried) <= 12


@pytest.mark.parametrize("name", [name for name in HERE if not name.startswith(("jpeg-", "avif-"))])
def test_a_target_is_met_and_never_exceeded(name: str, photo: np.ndarray) -> None:
    crop = photo[:64, :96] if name == "avif" else photo
    tried: dict[int, baselines.Attempt] = {}
    for bits_per_pixel in (1.0, 1.7):
        target = int(bits_per_pixel * crop.shape[0] * crop.shape[1] / 8)
        coded = encode_to_size(name, crop, target, tried=tried)
        assert (0.9 if CODECS[name].integer else 0.97) * target <= coded.size_bytes <= target
        assert (encode_at(name, crop, coded.quality).pixels == coded.pixels).all()
        assert coded.search_s >= coded.encode_s or coded.search_s == 0
    spent = len(tried)
    assert encode_to_size(name, crop, target, tried=tried).search_s == 0
    assert len(tried) == spent <= 20


def test_bits_per_pixel_are_a_size_in_bytes(photo: np.ndarray) -> None:
    coded = encode_to_bpp("jpeg", photo, 1.2)
    assert coded.data == encode_to_size("jpeg", photo, int(1.2 * 15000 / 8)).data
    assert 1.1 < coded.bits_per_pixel <= 1.2


@pytest.mark.parametrize("name", HERE)
def test_decoding_a_large_picture_warns_of_nothing_in_any_thread(
    name: str, small: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entered(*arguments: object) -> None:
        raise AssertionError("the filters of warnings are those of every thread")

    data = encode_at(name, small, CODECS[name].high).data
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(warnings.catch_warnings, "__enter__", entered)
        decoded = list(pool.map(CODECS[name].decode, [data] * 2))
    assert [pixels.shape for pixels in decoded] == [small.shape] * 2


def test_a_bug_in_a_codec_is_no_error_of_the_caller(small: np.ndarray) -> None:
    def broken(pixels: np.ndarray, quality: float) -> bytes:
        return {}[quality]  # type: ignore[return-value]

    with pytest.raises(KeyError):
        encode_at(replace(CODECS["jpeg"], encode=broken), small, 50)


def test_what_cannot_be_met_is_refused(photo: np.ndarray) -> None:
    with pytest.raises(RateError, match=r"jpeg needs \d+ bytes .* more than the 300 asked for"):
        encode_to_size("jpeg", photo, 300)
    for target in (0, -5, 12.5, True):
        with pytest.raises(OptionError, match="target_bytes"):
            encode_to_size("jpeg", photo, target)  # type: ignore[arg-type]
    for bits_per_pixel in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(OptionError, match="bits_per_pixel"):
            encode_to_bpp("jpeg", photo, bits_per_pixel)


def search(curve: list[int], target: int) -> tuple[int | None, int]:
    """(Largest size found that fits, levels tried) for these sizes by level."""
    sizes: dict[int, int] = {}
    while (level := next_level(sizes, len(curve) - 1, target)) is not None:
        assert level not in sizes
        sizes[level] = curve[level]
    return max((size for size in sizes.values() if size <= target), default=None), len(sizes)


@given(
    st.lists(st.integers(1, 10**7), min_size=1, max_size=300),
    st.integers(1, 10**7),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_search_ends_on_any_sizes(curve: list[int], target: int, ordered: bool) -> None:
    curve = sorted(curve) if ordered else curve
    found, tried = search(curve, target)
    assert found is not None or curve[0] > target
    fitting = [size for size in curve if size <= target]
    if ordered and fitting:
        assert found is not None
        assert found >= min(max(fitting), baselines.CLOSE_ENOUGH * target)
    assert tried <= len(curve)


@pytest.mark.parametrize("levels", [64, 100, 4097])
@pytest.mark.parametrize("bend", [0.5, 1.0, 2.0, 6.0])
def test_the_search_is_short_on_curves_like_those_of_codecs(levels: int, bend: float) -> None:
    share = np.linspace(0, 1, levels)
    curve = [int(size) for size in 2000 * np.exp(5 * share**bend)]
    for target in np.geomspace(2100, 280_000, 25):
        assert search(curve, int(target))[1] <= 5 + math.log2(levels)


@pytest.mark.parametrize("cliff", [1, 700, 2048, 4000])
def test_the_search_is_short_on_a_cliff(cliff: int) -> None:
    curve = [1000 + level if level < cliff else 10**8 + level for level in range(4097)]
    for target in (999 + cliff, 10**6, 10**8 - 1):
        found, tried = search(curve, target)
        assert found is not None
        assert found >= baselines.CLOSE_ENOUGH * (999 + cliff)
        assert tried <= 40


def test_the_avif_grid_leaves_out_only_what_gives_the_same_file() -> None:
    needs("avif")
    noise = np.random.default_rng(1).integers(0, 256, (8, 8, 1), dtype=np.uint8)
    left_out = sorted(set(range(101)) - set(CODECS["avif"].grid))
    assert len(left_out) == 37
    for quality in left_out[::4]:
        assert encode_at("avif", noise, quality).data == encode_at("avif", noise, quality - 1).data


def test_an_unknown_or_missing_codec_says_so(
    monkeypatch: pytest.MonkeyPatch, small: np.ndarray
) -> None:
    with pytest.raises(OptionError, match="unknown codec 'bpg'; known: jpeg, "):
        encode_at("bpg", small, 50)
    monkeypatch.setattr(codecs.features, "check", lambda feature: feature != "avif")
    assert "without avif" in str(codecs.available_codecs()["avif"])
    with pytest.raises(OptionError, match="avif is not available: this Pillow is built without"):
        encode_at("avif", small, 50)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert "imagecodecs is not installed: pip" in str(codecs.available_codecs()["jpegxl"])
    assert codecs.available_codecs()["webp"] == MISSING["webp"]
    assert "libjxl" not in codecs.library_versions()


def test_neither_torch_nor_the_codecs_load_with_the_module() -> None:
    code = (
        "import sys, inrcodec.metrics.references.baselines, inrcodec.metrics.curves.bd;"
        "sys.exit(str({'torch', 'imagecodecs', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "set()"


def test_two_files_stand_around_a_size_that_a_codec_does_not_make(photo: np.ndarray) -> None:
    coarse = replace(CODECS["jpeg"], grid=(5, 30, 60, 90))
    sizes = [len(coarse.encode(photo, quality)) for quality in coarse.grid]
    wanted = (sizes[1] + sizes[2]) // 2
    below, above = encode_around_size(coarse, photo, wanted)
    assert (below.size_bytes, above.size_bytes) == (sizes[1], sizes[2])
    assert encode_to_size(coarse, photo, wanted).data == below.data
    for near in (sizes[2] + 3, sizes[2], sizes[2] - 3):
        [one] = encode_around_size(coarse, photo, near)
        assert one.size_bytes == sizes[2]
    [largest] = encode_around_size(coarse, photo, 3 * sizes[-1])
    assert largest.size_bytes == sizes[-1]
    with pytest.raises(RateError, match="more than the 20 asked for"):
        encode_around_size(coarse, photo, 20)
