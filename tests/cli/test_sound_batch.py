"""Folders of WAV files in one command, and folders in which sound is not alone."""

import json
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture
from inrcodec.signals.records import Sound
from inrcodec.signals.wav import read_sound, wav_bytes
from tests.signal_vectors import tones

QUICK = ("--time-limit", "0.4", "-q", "30", "--jobs", "1")
SAME = ("-e", "1", "-q", "30", "--jobs", "1")
"""Options that give a file in little time, and that give the same file every time."""
IMAGES = Path(__file__).parents[1] / "vectors" / "valid"


def write(path: Path, count: int, rate: int = 8000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_bytes(Sound(tones(count, rate).samples[:, :channels], rate)))


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three WAV files, one of them below, beside a text; this is where commands run."""
    monkeypatch.chdir(tmp_path)
    write(Path("recordings/a.wav"), 300)
    write(Path("recordings/b.WAV"), 200, 16000, channels=2)
    write(Path("recordings/below/c.wave"), 250)
    Path("recordings/notes.txt").write_text("notes")
    return tmp_path


def rows(out: bytes) -> dict[str, dict]:
    """The lines of JSON by input."""
    return {row["input"]: row for row in map(json.loads, out.splitlines())}


def test_a_folder_of_sound_there_and_back(run, recordings: Path) -> None:
    code, out, told = run("encode", "recordings", "-o", "coded", "-r", "--json", *QUICK)
    assert code == 0, told
    assert "3 files: 3 encoded, 1 of another kind left out" in told
    found = rows(out)
    assert set(found) == {"recordings/a.wav", "recordings/b.WAV", "recordings/below/c.wave"}
    stereo = found["recordings/b.WAV"]
    assert (stereo["state"], stereo["kind"], stereo["rate"]) == ("done", "sound", 16000)
    assert (stereo["samples"], stereo["channels"], stereo["model"]) == (200, 2, "pe-siren")
    data = Path("coded/b.inr").read_bytes()
    assert stereo["size_bytes"] == len(data)
    assert np.isfinite(stereo["snr_db"])
    code, out, told = run("decode", "coded", "-o", "back", "-r", "--jobs", "1", "--json")
    assert code == 0, told
    back = rows(out)["coded/below/c.inr"]
    assert (back["output"], back["samples"]) == ("back/below/c.wav", 250)
    sound = read_sound("back/b.wav")
    assert (sound.samples == inrcodec.decode_sound(data, threads=1).samples).all()


def test_a_file_is_that_of_a_single_encode_and_goes_on(run, recordings: Path) -> None:
    code, _, told = run("encode", "recordings", "-o", "coded", *SAME)
    assert code == 0, told
    assert "dB" in told
    one = (*SAME[:-2], "--threads", "1")
    assert run("encode", "recordings/a.wav", "-o", "one.inr", *one)[0] == 0
    assert Path("one.inr").read_bytes() == Path("coded/a.inr").read_bytes()
    write(Path("recordings/b.WAV"), 220)
    code, _, told = run("encode", "recordings", "-o", "coded", *SAME)
    assert code == 0, told
    assert "1 encoded, 1 done before" in told


def test_names_of_wav_files_with_a_folder_are_a_batch(run, recordings: Path) -> None:
    Path("coded").mkdir()
    names = ("recordings/a.wav", "recordings/b.WAV")
    code, _, told = run("encode", *names, "-o", "coded", *QUICK, "--model", "nif")
    assert code == 0, told
    assert inrcodec.info(Path("coded/a.inr")).model == "nif"
    code, _, told = run("encode", "recordings/*.wav", "-o", "coded2", *QUICK)
    assert code == 0, told
    assert [path.name for path in Path("coded2").glob("*.inr")] == ["a.inr"]


def test_a_bad_file_costs_no_other(run, recordings: Path) -> None:
    Path("recordings/bad.wav").write_bytes(b"RIFF....WAVEnothing")
    Path("recordings/picture.wav").write_bytes(image_bytes(Picture(np.zeros((8, 8, 3), np.uint8))))
    code, _, told = run("encode", "recordings", "-o", "coded", *QUICK)
    assert code == 1
    assert "4 files: 2 encoded, 2 failed" in told
    assert "recordings/bad.wav: the WAV file has no samples" in told
    assert "recordings/picture.wav: not a WAV file" in told


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("mixed",), "mixed/a.wav is sound and mixed/p.png an image: encode one kind at a time"),
        (("recordings/a.wav", "mixed/p.png"), "recordings/a.wav is sound and mixed/p.png an image"),
        (("silent",), "silent: no image or WAV file in this folder"),
        (("recordings", "--model", "coolchic"), "coolchic"),
        (("recordings", "--loss", "ms-ssim"), "sound takes the losses mse, l1, logcosh"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    run, recordings: Path, words: tuple[str, ...], reason: str
) -> None:
    write(Path("mixed/a.wav"), 50)
    Path("mixed/p.png").write_bytes(image_bytes(Picture(np.zeros((8, 8, 3), np.uint8))))
    Path("silent").mkdir()
    Path("coded").mkdir()
    code, _, told = run("encode", *words, "-o", "coded", *QUICK)
    assert code in (1, 2)
    assert reason in told
    assert not list(Path("coded").glob("*.inr"))
    if len(words) == 1:
        assert len(told.splitlines()) == 1


def test_images_and_sound_are_decoded_together(run, recordings: Path) -> None:
    Path("coded").mkdir(exist_ok=True)
    assert run("encode", "recordings/a.wav", "-o", "coded/a.inr", *QUICK[:-2])[0] == 0
    Path("coded/wide.inr").write_bytes((IMAGES / "wide.inr").read_bytes())
    code, _, told = run("decode", "coded", "-o", "back", "--jobs", "1")
    assert code == 0, told
    assert {path.name for path in Path("back").glob("[!.]*")} == {"a.wav", "wide.png"}
    code, _, told = run("decode", "coded", "-o", "fast", "--jobs", "1", "--rate", "16000")
    assert code == 2
    assert "coded/wide.inr: --rate is not for a file of an image" in told
    assert read_sound("fast/a.wav").rate == 16000
    code, _, told = run("decode", "coded", "-o", "large", "--jobs", "1", "--scale", "2")
    assert code == 2
    assert "coded/a.inr: --scale is not for a file of sound" in told
    for option in ("--rate", "--frames"):
        Path("coded/a.inr").unlink(missing_ok=True)
        code, _, told = run("decode", "coded", "-o", "other", option, "5")
        assert code == 2
        assert f"{option} is not for a file of an image" in told
        assert not Path("other").exists()
