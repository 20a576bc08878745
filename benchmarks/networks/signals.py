"""Signals of the three other kinds of the paper on weight damage, made here: CT, sound, a clip.

Nothing is loaded but the pictures that come with scikit-image, and every number is drawn from a
fixed seed.
"""

import numpy as np

from inrcodec.pixels import Samples
from inrcodec.signals.records import Clip, Sound

SPEECH_RATE = 8000
"""Samples a second."""


def ct(side: int = 100) -> Samples:
    """The Shepp-Logan phantom, a slice of a head as CT shows it, (side, side, 1) of 16 bit; 400 is
    a multiple of `side`."""
    from skimage import data

    whole = np.asarray(data.shepp_logan_phantom(), np.float64)
    step = len(whole) // side
    means = whole.reshape(side, step, side, step).mean((1, 3))
    return np.round(means * 65535).astype(np.uint16)[:, :, None]


def speech(seconds: float = 1.0, seed: int = 0) -> Sound:
    """Like speech: syllables of some voiced harmonics below three formants, and of noise, with
    pauses between them."""
    random = np.random.default_rng(seed)
    total = round(SPEECH_RATE * seconds)
    out, at = np.zeros(total), 0
    while at < total:
        length = min(total - at, round(SPEECH_RATE * random.uniform(0.12, 0.25)))
        swell = np.sqrt(np.sin(np.pi * np.linspace(0, 1, length)))
        voiced = random.random() < 0.75
        syllable = _vowel(length, random) if voiced else 0.3 * random.normal(size=length)
        out[at : at + length] = syllable * swell * random.uniform(0.4, 1.0)
        at += length + round(SPEECH_RATE * random.uniform(0, 0.06))
    loud = np.round(out / np.abs(out).max() * 24000).astype(np.int16)
    return Sound(loud[:, None], SPEECH_RATE)


def _vowel(length: int, random: np.random.Generator) -> np.ndarray:
    """Harmonics of a pitch that glides, louder near three formants."""
    t = np.arange(length) / SPEECH_RATE
    pitch = random.uniform(90, 160)
    wobble = 1 + 0.15 * np.sin(2 * np.pi * random.uniform(2, 5) * t)
    phase = 2 * np.pi * np.cumsum(pitch * wobble) / SPEECH_RATE
    formants = [(random.uniform(*span), width) for span, width in FORMANTS]
    made = np.zeros(length)
    for k in range(1, int(0.45 * SPEECH_RATE / pitch)):
        gain = sum(1 / (1 + ((k * pitch - f) / width) ** 2) for f, width in formants)
        made += gain * np.sin(k * phase + random.uniform(0, 2 * np.pi))
    return made


FORMANTS = (((300, 800), 80), ((900, 2200), 120), ((2300, 3200), 180))
"""Where the three lie and how wide they are, in Hz."""


def pan(frames: int = 12, side: int = 48) -> Clip:
    """A window that moves over the astronaut of scikit-image, (frames, side, side, 3), 25 a
    second."""
    from scipy import ndimage
    from skimage import data

    picture = data.astronaut()[::2, ::2].astype(np.float64)
    made = []
    for number in range(frames):
        corner = (20 + 1.5 * number, 60 + 2 * number, 0)
        size = (2 * side, 2 * side, 3)
        window = ndimage.affine_transform(picture, [1, 1, 1], corner, size, order=1)
        made.append(window.reshape(side, 2, side, 2, 3).mean((1, 3)))
    return Clip(np.round(np.stack(made)).clip(0, 255).astype(np.uint8), 25)
