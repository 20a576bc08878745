"""Sound and clips through the command: encode, decode, info, compare, robustness, and refusals."""

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture
from inrcodec.signals.records import Sound
from inrcodec.signals.wav import read_sound, wav_bytes
from tests.signal_vectors import disc, tones

VECTORS = Path(__file__).parents[1] / "vectors" / "signals"
QUICK = ("-e", "1", "--threads", "1")


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    path.write_bytes(wav_bytes(Sound(tones(400, 8000).samples[:, :1], 8000)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(disc(4, 12).frames):
        (tmp_path / "frames" / f"{number}.png").write_bytes(image_bytes(Picture(frame)))
    return tmp_path / "frames"


def test_a_wav_file_there_and_back(run, speech: Path, tmp_path: Path) -> None:
    code, out, told = run("encode", speech, "--target-size", "500", "--json", *QUICK)
    assert code == 0, told
    report = json.loads(out)
    assert (report["kind"], report["samples"], report["rate"]) == ("sound", 400, 8000)
    assert report["snr_db"] > 10
    coded = speech.with_suffix(".inr")
    code, out, _ = run("info", coded)
    assert b"0.05 s of sound, 400 mono samples at 8000 Hz, 16 bit" in out
    back = tmp_path / "back.wav"
    code, _, told = run("decode", coded, "-o", back, "--rate", "16000")
    assert code == 0, told
    with wave.open(str(back)) as file:
        assert (file.getframerate(), file.getnframes(), file.getsampwidth()) == (16000, 800, 2)
    speech.unlink()
    assert run("decode", coded)[0] == 0  # the name it had
    assert read_sound(speech).samples.shape == (400, 1)
    assert run("decode", coded, "-o", tmp_path / "x.png")[0] == 2
    assert run("decode", coded, "-o", tmp_path / "y.wav", "--scale", "2")[0] == 2


def test_frames_there_and_back(run, folder: Path, tmp_path: Path) -> None:
    coded = tmp_path / "clip.inr"
    rate = ("--fps", "30000/1001", "--target-size", "400", "--json")
    code, out, told = run("encode", folder, "--video", *rate, "-o", coded, *QUICK)
    assert code == 0, told
    report = json.loads(out)
    assert (report["kind"], report["frames"], report["width"]) == ("clip", 4, 12)
    assert report["psnr_db"] > 15
    assert b"a clip of 4 frames of 12 x 12 RGB, 29.97 a second" in run("info", coded)[1]
    (tmp_path / "out").mkdir()
    code, _, told = run("decode", coded, "-o", tmp_path / "out" / "f%02d.png", "--frames", "3")
    assert code == 0, told
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["f01.png", "f02.png", "f03.png"]
    code, _, told = run("decode", coded, "-o", tmp_path / "out" / "f%02d.png")
    assert code == 1
    assert "f01.png: exists already" in told
    code, _, told = run("decode", coded, "-o", tmp_path / "clip.gif", "--scale", "2")
    assert code == 0, told
    with Image.open(tmp_path / "clip.gif") as image:
        assert (image.size, image.n_frames) == ((24, 24), 4)
    code, _, told = run("decode", coded, "-o", tmp_path / "clip.jpg")
    assert (code, len(told.splitlines())) == (2, 1)
    assert "holds no animation" in told


def test_an_animation_is_a_clip_and_several_images_need_a_name(
    run, folder: Path, tmp_path: Path
) -> None:
    images = [Image.open(path) for path in sorted(folder.iterdir())]
    gif = tmp_path / "turning.gif"
    images[0].save(gif, save_all=True, append_images=images[1:], duration=100)
    size = ("--video", "--target-size", "400", *QUICK)
    assert run("encode", gif, *size)[0] == 0
    about = inrcodec.info(gif.with_suffix(".inr"))
    assert (about.frames, about.rate) == (4, 10)
    code, _, told = run("encode", *sorted(folder.iterdir()), *size)
    assert code == 2
    assert "several frames make one clip" in told


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("empty.wav",), "empty.wav: the sound is empty: 0 samples"),
        (("odd", "--video"), "frames of a clip are of one size"),
        (("none", "--video"), "none: the clip is empty"),
        (("odd/0.png", "--video"), "a clip is a folder of frames or an animation"),
        (("odd", "--video", "--fps", "fast"), "a rate looks like 25"),
        (("odd", "--fps", "25"), "--fps is for --video"),
        (("odd", "--video", "--jobs", "2"), "are not for --video"),
        (("odd", "--video", "--model", "wire"), "is for images; a clip takes"),
        (("odd", "--video", "--model", "coolchic"), "is for images; a clip takes"),
    ],
)
def test_bad_input_is_one_line(
    run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.wav").write_bytes(wav_bytes(Sound(np.zeros((1, 1), np.int16), 8000))[:-2])
    data = bytearray(Path("empty.wav").read_bytes())
    data[40:44] = bytes(4)
    Path("empty.wav").write_bytes(data)
    folder.rename("odd")
    Path("none").mkdir()
    if "--model" not in words:
        Path("odd/2.png").write_bytes(image_bytes(Picture(np.zeros((5, 7, 3), np.uint8))))
    code, _, told = run("encode", *words, "-o", "out.inr", *QUICK)
    assert code in (1, 2)
    assert len(told.splitlines()) == 1, told
    assert reason in told
    assert not Path("out.inr").exists()


def test_compare_measures_sound_and_clips(run, tmp_path: Path) -> None:
    original = tmp_path / "tones.wav"
    original.write_bytes(wav_bytes(tones(900, 8000)))
    code, out, told = run("compare", original, VECTORS / "sound-fitted.inr", "--json")
    assert code == 0, told
    found = json.loads(out)["metrics"]
    assert list(found) == ["snr", "psnr"]
    assert 0 < found["snr"] < found["psnr"]
    frames = tmp_path / "frames"
    frames.mkdir()
    for number, frame in enumerate(disc(6, 16).frames):
        (frames / f"{number}.png").write_bytes(image_bytes(Picture(frame)))
    code, out, _ = run("compare", frames, VECTORS / "clip-fitted.inr")
    assert code == 0
    assert out.split()[0] == b"psnr"
    assert run("compare", original, VECTORS / "clip-fitted.inr")[0] == 1
    code, _, told = run("compare", original, original, "--metrics", "ssim")
    assert code == 2
    assert "by psnr and snr" in told


def test_damage_of_sound_and_of_a_clip(run, tmp_path: Path) -> None:
    original = tmp_path / "tones.wav"
    original.write_bytes(wav_bytes(tones(900, 8000)))
    words = ("--damage", "gaussian=0.0001,0.01", "--damage", "bits=0.001", "--seeds", "2", "--json")
    code, out, told = run("robustness", VECTORS / "sound-fitted.inr", "-r", original, *words)
    assert code == 0, told
    (file,) = json.loads(out)["files"]
    means = [outcome["mean"] for outcome in file["outcomes"]]
    assert file["undamaged"]["psnr"] > means[0] > means[1]
    animation = tmp_path / "disc.png"
    images = [Image.fromarray(frame) for frame in disc(6, 16).frames]
    images[0].save(animation, save_all=True, append_images=images[1:], duration=100)
    code, out, told = run("robustness", VECTORS / "clip-fitted.inr", "-r", animation, *words)
    assert code == 0, told
    code, _, told = run("robustness", VECTORS / "clip-fitted.inr", "-r", original, *words)
    assert code != 0
    assert "differ in size" in told
    metrics = ("--metrics", "ssim")
    assert run("robustness", VECTORS / "sound-fitted.inr", "-r", original, *metrics)[0] == 2


def test_a_prefix_of_layers_decodes_and_others_are_refused(run, tmp_path: Path) -> None:
    whole = (VECTORS / "clip-spinr.inr").read_bytes()
    cut = tmp_path / "cut.inr"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    code, _, told = run("decode", cut, "-o", tmp_path / "cut.png")
    assert code == 0
    assert "the clip is coarse: layers" in told
    plain = (VECTORS / "sound-siren.inr").read_bytes()
    cut.write_bytes(plain[: len(plain) // 2])
    code, _, told = run("decode", cut, "-o", tmp_path / "cut.wav")
    assert code == 3
    assert len(told.splitlines()) == 1


def test_readers_of_images_refuse_with_a_reason(run, tmp_path: Path) -> None:
    sound = VECTORS / "sound-siren.inr"
    image = tmp_path / "a.png"
    image.write_bytes(image_bytes(Picture(np.zeros((8, 8, 3), np.uint8))))
    coded = tmp_path / "b.inr"
    coded.write_bytes((VECTORS.parent / "valid" / "wide.inr").read_bytes())
    code, _, told = run("report", image, sound, "-o", tmp_path / "report.html")
    assert code != 0
    assert "a file of sound, not of an image" in told
    for option in ("--rate", "--frames"):
        code, _, told = run("decode", coded, option, "5")
        assert code == 2
        assert f"{option} is not for a file of an image" in told


def test_pillow_and_a_receiver_refuse_with_a_reason() -> None:
    from inrcodec import pillow
    from inrcodec.errors import KindError
    from inrcodec.streaming.decoding import check_head, limits_of

    pillow.register_opener()
    data = (VECTORS / "clip-siren.inr").read_bytes()
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(data))
    with pytest.raises(KindError, match="a file of a clip, not of an image"):
        check_head(data[:200], limits_of(None, None))
