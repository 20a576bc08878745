"""Pillow learns the format: `Image.open("x.inr")`, `image.save("x.inr", quality=60)`.

    import inrcodec.pillow
    inrcodec.pillow.register_opener()

`save` takes the keywords of `inrcodec.encode`, and ignores others as Pillow's own formats do. ICC,
EXIF and XMP travel with the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import IO, Any

from PIL import Image, ImageFile

from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import SIGNATURE
from inrcodec.codec.limits import Limits
from inrcodec.codec.options import EncodeOptions
from inrcodec.errors import InrCodecError, OptionError
from inrcodec.files import EXTENSIONS, read_bytes
from inrcodec.images import reading, writing

FORMAT = "INR"
MODES = {(1, 8): "L", (2, 8): "LA", (3, 8): "RGB", (4, 8): "RGBA", (1, 16): "I;16"}
DRAFT_SCALES = (8, 4, 2, 1)
"""Divisors of the size that `draft` chooses from; a decoder averages at most 8 x 8 samples."""


class InrImageFile(ImageFile.ImageFile):
    """A lazily decoded .inr file: the header is read at `open`, the network at `load`."""

    format = FORMAT
    format_description = "Implicit neural representation"

    limits: Mapping[str, float | None] = {}
    """`max_pixels` and `max_work` of every decode, where `register_opener` set them."""

    _undecoded: bytes | None = None
    """The file, until it is decoded; a copy or a pickle holds pixels alone."""

    _whole = True

    def _open(self) -> None:
        """Read the container; size, mode and metadata are known before any decoding."""
        if self.fp is None:
            raise SyntaxError("no file")
        try:
            data = read_bytes(self.fp)
        except InrCodecError as error:
            raise OSError(str(error)) from error
        try:
            container = bitstream.read(data)
        except InrCodecError as error:
            raise SyntaxError(str(error)) from error
        self._undecoded, self._whole = data, container.complete and not container.damaged
        header = container.header
        if header.timing is not None:
            raise SyntaxError(f"a file of {header.timing.named}, not of an image")
        self._size = header.width, header.height
        self._mode = MODES.get((header.channels, header.bit_depth)) or MODES[header.channels, 8]
        names = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp"}
        self.info.update({names[key]: block for key, block in container.metadata.items()})

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Choose a smaller size or mode before the image is loaded, as for JPEG files.

        `mode` "L" or "YCbCr" is taken for an RGB image. The size becomes 1, 1/2, 1/4 or 1/8 of
        the image's, the smallest that is not below `size`. The decoder averages the samples in
        between, so a draft saves memory rather than time. Returns the mode and the box of that size
        that the image fills, or None if it is too late to choose.
        """
        if self._undecoded is None or self.decoderconfig:
            return None
        if self.mode == "RGB" and mode in ("L", "YCbCr"):
            self._mode = mode
        scale = 1
        if size:
            most = min(self.width // max(1, size[0]), self.height // max(1, size[1]))
            scale = next((s for s in DRAFT_SCALES if s <= most), 1)
            self._size = -(-self.width // scale), -(-self.height // scale)
        self.decoderconfig = (scale, 0)
        return self.mode, (0, 0, *self.size)

    def load(self) -> Any:
        """Decode the pixels; 16-bit colour arrives at 8 bit, which is all Pillow holds."""
        if self._undecoded is not None:
            from inrcodec.codec.decode import decode_picture

            try:
                picture = decode_picture(self._undecoded, size=self.size, **self.limits)  # type: ignore[arg-type]
            except InrCodecError as error:
                raise OSError(str(error)) from error
            image = writing.to_pil(picture)
            self.im = (image if image.mode == self.mode else image.convert(self.mode)).im
            self._undecoded = None
            self.readonly = 0  # nobody else has these samples
            self.tile = []
            if self._exclusive_fp and self.fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def verify(self) -> None:
        """Check that the file is whole, and close it; raises `OSError`. Checksums of what is there
        were checked when it was opened."""
        super().verify()
        if not self._whole:
            raise OSError("the file is cut short or its metadata is damaged")

    def close(self) -> None:
        """Close the file; the pixels cannot be used afterwards."""
        self._undecoded = None
        super().close()


def _accept(prefix: bytes) -> bool:
    """Whether a file begins with the signature of the format."""
    return prefix.startswith(SIGNATURE)


def _save(image: Image.Image, file: IO[bytes], _filename: str | bytes) -> None:
    """Encode with the keywords given to `Image.save`."""
    import inrcodec

    options = dict(image.encoderinfo)
    if options.pop("append_images", None):
        raise OptionError("a file of ours holds one image, not several")
    blocks = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp"}
    given = {key: options.pop(name) for key, name in blocks.items() if name in options}
    given = {k: v.tobytes() if isinstance(v, Image.Exif) else v for k, v in given.items()}
    picture = replace(reading.from_pil(image), **given)
    known = {field.name for field in fields(EncodeOptions)}
    file.write(inrcodec.encode(picture, **{name: options[name] for name in known & options.keys()}))


def _save_all(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Encode the one frame of an image; raises `OptionError` for several."""
    if getattr(image, "n_frames", 1) > 1:
        raise OptionError(f"a file of ours holds one image, not {image.n_frames} frames")  # type: ignore[attr-defined]
    _save(image, file, filename)


def register_opener(*, max_pixels: int | None = None, max_work: float | None = None) -> None:
    """Register the format with Pillow for opening and saving .inr and .nif; safe to repeat.

    `max_pixels` and `max_work` are those of `inrcodec.decode_picture` for every image that is
    loaded from now on, None for the usual ones. Raises `OptionError`.
    """
    Limits.of(max_pixels, max_work)
    InrImageFile.limits = {"max_pixels": max_pixels, "max_work": max_work}
    Image.register_open(FORMAT, InrImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_save_all(FORMAT, _save_all)
    Image.register_extensions(FORMAT, list(EXTENSIONS))
    Image.register_mime(FORMAT, "image/x-inr")
