"""WAV files: every format that is read, what is refused, and what is written."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from inrcodec.errors import ImageError, ImageWarning
from inrcodec.signals.records import Sound
from inrcodec.signals.wav import FLOAT, as_sound, is_wav_name, read_sound, wav_bytes
from tests.wav_files import wav

SAMPLES = np.random.default_rng(0).integers(-32768, 32768, (50, 2)).astype(np.int16)


@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_written_is_read_the_same_here_and_by_python(channels: int) -> None:
    sound = Sound(SAMPLES[:, :channels], 22050)
    data = wav_bytes(sound)
    again = read_sound(data)
    assert again.rate == 22050
    np.testing.assert_array_equal(again.samples, sound.samples)
    with wave.open(io.BytesIO(data)) as file:
        found = (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes())
        assert found == (channels, 2, 22050, 50)
        assert file.readframes(50) == sound.samples.tobytes()


def test_a_file_of_pythons_writer_is_read() -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(SAMPLES.tobytes())
    np.testing.assert_array_equal(read_sound(out.getvalue()).samples, SAMPLES)


def test_every_format_becomes_16_bit() -> None:
    wide = SAMPLES.astype(np.int32)
    three = (wide << 8).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    halves = np.round(SAMPLES / 256 + 0.25).clip(-128, 127)
    cases = {
        "24 bit": wav(wide, bits=24, body=three),
        "32 bit": wav((wide << 16).astype("<i4")),
        "extensible": wav(SAMPLES, extensible=True),
        "float": wav((SAMPLES / 32768).astype("<f4"), code=FLOAT),
        "double": wav((SAMPLES / 32768).astype("<f8"), code=FLOAT),
        "with chunks before": wav(SAMPLES, before=b"LIST\x03\0\0\0abc\0"),
    }
    for name, data in cases.items():
        np.testing.assert_array_equal(read_sound(data).samples, SAMPLES, err_msg=name)
    eight = read_sound(wav((halves + 128).astype(np.uint8))).samples
    np.testing.assert_array_equal(eight, (halves * 256).astype(np.int16))


def test_floats_beyond_one_are_clipped_and_more_bits_are_rounded() -> None:
    loud = np.array([[2.0], [-3.0], [0.25]], "<f4")
    assert read_sound(wav(loud, code=FLOAT)).samples[:, 0].tolist() == [32767, -32768, 8192]
    fine = np.array([[0x7FFFFFFF], [0x00017FFF], [0x00018001]], "<i4")
    assert read_sound(wav(fine)).samples[:, 0].tolist() == [32767, 1, 2]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a WAV file"),
        (b"RIFF\0\0\0\0AVI LIST", "not a WAV file"),
        (b"RIFF\x04\0\0\0WAVE", "no samples: a chunk 'data' is missing"),
        (wav(SAMPLES[:0]), "the sound is empty: 0 samples"),
        (wav(np.zeros((9, 6), np.int16)), "6 channels; a file holds 1 or 2"),
        (wav(np.zeros((9, 0), np.int16)), "0 channels"),
        (wav(SAMPLES, code=6), "format 6 of 16 bit"),
        (wav(SAMPLES, bits=12), "format 1 of 12 bit"),
        (wav(SAMPLES, rate=0), "0 samples a second"),
        (wav(np.zeros(((1 << 20) + 1, 1), np.uint8)), "1048577 samples a channel; the limit"),
        (wav(np.full((3, 1), np.nan, "<f4"), code=FLOAT), "NaN"),
        (wav(SAMPLES).replace(b"fmt ", b"fmx "), "samples before their format"),
        (b"RIFF\x20\0\0\0WAVEfmt \x08\0\0\0" + bytes(8) + b"data\0\0\0\0", "has 8 bytes"),
    ],
)
def test_what_is_no_sound_is_refused_in_a_line(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason) as told:
        read_sound(data)
    assert "\n" not in str(told.value)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(wav(SAMPLES[:0]))
    with pytest.raises(ImageError, match=r"empty\.wav: the sound is empty"):
        read_sound(path)


def test_a_file_that_is_cut_short_is_read_as_far_as_it_goes() -> None:
    with pytest.warns(ImageWarning, match="49 samples a channel are there"):
        sound = read_sound(wav(SAMPLES)[:-3])
    np.testing.assert_array_equal(sound.samples, SAMPLES[:49])
    with pytest.warns(ImageWarning, match="cut short"):
        read_sound(wav(SAMPLES, size=0xFFFFFFFF))


def test_sound_is_told_from_images_by_name_or_content(tmp_path: Path) -> None:
    assert is_wav_name("A.WAV")
    assert is_wav_name(Path("a.wave"))
    assert not is_wav_name("a.png")
    assert not is_wav_name(b"a.wav")
    assert as_sound(b"\x89PNG") is None
    sound = as_sound(wav(SAMPLES))
    assert sound is not None
    assert as_sound(sound) is sound
    path = tmp_path / "a.wav"
    path.write_bytes(wav(SAMPLES))
    found = as_sound(str(path))
    assert found is not None
    assert found.rate == 8000
