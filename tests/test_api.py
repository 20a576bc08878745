import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inrcodec
import inrcodec.pillow
from inrcodec.errors import InrCodecError, OptionError, RateError, RateWarning
from inrcodec.pixels import Picture, psnr


def test_a_photo_round_trips_at_the_rate_asked_for(photo: np.ndarray, photo_file: bytes) -> None:
    about = inrcodec.info(photo_file)
    assert 0.95 < about.bits_per_pixel <= 1.0
    assert psnr(photo, inrcodec.decode(photo_file)) > 24
    assert about.parameters * 2 > 2.5 * len(photo_file)  # against raw float16


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_kind_of_picture_round_trips(small: np.ndarray, dtype: type, channels: int) -> None:
    kept = np.concatenate([small, small[:, :, :1]], 2)[:, :, :channels]
    kept = kept.astype(dtype) * (257 if dtype == np.uint16 else 1)
    back = inrcodec.decode(inrcodec.encode(kept, target_size=900, effort=1, model="pe-siren"))
    assert back.dtype == dtype
    assert back.shape == kept.shape
    assert psnr(kept, back) > 30


@pytest.mark.parametrize("shape", [(1, 1), (1, 99), (99, 1), (2, 2), (17, 13)])
def test_odd_shapes_round_trip(shape: tuple[int, int]) -> None:
    flat = np.full((*shape, 3), (200, 30, 90), np.uint8)
    back = inrcodec.decode(inrcodec.encode(flat, effort=1, threads=1))
    assert np.abs(back.astype(int) - flat).max() <= 6


def test_the_example_of_the_readme_runs(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = Path(__file__).parents[1] / "README.md"
    example = readme.read_text().split("```python")[1].split("```")[0]
    Image.fromarray(photo).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    inrcodec.save("photo.png", "photo.inr", effort=0)
    names: dict = {}
    quick = example.replace("bpp=0.3", "bpp=2, effort=1").replace("quality=60", "effort=0")
    assert quick.count("effort=") == 2
    exec(quick, names)
    assert names["large"].shape == (200, 300, 3)
    assert inrcodec.info((tmp_path / "again.inr").read_bytes()).complete


def test_metadata_travels(small_file: bytes) -> None:
    picture = inrcodec.decode_picture(small_file)
    assert picture.icc == b"profile" * 40
    assert picture.xmp == b"<x:xmpmeta/>"
    assert inrcodec.info(small_file).metadata == ("icc", "xmp")


@pytest.mark.parametrize("target", [120, 300, 1000, 4000])
def test_a_target_size_is_met_within_five_percent(photo: np.ndarray, target: int) -> None:
    size = len(inrcodec.encode(photo, target_size=target, effort=1, model="pe-siren"))
    assert 0.95 * target - 4 <= size <= target


def test_quality_and_effort_order_their_results(photo: np.ndarray) -> None:
    sizes = [
        len(inrcodec.encode(photo, quality=q, effort=1, model="pe-siren")) for q in (20, 60, 90)
    ]
    assert sizes == sorted(sizes)
    errors = []
    for effort in (1, 3):
        data = inrcodec.encode(photo, bpp=1.0, effort=effort, model="pe-siren")
        errors.append(psnr(photo, inrcodec.decode(data)))
    assert errors[1] > errors[0] + 0.5


@pytest.mark.slow
def test_the_positional_encoding_is_the_better_default(photo: np.ndarray) -> None:
    scores = [
        psnr(photo, inrcodec.decode(inrcodec.encode(photo, bpp=1.0, effort=3, model=m, threads=1)))
        for m in ("siren", "pe-siren")
    ]
    assert scores[1] > scores[0]


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 0},
        {"quality": 101},
        {"quality": 50.5},
        {"quality": True},
        {"bpp": -1},
        {"bpp": float("nan")},
        {"bpp": 0.3, "quality": 50},
        {"target_size": 0},
        {"effort": 10},
        {"time_limit": 0},
        {"time_limit": "long"},
        {"seed": -1},
        {"threads": 0},
        {"model": "vgg"},
        {"device": "abacus"},
        {"colour": "blue"},
    ],
)
def test_bad_options_are_refused(small: np.ndarray, options: dict) -> None:
    with pytest.raises(OptionError):
        inrcodec.encode(small, **options)


