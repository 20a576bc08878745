"""Pillow learns the format: `Image.open("x.inr")`, `image.save("x.inr", quality=60)`.

    import inrcodec.pillow
    inrcodec.pillow.register_opener()

`save` takes the keywords of `inrcodec.encode`. ICC, EXIF and XMP travel with the picture.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO, Any

from PIL import Image, ImageFile

from inrcodec.codec import bitstream
from inrcodec.codec.bitstream import SIGNATURE
from inrcodec.errors import InrCodecError
from inrcodec.images import reading, writing

FORMAT = "INR"
MAX_FILE_BYTES = 1 << 29
MODES = {(1, 8): "L", (2, 8): "LA", (3, 8): "RGB", (4, 8): "RGBA", (1, 16): "I;16"}


class InrImageFile(ImageFile.ImageFile):
    """A lazily decoded .inr file: the header is read at `open`, the network at `load`."""

    format = FORMAT
    format_description = "Implicit neural representation"

    def _open(self) -> None:
        """Read the container; size, mode and metadata are known before any decoding."""
        if self.fp is None:
            raise SyntaxError("no file")
        self._data: bytes | None = self.fp.read(MAX_FILE_BYTES)
        try:
            container = bitstream.read(self._data)
        except InrCodecError as error:
            raise SyntaxError(str(error)) from None
        header = container.header
        self._size = header.width, header.height
        self._mode = MODES.get((header.channels, header.bit_depth)) or MODES[header.channels, 8]
        names = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp"}
        self.info.update({names[key]: block for key, block in container.metadata.items()})

    def load(self) -> Any:
        """Decode the pixels; 16-bit colour arrives at 8 bit, which is all Pillow holds."""
        if self._data is not None:
            from inrcodec.codec.decoder import decode_picture

            try:
                picture = decode_picture(self._data)
            except InrCodecError as error:
                raise OSError(str(error)) from error
            self._data = None
            self.im = writing.to_pil(picture).im
            self.tile = []
        return super().load()


def _accept(prefix: bytes) -> bool:
    """Whether a file starts like ours."""
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
    Image.register_extensions(FORMAT, [".inr", ".nif"])
    Image.register_mime(FORMAT, "image/x-inr")
