"""What a PNG file says of its colours without a profile becomes one; sRGB needs none."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms

from inrcodec.errors import ImageWarning
from inrcodec.images import avif, colour
from inrcodec.images.png import HEADER_BYTES, chunk
from inrcodec.images.reading import as_picture, read_image
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture
from tests.images.made import RAMP, saved

RGB = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], 2) * 4
P3_D50 = [[0.5151, 0.2412, -0.0011], [0.2920, 0.6922, 0.0419], [0.1571, 0.0666, 0.7841]]
"""Red, green and blue of Display P3, adapted to D50 (its profile as Apple ships it)."""


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100000))


def flat(primaries: colour.Primaries) -> tuple[bytes, bytes]:
    values = [round(each * 100000) for point in primaries for each in point]
    return b"cHRM", struct.pack(">8I", *values)


def png(*chunks: tuple[bytes, bytes], samples: np.ndarray = RGB) -> bytes:
    whole = saved(Image.fromarray(samples))
    return whole[:HEADER_BYTES] + b"".join(chunk(*each) for each in chunks) + whole[HEADER_BYTES:]


def to_srgb(value: tuple[int, ...] | int, profile: bytes) -> np.ndarray:
    """A colour as lcms shows it."""
    mode = "L" if isinstance(value, int) else "RGB"
    image = Image.new(mode, (1, 1), value)
    shown = ImageCms.profileToProfile(
        image,
        io.BytesIO(profile),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    assert shown is not None
    return np.asarray(shown)[0, 0].astype(int)


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        [(b"sRGB", b"\0")],
        [(b"sRGB", b"\0"), gamma(1.0), flat(colour.P3)],
        [gamma(0.45455)],
        [gamma(0.45455), flat(colour.SRGB)],
        [flat(colour.SRGB)],
        [(b"cICP", b"\1\x0d\0\1")],
    ],
)
def test_srgb_needs_no_profile(chunks: list) -> None:
    picture = read_image(png(*chunks))
    assert picture.icc is None
    assert (picture.pixels == RGB).all()


def test_a_profile_goes_before_gamma_and_primaries() -> None:
    image = Image.fromarray(RGB)
    whole = saved(image, icc_profile=b"p" * 300)
    data = whole[:HEADER_BYTES] + chunk(*gamma(1.0)) + whole[HEADER_BYTES:]
    assert read_image(data).icc == b"p" * 300
    codes = chunk(b"cICP", b"\x0c\x0d\0\1")
    with pytest.warns(ImageWarning, match="cICP goes before it"):
        picture = read_image(whole[:HEADER_BYTES] + codes + whole[HEADER_BYTES:])
    assert picture.icc is not None
    assert colour.codes_of(picture.icc) == b"\x0c\x0d\0\1"


def test_gamma_is_kept() -> None:
    linear = read_image(png(gamma(1.0))).icc
    assert linear is not None
    assert to_srgb((128, 0, 255), linear) == pytest.approx([188, 0, 255], abs=1)
    assert to_srgb((128, 128, 128), linear) == pytest.approx([188] * 3, abs=1)
    gray = read_image(png(gamma(1.0), samples=RAMP)).icc
    assert gray is not None
    assert to_srgb(128, gray) == pytest.approx([188] * 3, abs=1)
    other = read_image(png(gamma(1 / 1.8))).icc
    assert other is not None
    shown = 255 * (1.055 * ((100 / 255) ** 1.8) ** (1 / 2.4) - 0.055)
    assert to_srgb((100, 100, 100), other) == pytest.approx([shown] * 3, abs=1)


def tag(profile: bytes, name: bytes) -> bytes:
    for at in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        signature, offset, size = struct.unpack_from(">4sII", profile, at)
        if signature == name:
            return profile[offset : offset + size]
    raise KeyError(name)


@pytest.mark.parametrize(
    "chunks", [[gamma(0.45455), flat(colour.P3)], [flat(colour.P3)], [(b"cICP", b"\x0c\x0d\0\1")]]
)
def test_primaries_are_kept(chunks: list) -> None:
    profile = read_image(png(*chunks)).icc
    assert profile is not None
    assert len(profile) == int.from_bytes(profile[:4], "big")
    for name, expected in zip((b"rXYZ", b"gXYZ", b"bXYZ"), P3_D50, strict=True):
        values = np.frombuffer(tag(profile, name)[8:], ">i4") / 65536
        assert values == pytest.approx(expected, abs=2e-4)
    assert to_srgb((200, 200, 200), profile) == pytest.approx([200] * 3, abs=1)
    assert to_srgb((255, 100, 100), profile)[1] < 95  # P3's red lies beyond that of sRGB


@pytest.mark.parametrize("primaries", sorted(colour.PRIMARIES))
@pytest.mark.parametrize("transfer", sorted(colour.CURVES))
def test_codes_make_profiles_that_others_take_and_png_keeps(primaries: int, transfer: int) -> None:
    codes = bytes([primaries, transfer, 0, 1])
    picture = read_image(png((b"cICP", codes)))
    if codes[:2] == b"\1\x0d":
        return
    assert picture.icc is not None
    assert colour.codes_of(picture.icc) == codes
    opened = ImageCms.ImageCmsProfile(io.BytesIO(picture.icc))
    assert "cICP" in ImageCms.getProfileDescription(opened)
    assert to_srgb((255, 255, 255), picture.icc) == pytest.approx([255] * 3, abs=1)
    assert to_srgb((0, 0, 0), picture.icc) == pytest.approx([0] * 3, abs=1)
    written = image_bytes(picture)
    assert chunk(b"cICP", codes) in written
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(written).icc == picture.icc


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("codes", [(12, 13), (9, 16), (1, 13), (2, 2), (9, 18)])
def test_codes_of_avif_are_kept(codes: tuple[int, int], alpha: bool) -> None:
    import imagecodecs

    samples = np.tile(RGB, (4, 4, 1))
    samples = np.concatenate([samples, samples[:, :, :1]], 2) if alpha else samples
    primaries, transfer = codes
    data = imagecodecs.avif_encode(samples, level=100, primaries=primaries, transfer=transfer)
    picture = read_image(data)
    assert picture.pixels.shape == samples.shape
    if codes in ((1, 13), (2, 2)):
        assert picture.icc is None
    else:
        assert picture.icc is not None
        assert colour.codes_of(picture.icc) == bytes([*codes, 0, 1])


def test_boxes_that_are_none_say_nothing() -> None:
    whole = saved(Image.fromarray(RGB), "AVIF")
    for end in range(0, len(whole), 3):
        assert avif.codes_of(whole[:end]) in (None, b"\x01\x0d\0\1")
    random = np.random.default_rng(0)
    for _ in range(2000):
        mutated = bytearray(whole)
        for at in random.integers(0, min(300, len(whole)), 3):
            mutated[at] = random.integers(256)
        avif.codes_of(bytes(mutated))


def test_curves_are_those_of_their_standards() -> None:
    pq = np.frombuffer(colour.CURVES[16][12:], ">u2") / 65535
    assert pq[round(0.5081 * 1023)] == pytest.approx(0.01, rel=0.02)  # 100 of 10,000 cd/m2
    hlg = np.frombuffer(colour.CURVES[18][12:], ">u2") / 65535
    assert hlg[round(0.5 * 1023)] == pytest.approx(1 / 12, rel=0.02)


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ([(b"cICP", b"\x63\x0d\0\1")], "cICP"),
        ([(b"cICP", b"\1\x63\0\1")], "cICP"),
        ([(b"cICP", b"\x0c\x0d\0\0")], "cICP"),
        ([(b"cICP", b"\x0c\x0d\0")], "CICP block is damaged"),
        ([gamma(0)], "gAMA"),
        ([flat(((0.3, 0), (0.6, 0.3), (0.3, 0.6), (0.1, 0.1)))], "cHRM"),
        ([flat(((0.3, 0.3), (0.6, 0.3), (0.6, 0.3), (0.6, 0.3)))], "cHRM"),
        ([(b"cHRM", b"\xff" * 32)], "cHRM"),
    ],
)
def test_what_cannot_be_kept_is_said(chunks: list, reason: str) -> None:
    with pytest.warns(ImageWarning, match=f"{reason}.*dropped"):
        picture = read_image(png(*chunks))
    assert picture.icc is None
    assert (picture.pixels == RGB).all()


def test_images_of_pillow_keep_them_too() -> None:
    for chunks in ([gamma(1.0)], [gamma(0.45455), flat(colour.P3)]):
        with Image.open(io.BytesIO(png(*chunks))) as image:
            assert as_picture(image).icc == read_image(png(*chunks)).icc


@pytest.mark.parametrize("profile", [b"", b"p" * 90, b"\xff" * 200, b"\0" * 140])
def test_profiles_that_are_none_have_no_codes(profile: bytes) -> None:
    assert colour.codes_of(profile) is None
    assert read_image(image_bytes(Picture(RGB, icc=profile or None))).icc == (profile or None)
