"""Files to judge: .inr files and ordinary images alike, as bytes and as pixels."""

from __future__ import annotations

import time
from dataclasses import dataclass

from inrcodec.codec.describe import FileInfo, info
from inrcodec.codec.format.bitstream import SIGNATURE
from inrcodec.errors import FormatError, ImageError, KindError
from inrcodec.files import EXTENSIONS
from inrcodec.images.reading import read_image
from inrcodec.pixels import Picture


@dataclass(frozen=True, slots=True)
class File:
    """The bytes of a file, under the name by which people know it.

    `encode_s` is the seconds its encode took, where they are known.
    """

    name: str
    data: bytes
    encode_s: float | None = None

    def is_inr(self) -> bool:
        """Tell by signature or extension whether this is a .inr file."""
        return self.data.startswith(SIGNATURE) or self.name.lower().endswith(EXTENSIONS)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A decoded file. `about` is what a .inr file says about itself, None for other images."""

    file: File
    picture: Picture
    about: FileInfo | None
    decode_s: float


def describe(file: File) -> FileInfo | None:
    """Describe a .inr file without decoding it; None for other images.

    Raises `FormatError` for a damaged file.
    """
    try:
        return info(file.data) if file.is_inr() else None
    except FormatError as error:
        error.about(file.name)
        raise


def size_of(file: File) -> tuple[int, int]:
    """Return width and height; reads ordinary images to the end, decodes no .inr file. Raises
    `KindError` for one of sound or a clip."""
    about = describe(file)
    if about is not None:
        if about.kind != "image":
            raise KindError(f"a file of {about.kind}, not of an image").about(file.name)
        return about.width, about.height
    picture = open_file(file).picture
    return picture.width, picture.height


def open_file(
    file: File,
    *,
    threads: int | None = None,
    device: str = "cpu",
    max_pixels: int | None = None,
    max_work: float | None = None,
) -> Opened:
    """Decode a file, coordinate networks on `device`.

    Raises `FormatError` for a damaged .inr, or one beyond the limits, which are those of
    `inrcodec.decode_picture`, and `ImageError` for other images.
    """
    about = describe(file)
    started = time.perf_counter()
    if about is None:
        try:
            picture = read_image(file.data)
        except ImageError as error:
            reason = str(error).removeprefix("the image data: ")
            raise ImageError(f"{file.name}: {reason}") from None
    else:
        from inrcodec.codec.decode import decode_picture

        started = time.perf_counter()  # loading torch is no part of decoding
        try:
            picture = decode_picture(
                file.data,
                threads=threads,
                device=device,
                max_pixels=max_pixels,
                max_work=max_work,
            )
        except FormatError as error:
            error.about(file.name)
            raise
    return Opened(file, picture, about, time.perf_counter() - started)


def check_same_size(reference: Opened, other: File, size: tuple[int, int]) -> None:
    """Raise `ImageError`, naming both, unless `other` is as wide and high as `reference`."""
    wanted = reference.picture.width, reference.picture.height
    if size != wanted:
        raise ImageError(
            f"the images differ in size: {reference.file.name} has {wanted[0]} x {wanted[1]} "
            f"pixels, {other.name} {size[0]} x {size[1]}"
        )
