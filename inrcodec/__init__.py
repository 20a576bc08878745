"""inrcodec: an image codec on implicit neural representations.

    data = inrcodec.encode("photo.png", bpp=0.3)     # bytes of a .inr file
    pixels = inrcodec.decode(data)                   # numpy (H, W, C)
    pixels = inrcodec.decode(data, scale=2)          # the same function, sampled finer
    print(inrcodec.info(data))

Importing this costs nothing: torch loads with the first encode or decode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inrcodec.errors import FormatError, InrCodecError, TruncatedError

if TYPE_CHECKING:
    from inrcodec.codec.describe import FileInfo
    from inrcodec.pixels import Picture, Samples

__version__ = "0.1.0"

__all__ = [
    "FormatError",
    "InrCodecError",
    "TruncatedError",
    "__version__",
    "decode",
    "decode_picture",
    "encode",
    "info",
]


def encode(image: object, **options: Any) -> bytes:
    """Encode a picture; returns the bytes of a file.

    `image` is a path, bytes or file object of an image file, a PIL image, a numpy array (H, W) or
    (H, W, C), or a torch tensor (C, H, W). Keywords are those of `codec.options.EncodeOptions`:
    `quality`, `bpp`, `target_size`, `psnr`, `slope`, `model`, `complexity`, `loss`, `alpha`,
    `tune`, `robust`, `robust_strength`, `effort`, `time_limit`, `slices`, `init`, `seed`,
    `threads`, `device`, `metadata`.
    Raises `InrCodecError`.
    """
    from inrcodec.codec.options import EncodeOptions
    from inrcodec.images.reading import as_picture

    checked = EncodeOptions.of(**options)
    picture = as_picture(image)
    from inrcodec.codec.encode import encoding
    from inrcodec.metrics.metric_losses import with_metric_loss

    job = encoding(picture, with_metric_loss(checked))
    for _ in job:
        pass
    return job.finish()


def decode(data: bytes, **options: Any) -> Samples:
    """Decode a file to pixels (H, W, C), uint8 or uint16; keywords as for `decode_picture`."""
    return decode_picture(data, **options).pixels


def decode_picture(data: bytes, **options: Any) -> Picture:
    """Decode a file to a `Picture`: pixels and ICC, EXIF, XMP.

    Keywords: `size` (width, height), `scale`, `crop` (x, y, width, height), `bit_depth`, `threads`,
    `device`, `start`; see `codec.decoder.decode_picture`. Raises `FormatError` or `OptionError`.
    """
    from inrcodec.codec.decode import decode_picture

    return decode_picture(data, **options)


def info(data: bytes) -> FileInfo:
    """Describe a file without decoding it (and without torch); raises `FormatError`."""
    from inrcodec.codec.describe import info

    return info(data)
