"""Clips: folders, patterns, lists and animations in, frames and animations out."""

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inrcodec.errors import ImageError, ImageWarning, OptionError
from inrcodec.images.clips import animation_bytes, durations_ms, frames_of, read_clip
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture
from inrcodec.signals.records import Clip
from tests.images.made import saved

FRAMES = np.random.default_rng(0).integers(0, 256, (4, 9, 12, 3)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, frame in enumerate(FRAMES):
        (tmp_path / f"frame-{number}.png").write_bytes(image_bytes(Picture(frame)))
    (tmp_path / "notes.txt").write_text("no frame")
    return tmp_path


def test_a_folder_a_pattern_and_a_list_are_the_same_clip(folder: Path) -> None:
    paths = sorted(folder.glob("*.png"))
    for source in (folder, str(folder / "*.png"), paths):
        clip = read_clip(source)
        np.testing.assert_array_equal(clip.frames, FRAMES)
        assert clip.rate == 25
    np.testing.assert_array_equal(read_clip(paths[::-1]).frames, FRAMES[::-1])
    assert read_clip(folder, "30000/1001").rate == Fraction(30000, 1001)


def test_frames_of_16_bit_and_their_profile_are_kept(tmp_path: Path) -> None:
    deep = FRAMES.astype(np.uint16) * 257 + 1
    for number, frame in enumerate(deep):
        (tmp_path / f"{number}.png").write_bytes(image_bytes(Picture(frame, icc=b"profile")))
    clip = read_clip(tmp_path)
    np.testing.assert_array_equal(clip.frames, deep)
    assert clip.icc == b"profile"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_without_loss_come_back(kind: str) -> None:
    clip = Clip(FRAMES, Fraction(10))
    again = read_clip(animation_bytes(clip, kind))
    np.testing.assert_array_equal(again.frames, FRAMES)
    assert again.rate == 10


def test_a_gif_and_gray_and_transparent_frames_come_back() -> None:
    gray = FRAMES[..., :1]
    clip = read_clip(animation_bytes(Clip(gray, Fraction(10)), "GIF"))
    np.testing.assert_array_equal(clip.frames, gray)
    clear = np.concatenate([FRAMES, FRAMES[..., :1] | 1], 3)
    again = read_clip(animation_bytes(Clip(clear, Fraction(50)), "WEBP"))
    np.testing.assert_array_equal(again.frames[..., 3], clear[..., 3])
    assert again.rate == 50


def test_durations_sum_up() -> None:
    assert list(durations_ms(4, Fraction(25))) == [40] * 4
    many = list(durations_ms(60, Fraction(60)))
    assert sum(many) == 1000
    assert set(many) == {16, 17}
    assert list(durations_ms(2, Fraction(5000))) == [1, 1]


def test_frames_of_different_durations_have_their_mean_rate() -> None:
    images = [Image.fromarray(frame) for frame in FRAMES]
    data = saved(
        images[0], "PNG", save_all=True, append_images=images[1:], duration=[50, 150, 100, 100]
    )
    with pytest.warns(ImageWarning, match="different durations"):
        assert read_clip(data).rate == 10


def test_frames_of_mixed_sizes_are_refused_in_a_line_that_names_both(folder: Path) -> None:
    odd = folder / "frame-2.png"
    odd.write_bytes(image_bytes(Picture(FRAMES[0, :5])))
    with pytest.raises(ImageError, match="frames of a clip are of one size") as told:
        read_clip(folder)
    assert str(told.value).startswith(f"{odd}: ")
    assert "12 x 5 RGB" in str(told.value)
    assert "frame-0.png has 12 x 9 RGB" in str(told.value)
    odd.write_bytes(image_bytes(Picture(FRAMES[0].astype(np.uint16))))
    with pytest.raises(ImageError, match="16 bit"):
        read_clip(folder)


@pytest.mark.parametrize("source", ["empty", "empty/*.png", []])
def test_no_frames_are_refused(tmp_path: Path, source: object) -> None:
    (tmp_path / "empty").mkdir()
    given = str(tmp_path / source) if isinstance(source, str) else source
    with pytest.raises(ImageError, match="no images"):
        read_clip(given)


def test_a_still_image_and_garbage_are_no_clip(tmp_path: Path) -> None:
    for data in (image_bytes(Picture(FRAMES[0])), saved(Image.fromarray(FRAMES[0]), "JPEG")):
        with pytest.raises(ImageError, match="an animation"):
            read_clip(data)
    whole = animation_bytes(Clip(FRAMES, Fraction(10)), "WEBP")
    for data in (b"", b"GIF89a", whole[: len(whole) // 2]):
        with pytest.raises(ImageError):
            read_clip(data)
    with pytest.raises(ImageError, match="cannot be read"):
        read_clip(tmp_path / "gone.gif")


@pytest.mark.parametrize("rate", [0, -1, "fast", "1/0", 1 << 25, float("nan"), float("inf")])
def test_rates_that_are_none_are_refused(folder: Path, rate: object) -> None:
    with pytest.raises(OptionError, match="rate"):
        read_clip(folder, rate)


def test_what_holds_no_animation_is_refused() -> None:
    with pytest.raises(OptionError, match="JPEG holds no animation"):
        animation_bytes(Clip(FRAMES, Fraction(10)), "JPEG")
    with pytest.raises(OptionError, match="8 bit"):
        animation_bytes(Clip(FRAMES.astype(np.uint16), Fraction(10)), "PNG")


def test_frames_are_images() -> None:
    clip = Clip(FRAMES, Fraction(10), icc=b"profile")
    found = list(frames_of(clip))
    assert [frame.icc for frame in found] == [b"profile"] * 4
    with Image.open(io.BytesIO(image_bytes(found[1]))) as image:
        np.testing.assert_array_equal(np.asarray(image), FRAMES[1])


@pytest.mark.parametrize("shape", [(0, 9, 12, 3), (4, 9, 12), (4, 9, 12, 5), (1 << 20, 2, 1, 1)])
def test_what_is_no_clip_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError):
        Clip(np.zeros(shape, np.uint8), Fraction(1))
