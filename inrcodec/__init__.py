"""inrcodec: an image codec on implicit neural representations.

    data = inrcodec.encode("photo.png", bpp=0.3)     # bytes of a .inr file
    inrcodec.save("photo.png", "photo.inr")          # the same, into a file
    pixels = inrcodec.decode("photo.inr")            # numpy (H, W, C)
    pixels = inrcodec.decode(data, scale=2)          # at twice the size
    print(inrcodec.info("photo.inr"))

    job = inrcodec.encoding("photo.png", effort=7)   # an encode that can be watched and stopped
    for progress in job:
        print(f"{progress.share:.0%} {progress.psnr:.2f} dB")
    data = job.finish()

Importing this costs nothing: numpy, torch and the rest load with the first call that needs them.
`pip install inrcodec` encodes to latent grids and decodes them; `inrcodec[encode]` brings torch,
for every model, loss and device.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  torch imports it, which fails once main has ended
import importlib
from typing import TYPE_CHECKING, Any

from inrcodec.errors import (
    ClusterError,
    DeviceError,
    EncoderLimitError,
    FitError,
    FormatError,
    ImageError,
    ImageWarning,
    InputError,
    InrCodecError,
    InrCodecWarning,
    KindError,
    LimitError,
    MissingExtraError,
    OptionError,
    OutputError,
    PacketError,
    PartialFileWarning,
    RateError,
    RateWarning,
    StaleKernelsWarning,
    StreamError,
    TruncatedError,
    WeightsError,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from inrcodec.codec.decode import DecodeKeywords, decode_clip, decode_sound
    from inrcodec.codec.describe import FileInfo, SectionInfo
    from inrcodec.codec.encode import Encoding
    from inrcodec.codec.networks.module import NetworkModule
    from inrcodec.codec.options import EncodeKeywords, EncodeOptions
    from inrcodec.codec.progress import Progress
    from inrcodec.files import Source
    from inrcodec.images.clips import read_clip
    from inrcodec.images.reading import ImageSource
    from inrcodec.pixels import Picture, Samples
    from inrcodec.signals.records import Clip, Sound
    from inrcodec.signals.wav import read_sound

    Encodable = ImageSource | Sound | Clip

__version__ = "0.1.0"

__all__ = [
    "Clip",
    "ClusterError",
    "DeviceError",
    "EncodeOptions",
    "EncoderLimitError",
    "Encoding",
    "FileInfo",
    "FitError",
    "FormatError",
    "ImageError",
    "ImageWarning",
    "InputError",
    "InrCodecError",
    "InrCodecWarning",
    "KindError",
    "LimitError",
    "MissingExtraError",
    "NetworkModule",
    "OptionError",
    "OutputError",
    "PacketError",
    "PartialFileWarning",
    "Picture",
    "Progress",
    "RateError",
    "RateWarning",
    "SectionInfo",
    "Sound",
    "StaleKernelsWarning",
    "StreamError",
    "TruncatedError",
    "WeightsError",
    "__version__",
    "decode",
    "decode_clip",
    "decode_picture",
    "decode_sound",
    "encode",
    "encoding",
    "info",
    "load_network",
    "read_clip",
    "read_sound",
    "save",
    "store_network",
]

_HOMES = {
    "EncodeOptions": "inrcodec.codec.options",
    "Encoding": "inrcodec.codec.encode",
    "FileInfo": "inrcodec.codec.describe",
    "NetworkModule": "inrcodec.codec.networks.module",
    "Picture": "inrcodec.pixels",
    "Progress": "inrcodec.codec.progress",
    "Clip": "inrcodec.signals.records",
    "Sound": "inrcodec.signals.records",
    "decode_clip": "inrcodec.codec.decode",
    "decode_sound": "inrcodec.codec.decode",
    "read_clip": "inrcodec.images.clips",
    "read_sound": "inrcodec.signals.wav",
    "SectionInfo": "inrcodec.codec.describe",
}
"""Where the names live that are loaded when they are first asked for."""


def encode(image: Encodable, **options: Unpack[EncodeKeywords]) -> bytes:
    """Encode an image and return the bytes of a file.

    `image` is a path, bytes or a file object of an image file, a PIL image, a `Picture`, a numpy
    array (H, W) or (H, W, C), or a torch tensor (C, H, W): uint8, uint16 or float in [0, 1], with 1
    to 4 channels; or a `Sound`, the path of a WAV file or a `Clip`, which coordinate networks hold.
    The keywords are the fields of `EncodeOptions`; the commonest are `quality` (1..100), `bpp` or
    `target_size` for the rate, and `effort` (0..9) for the time.

    Raises `OptionError` for an option, `ImageError` for an image that cannot be read,
    `EncoderLimitError` for one too large, `RateError` for a size out of reach, `FitError` for a fit
    that diverged, `WeightsError` for a loss whose weights are not here, and `MissingExtraError` for
    what needs torch without the extra `encode`. Warns with `RateWarning` if the file is much
    smaller than asked for.
    """
    job = encoding(image, **options)
    for _ in job:
        pass
    return job.finish()


def encoding(image: Encodable, **options: Unpack[EncodeKeywords]) -> Encoding:
    """Begin to encode an image: an iterator of improving answers.

    Iterating fits, searches for the size or PSNR asked for, and yields `Progress` a few times a
    second: the share done, the size and PSNR so far, the seconds. `finish()` returns the file that
    was found or, of an encode whose loop was left, the best there is, within a second or two for a
    photograph and never over a size asked for. Threads and devices are set for each step only, so
    steps may be taken between other work and from other threads, one at a time. Arguments and
    errors are those of `encode`.
    """
    from inrcodec.codec import encode as encoder
    from inrcodec.codec.ambient import own_settings
    from inrcodec.codec.options import EncodeOptions
    from inrcodec.codec.options.model_traits import SIGNAL_MODELS
    from inrcodec.images.reading import as_picture
    from inrcodec.signals.records import Clip
    from inrcodec.signals.wav import as_sound

    signal = image if isinstance(image, Clip) else as_sound(image)
    if signal is not None:
        options.setdefault("model", SIGNAL_MODELS[0])
    checked = EncodeOptions.of(**options)
    encoder.check_extras(checked)
    with own_settings():
        if signal is not None:
            return encoder.encoding(signal.picture, checked, signal.timing)
        picture = as_picture(image)
        if checked.metric_loss is not None:
            from inrcodec.metrics.metric_losses import with_metric_loss

            checked = with_metric_loss(checked)
        return encoder.encoding(picture, checked)


def save(
    image: Encodable, path: str | os.PathLike[str], **options: Unpack[EncodeKeywords]
) -> FileInfo:
    """Encode an image into a file, which is replaced if it exists, and describe what was written.

    The file is written as a whole or not at all. Arguments and errors are those of `encode`, and
    `OutputError` for a path that cannot be written.
    """
    from inrcodec.files import write_bytes

    data = encode(image, **options)
    write_bytes(path, data)
    return info(data)


def decode(source: Source | Sequence[bytes], **options: Unpack[DecodeKeywords]) -> Samples:
    """Decode a file to pixels, (height, width, channels), uint8 or uint16: gray, gray and alpha,
    RGB, or RGB and alpha. Arguments and errors are those of `decode_picture`.
    """
    return decode_picture(source, **options).pixels


def decode_picture(source: Source | Sequence[bytes], **options: Unpack[DecodeKeywords]) -> Picture:
    """Decode a file to a `Picture`: pixels, and the ICC, EXIF and XMP blocks.

    - `source`: a path, a binary file object, or the bytes of a file, of a prefix of one, or a list
      of what is left of a file that lost bytes: runs, of which the first is its beginning and every
      other one begins with a section
    - `size` = (width, height) in pixels, or `scale`, a factor: the output size (default: as
      encoded). A coordinate network is a function, so any size is exact; an image of latent grids
      has a size of its own, and is resampled
    - `crop` = (x, y, width, height) in pixels of that output: render only this region
    - `bit_depth`: 8 or 16, instead of the file's
    - `threads`: how many compute; by default one a core, at most 4
    - `device`: where coordinate networks are evaluated, a torch device name
    - `init`: the path of a meta-learned initialisation that does not come with the package, for
      files encoded with one
    - `max_pixels`: the most pixels of the image, and of what is rendered of it (at most and by
      default 2^27)
    - `max_work`: the most work, in seconds of one core of a server (default 60), told from the file
      and the view before anything is computed; the same on every machine

    Raises `InputError` for a source that cannot be read, `FormatError` for a damaged file,
    `LimitError` for one beyond the limits, `TruncatedError` for a prefix without an image,
    `OptionError` for an option, and `MissingExtraError` for a coordinate network without the extra
    `encode`. A file that is cut short decodes with a `PartialFileWarning`: to the whole image, or
    to a coarser one.
    """
    from inrcodec.codec.decode import decode_picture

    return decode_picture(source, **options)


def load_network(source: Source, *, init: str | os.PathLike[str] | None = None) -> NetworkModule:
    """Load the parameters of a file as a torch module.

    `source` is a path, a binary file object or the bytes of a file that holds a coordinate network;
    `init` as for `decode_picture`. Calling the module gives the colours of the image, or of any
    grid of coordinates, with gradients for the parameters; `store_network` makes a file of it.

    Raises `OptionError` for a file of latent grids, `TruncatedError` for one that is cut short, and
    otherwise what `decode_picture` does.
    """
    from inrcodec.codec.decode import load_network

    return load_network(source, init)


def store_network(
    module: NetworkModule, *, step_scale: float = 1.0, target_size: int | None = None
) -> bytes:
    """Round the parameters of a module that `load_network` made, and return the bytes of a file.

    The quantisation steps are those of the file it came from, times `step_scale`: a module that was
    not changed gives the same parameters, bit for bit. With `target_size`, the finest steps whose
    file has at most so many bytes are chosen anew, by what each tensor changes in the image.

    Raises `OptionError` for options and for parameters that the steps cannot hold, `FitError` for
    parameters that are not finite, and `RateError` for a size out of reach.
    """
    from inrcodec.codec.encode import store_network

    return store_network(module, step_scale, target_size)


def info(source: Source) -> FileInfo:
    """Describe a file, or a prefix of one, without decoding it.

    `source` is a path, a binary file object, or bytes. Raises `InputError` for a source that cannot
    be read and `FormatError` for bytes that are no file.
    """
    from inrcodec.codec.describe import info
    from inrcodec.files import read_bytes

    return info(read_bytes(source))


def __getattr__(name: str) -> Any:
    """Load a public name that needs more than the standard library when it is first asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