def test_an_impossible_size_is_refused_with_the_smallest_possible(small: np.ndarray) -> None:
    with pytest.raises(RateError, match=r"smallest .* of this image has \d+"):
        inrcodec.encode(small, target_size=40, model="pe-siren")
    picture = Picture(small, icc=np.random.default_rng(0).bytes(500))
    with pytest.raises(RateError, match="metadata"):
        inrcodec.encode(picture, target_size=300, model="pe-siren")
    assert len(inrcodec.encode(small, target_size=90, effort=1, model="pe-siren")) <= 90


def test_a_size_beyond_use_gives_a_smaller_file_and_a_warning() -> None:
    flat = np.full((16, 16, 3), 90, np.uint8)
    with pytest.warns(RateWarning, match="asked for"):
        data = inrcodec.encode(flat, target_size=3000, effort=1, model="pe-siren")
    assert len(data) < 2850
    assert np.abs(inrcodec.decode(data).astype(int) - 90).max() <= 1


@pytest.mark.parametrize("target", [90, 127, 160, 5000, 16400, 240000, 5000000])
@pytest.mark.parametrize("size", [(40, 30), (4000, 3000)])
def test_a_full_payload_never_exceeds_the_target(target: int, size: tuple[int, int]) -> None:
    from inrcodec.codec.fitting.networks.encoder import Choice
    from inrcodec.codec.fitting.plan import plan_of
    from inrcodec.codec.format import bitstream
    from inrcodec.codec.options import EncodeOptions

    profile = b"i" * 5000 if target > 400 else None
    picture = Picture(np.zeros((size[1], size[0], 3), np.uint8), icc=profile)
    plan = plan_of(EncodeOptions(target_size=target, model="pe-siren"), picture)
    choice = Choice.of(picture, plan)
    parameters = bitstream.Kind.PARAMETERS, bytes(choice.payload_bytes)
    file = bitstream.write(choice.header, [parameters], plan.metadata)
    assert target - 2 <= len(file) <= target


def test_pillow_keeps_metadata_given_to_save(small: np.ndarray) -> None:
    inrcodec.pillow.register_opener()
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "maker"
    Image.fromarray(small).save(out, "INR", effort=1, exif=exif, icc_profile=b"profile")
    assert inrcodec.info(out.getvalue()).metadata == ("icc", "exif")


def test_pillow_opens_and_saves(small: np.ndarray, small_file: bytes, tmp_path) -> None:
    inrcodec.pillow.register_opener()
    with Image.open(io.BytesIO(small_file)) as image:
        assert (image.format, image.size, image.mode) == ("INR", (32, 24), "RGB")
        assert image.info["icc_profile"] == b"profile" * 40
        assert (np.asarray(image) == inrcodec.decode(small_file)).all()
    path = tmp_path / "x.inr"
    Image.fromarray(small).save(path, quality=60, effort=1)
    with Image.open(path) as image:
        assert psnr(small, np.asarray(image)) > 20
    deep = inrcodec.encode(small[:, :, :1].astype(np.uint16) * 257, effort=1)
    with Image.open(io.BytesIO(deep)) as image:
        assert image.mode == "I;16"
        assert (np.asarray(image) == inrcodec.decode(deep)[:, :, 0]).all()
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(small_file[:20]))
    with Image.open(io.BytesIO(small_file[:200])) as image, pytest.raises(OSError, match="section"):
        image.load()


def test_importing_the_package_stays_light() -> None:
    code = "import inrcodec, sys; print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_error_is_one_family() -> None:
    import inrcodec.errors as errors

    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)]
    raised = [k for k in kinds if not issubclass(k, Warning)]
    assert len(raised) >= 8
    assert all(issubclass(k, InrCodecError) for k in raised)
