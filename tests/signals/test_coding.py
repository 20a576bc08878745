"""Sound and clips through the codec: round trips, rates and sizes, prefixes, what is refused."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from benchmarks.networks.signals import ct
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.robust import backward_of
from inrcodec.codec.fitting.robust_options import Robust
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Kind
from inrcodec.codec.format.header import Family, Header
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.options.model_traits import ROBUST_STRENGTHS
from inrcodec.errors import (
    FormatError,
    KindError,
    LimitError,
    OptionError,
    PartialFileWarning,
    RateError,
    TruncatedError,
)
from inrcodec.images.reading import read_image
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture, psnr
from inrcodec.signals.records import Clip, Sound, Timing, snr
from inrcodec.signals.wav import wav_bytes
from tests.signal_vectors import disc, tones

QUICK = {"effort": 1, "threads": 1}


@pytest.fixture(scope="module")
def sound() -> Sound:
    return Sound(tones(1600, 8000).samples[:, :1], 8000)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return disc(8, 24)


@pytest.fixture(scope="module")
def sound_file(sound: Sound) -> bytes:
    return inrcodec.encode(sound, target_size=900, **QUICK)


@pytest.fixture(scope="module")
def clip_file(clip: Clip) -> bytes:
    return inrcodec.encode(clip, target_size=1500, **QUICK)


@pytest.fixture(scope="module")
def layered(clip: Clip) -> bytes:
    return inrcodec.encode(clip, target_size=2500, model="spinr", **QUICK)


def test_sound_comes_back(sound: Sound, sound_file: bytes) -> None:
    assert 850 < len(sound_file) <= 900
    decoded = inrcodec.decode_sound(sound_file)
    assert decoded.rate == 8000
    assert decoded.samples.shape == sound.samples.shape
    assert snr(sound.samples, decoded.samples) > 15
    about = inrcodec.info(sound_file)
    assert (about.kind, about.width, about.rate, about.frames) == ("sound", 1600, 8000.0, None)
    assert (about.colours, about.model) == ("mono", "pe-siren")
    assert about.bits_per_pixel == len(sound_file) * 8 / 1600


def test_stereo_comes_back_with_its_channels_apart() -> None:
    stereo = tones(1200, 8000)
    decoded = inrcodec.decode_sound(inrcodec.encode(stereo, target_size=1500, **QUICK))
    for channel in (0, 1):
        kept = [each.samples[:, channel : channel + 1] for each in (stereo, decoded)]
        assert snr(*kept) > 10
    silent = Sound(stereo.samples * np.int16([1, 0]), 8000)  # no alpha that hides the left one
    decoded = inrcodec.decode_sound(inrcodec.encode(silent, target_size=1500, **QUICK))
    assert snr(silent.samples, decoded.samples) > 10


@pytest.mark.parametrize("model", ["siren", "nif", "spinr"])
def test_other_networks_hold_sound(sound: Sound, model: str) -> None:
    data = inrcodec.encode(sound, target_size=1500, model=model, **QUICK)
    assert inrcodec.info(data).model == model
    assert snr(sound.samples, inrcodec.decode_sound(data).samples) > 5


def test_sound_at_other_rates_is_the_same_function(sound_file: bytes) -> None:
    native = inrcodec.decode_sound(sound_file).samples
    three = inrcodec.decode_sound(sound_file, rate=24000)
    assert three.rate == 24000
    assert three.samples.shape == (4800, 1)
    np.testing.assert_allclose(three.samples[1::3], native, atol=64)
    half = inrcodec.decode_sound(sound_file, rate=4000)
    assert half.samples.shape == (800, 1)
    means = native.reshape(800, 2).mean(1)
    assert np.abs(half.samples[:, 0] - means).mean() < 800
    with pytest.raises(OptionError, match="samples at this rate"):
        inrcodec.decode_sound(sound_file, rate=1 << 23)
    with pytest.raises(OptionError, match="rate"):
        inrcodec.decode_sound(sound_file, rate=0)


def test_a_clip_comes_back(clip: Clip, clip_file: bytes) -> None:
    decoded = inrcodec.decode_clip(clip_file)
    assert decoded.frames.shape == clip.frames.shape
    assert decoded.rate == 10
    assert psnr(clip.sheet, decoded.sheet) > 26
    about = inrcodec.info(clip_file)
    assert (about.kind, about.width, about.height, about.frames) == ("clip", 24, 24, 8)
    assert about.rate == 10
    assert about.bits_per_pixel == len(clip_file) * 8 / (24 * 24 * 8)


def test_the_frames_of_a_clip_are_in_order(clip: Clip, clip_file: bytes) -> None:
    decoded = inrcodec.decode_clip(clip_file).frames.astype(int)
    for number in (0, 3, 7):
        errors = [np.abs(decoded[number] - frame).mean() for frame in clip.frames.astype(int)]
        assert int(np.argmin(errors)) == number


def test_a_clip_at_other_sizes_and_numbers_of_frames(clip_file: bytes) -> None:
    native = inrcodec.decode_clip(clip_file)
    more = inrcodec.decode_clip(clip_file, frames=24)
    assert (len(more.frames), more.rate) == (24, 30)
    np.testing.assert_allclose(more.frames[1::3].astype(int), native.frames, atol=1)
    large = inrcodec.decode_clip(clip_file, scale=3)
    assert large.frames.shape == (8, 72, 72, 3)
    np.testing.assert_allclose(large.frames[:, 1::3, 1::3].astype(int), native.frames, atol=1)
    part = inrcodec.decode_clip(clip_file, crop=(3, 5, 8, 7), frames=2)
    assert part.frames.shape == (2, 7, 8, 3)
    assert inrcodec.decode_clip(clip_file, bit_depth=16).frames.dtype == np.uint16
    with pytest.raises(OptionError, match="frames"):
        inrcodec.decode_clip(clip_file, frames=0)
    with pytest.raises(OptionError, match="limit"):
        inrcodec.decode_clip(clip_file, size=(1 << 14, 1 << 14))


def test_one_frame_with_threads_is_the_same(clip_file: bytes) -> None:
    one, two = (inrcodec.decode_clip(clip_file, threads=n).frames for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_a_prefix_of_layers_is_a_coarser_clip(clip: Clip, layered: bytes) -> None:
    sections = bitstream.read(layered).sections
    ends = [s.offset + s.size for s in sections if s.kind in (Kind.PARAMETERS, Kind.LAYER)]
    scores = []
    for end in ends[:-1]:
        with pytest.warns(PartialFileWarning, match="the clip is coarse: layers"):
            scores.append(psnr(clip.sheet, inrcodec.decode_clip(layered[:end]).sheet))
    scores.append(psnr(clip.sheet, inrcodec.decode_clip(layered).sheet))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 3
    with pytest.raises(TruncatedError):
        inrcodec.decode_clip(layered[: ends[0] - 5])


def test_a_slice_of_ct_of_16_bit_comes_back_from_a_coordinate_network(tmp_path: Path) -> None:
    slice_of_ct = ct(40)
    assert slice_of_ct.dtype == np.uint16
    path = tmp_path / "ct.png"
    path.write_bytes(image_bytes(Picture(slice_of_ct)))
    data = inrcodec.encode(path, target_size=2500, model="pe-siren", **QUICK)
    about = inrcodec.info(data)
    assert (about.kind, about.bit_depth, about.colours) == ("image", 16, "gray")
    decoded = inrcodec.decode_picture(data)
    assert read_image(image_bytes(decoded)).pixels.dtype == np.uint16
    assert psnr(slice_of_ct, decoded.pixels) > 24
    assert len(np.unique(decoded.pixels)) > 256


def test_networks_load_and_store(clip_file: bytes, sound_file: bytes) -> None:
    for data, shape in ((clip_file, (8 * 24, 24, 3)), (sound_file, (1, 1600, 1))):
        module = inrcodec.load_network(data)
        assert module().shape == shape
        assert inrcodec.store_network(module) == data
        assert len(inrcodec.store_network(module, target_size=500)) <= 500


@pytest.mark.parametrize("way", list(ROBUST_STRENGTHS))
def test_every_way_to_robust_weights_fits_sound_and_clips(
    sound: Sound, clip: Clip, way: str
) -> None:
    for signal, axes, channels in ((sound, 1, 1), (clip, 3, 3)):
        model = Siren(6, 2, 2, channels, axes)
        backward = backward_of(Robust(way, ROBUST_STRENGTHS[way]), model.units, 0)
        frames = signal.timing.frames or 1
        fit = NetworkFit(signal.sheet, model, Budget(5, 400), backward=backward, frames=frames)
        steps = [progress.step for progress in fit]
        assert steps[-1] == 5
        assert np.isfinite(fit.score)


def test_readers_of_images_say_what_a_file_holds(sound_file: bytes, clip_file: bytes) -> None:
    with pytest.raises(KindError, match=r"a file of sound, not of an image.*decode_sound"):
        inrcodec.decode(sound_file)
    with pytest.raises(KindError, match=r"a file of a clip, not of sound.*decode_clip"):
        inrcodec.decode_sound(clip_file)
    image = inrcodec.encode(np.zeros((8, 8, 3), np.uint8), model="siren", **QUICK)
    for decode in (inrcodec.decode_sound, inrcodec.decode_clip):
        with pytest.raises(KindError, match="a file of an image, not of"):
            decode(image)
    assert inrcodec.info(image).kind == "image"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"model": "coolchic-v1"}, "is for images; sound takes pe-siren, siren, nif, spinr"),
        ({"model": "fourier"}, "is for images"),
        ({"psnr": 30}, "psnr needs a coolchic model"),
        ({"effort": 0}, "effort 0"),
        ({"loss": "lcssim"}, "sound takes the losses mse, l1, logcosh"),
        ({"tune": "ms-ssim"}, "sound takes the losses"),
        ({"model": "pe-siren", "init": "meta"}, "trained initialisations are of images"),
    ],
)
def test_options_of_images_are_refused(sound: Sound, options: dict, reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        inrcodec.encode(sound, **options)


def test_a_size_out_of_reach_is_refused(sound: Sound) -> None:
    with pytest.raises(RateError, match="file of this sound has"):
        inrcodec.encode(sound, target_size=60, **QUICK)


def test_losses_that_compare_samples_are_taken(sound: Sound, clip: Clip) -> None:
    short = Sound(sound.samples[:100], 8000)
    assert inrcodec.encode(short, target_size=300, loss="l1", **QUICK)
    assert inrcodec.encode(clip, target_size=400, loss="logcosh", **QUICK)


def test_a_wav_file_is_taken_by_name(tmp_path: Path, sound: Sound) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(Sound(sound.samples[:100], 8000)))
    about = inrcodec.save(path, tmp_path / "a.inr", target_size=300, **QUICK)
    assert about.kind == "sound"


def test_headers_come_back_and_images_have_no_new_keys() -> None:
    image = Header(9, 7, 3, 8, Family.SIREN, (4, 2))
    assert image.to_bytes()[0] == 0x86
    for timing in (Timing(Fraction(8000)), Timing(Fraction(30000, 1001), 4)):
        sizes = (9, 1, 1, 16) if timing.frames is None else (9, 7, 3, 8)
        header = Header(*sizes, Family.SIREN, (4, 2), timing=timing)
        assert Header.from_bytes(header.to_bytes()) == header
        assert header.axes == timing.axes


def test_limits_hold_for_all_frames_together() -> None:
    fits = Header(1 << 10, 1 << 10, 3, 8, Family.SIREN, (4, 2), timing=Timing(Fraction(1), 1 << 7))
    assert Header.from_bytes(fits.to_bytes()) == fits
    for change in ({"width": 1 << 11}, {"timing": Timing(Fraction(1), 1 << 11)}):
        with pytest.raises(LimitError, match="frames of"):
            Header.from_bytes(replace(fits, **change).to_bytes())
    grids = replace(fits, family=Family.COOLCHIC, dimensions=(3, 8, 4, 4))
    with pytest.raises(FormatError, match="is of images, not of a clip"):
        Header.from_bytes(grids.to_bytes())


def test_work_counts_every_frame(clip_file: bytes) -> None:
    with pytest.raises(LimitError, match="max_work"):
        inrcodec.decode_clip(clip_file, max_work=1e-9)
    with pytest.raises(LimitError, match="max_pixels"):
        inrcodec.decode_clip(clip_file, max_pixels=24 * 24 * 8 - 1)
    assert inrcodec.decode_clip(clip_file, max_pixels=24 * 24 * 8).frames.shape[0] == 8
