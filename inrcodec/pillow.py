"""Pillow learns the format: `Image.open("x.inr")`, `image.save("x.inr", quality=60)`.

    import inrcodec.pillow
    inrcodec.pillow.register_opener()

`save` takes the keywords of `inrcodec.encode`. ICC, EXIF and XMP travel with the image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO, Any

from PIL import Image, ImageFile

from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import SIGNATURE
from inrcodec.errors import InrCodecError
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

    _undecoded: bytes | None = None
    """The file, until it is decoded; a copy or a pickle holds pixels alone."""

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
        self._undecoded = data
        header = container.header
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
                picture = decode_picture(self._undecoded, size=self.size)
            except InrCodecError as error:
                raise OSError(str(error)) from error
            image = writing.to_pil(picture)
            self.im = (image if image.mode == self.mode else image.convert(self.mode)).im
            self._undecoded = None
            self.tile = []
            if self._exclusive_fp and self.fp:
                self.fp.close()
            self.fp = None
        return super().load()


def _accept(prefix: bytes) -> bool:
    """Whether a file begins with the signature of the format."""
    return prefix.startswith(SIGNATURE)


def _save(image: Image.Image, file: IO[bytes], _filename: str | bytes) -> None:
    """Encode with the keywords given to `Image.save`."""
    import inrcodec

    options = dict(image.encoderinfo)
    blocks = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp"}
    given = {key: options.pop(name) for key, name in blocks.items() if name in options}
    given = {k: v.tobytes() if isinstance(v, Image.Exif) else v for k, v in given.items()}
    picture = replace(reading.from_pil(image), **given)
    file.write(inrcodec.encode(picture, **options))


def register_opener() -> None:
    """Register the format with Pillow for opening and saving .inr and .nif; safe to repeat."""
    Image.register_open(FORMAT, InrImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_extensions(FORMAT, list(EXTENSIONS))
    Image.register_mime(FORMAT, "image/x-inr")
