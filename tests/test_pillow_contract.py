"""The same calls on a PNG and on a file of ours give the same: the contract of an ImageFile."""

import copy
import io
import multiprocessing
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageFile, ImageOps, ImageSequence, UnidentifiedImageError

import inrcodec
import inrcodec.pillow
from inrcodec.errors import OptionError
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture

EXIF = Image.Exif()
EXIF[ExifTags.Base.Artist] = "Ada"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a/></x:xmpmeta>'
KINDS = {"gray": 1, "gray-alpha": 2, "rgb": 3, "rgb-alpha": 4, "gray-16": 1}


@pytest.fixture(autouse=True)
def _registered() -> None:
    inrcodec.pillow.register_opener()


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A PNG and a file of ours of the same samples."""
    y, x = np.mgrid[0:40, 0:48]
    channels = KINDS[request.param]
    pixels = np.stack([128 + 90 * np.sin(x / (5 + c) + y / 9) for c in range(channels)], 2)
    pixels = pixels.astype(np.uint8)
    if request.param.endswith("16"):
        pixels = pixels.astype(np.uint16) * 257
    picture = Picture(pixels, icc=b"profile" * 40, exif=EXIF.tobytes(), xmp=XMP)
    data = inrcodec.encode(picture, effort=0, quality=90, threads=1)
    folder = tmp_path_factory.mktemp(request.param)
    ours, theirs = folder / "image.inr", folder / "image.png"
    ours.write_bytes(data)
    theirs.write_bytes(image_bytes(inrcodec.decode_picture(data)))
    return [theirs, ours]


def _pixels(image: Image.Image) -> tuple[str, tuple[int, int], bytes]:
    return image.mode, image.size, image.tobytes()


def _twin(make: Callable[[Image.Image], Image.Image], load: bool) -> Callable[[Path], Any]:
    def call(path: Path) -> Any:
        with Image.open(path) as image:
            if load:
                image.load()
            twin = make(image)
        array = np.asarray(twin)
        info = {key: bool(value) for key, value in twin.info.items()}
        return _pixels(twin), array.dtype, array.tobytes(), info.get("icc_profile"), twin.getexif()

    return call


def _size(image: Image.Image) -> bytes:
    """For a pool: what a child sees of an image that was sent to it."""
    return image.tobytes()


def _pooled(method: str) -> Callable[[Path], Any]:
    def call(path: Path) -> Any:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore", DeprecationWarning)  # threads, and a fork
            with multiprocessing.get_context(method).Pool(1) as pool:
                return pool.map(_size, [image])

    return call


def _closed(path: Path, load: bool = False) -> Any:
    image = Image.open(path)
    if load:
        image.load()
    image.close()
    return image.load()


def _left_open(path: Path) -> Any:
    image = Image.open(path)
    file = image.fp
    states = [file.closed]
    image.load()
    states += [file.closed, image.fp is None]
    image.load()
    image.close()
    return states


def _callers(path: Path) -> Any:
    with path.open("rb") as file:
        with Image.open(file) as image:
            image.load()
        return file.closed


def _saved(**options: Any) -> Callable[[Path], Any]:
    def call(path: Path) -> Any:
        out = io.BytesIO()
        with Image.open(path) as image:
            format = "INR" if path.suffix == ".inr" else "PNG"
            more = {"effort": 0, "quality": 90, "threads": 1} if format == "INR" else {}
            image.save(out, format, **more, **options)
        with Image.open(io.BytesIO(out.getvalue())) as again:
            again.load()
            return again.mode, again.size, again.format == format

    return call


def _verified(path: Path) -> Any:
    image = Image.open(path)
    image.verify()
    return image.fp, image.size


def _cut(path: Path, share: float) -> Any:
    data = path.read_bytes()
    with Image.open(io.BytesIO(data[: int(len(data) * share)])) as image:
        image.verify()


def _open(path: Path, **options: Any) -> Any:
    with Image.open(path, **options) as image:
        return image.size


def _thumbnail(path: Path) -> Any:
    with Image.open(path) as image:
        image.thumbnail((12, 12))
        return image.size, image.mode


def _with(use: Callable[[Image.Image], Any]) -> Callable[[Path], Any]:
    def call(path: Path) -> Any:
        with Image.open(path) as image:
            return use(image)

    return call


def _parsed(path: Path) -> Any:
    """Feed the file to a parser, as a browser would."""
    parser = ImageFile.Parser()
    parser.feed(path.read_bytes())
    return parser.close().size


def _frames(image: Image.Image) -> Any:
    return len(list(ImageSequence.Iterator(image))), image.tell()


def _seek(*frames: int) -> Callable[[Image.Image], Any]:
    def use(image: Image.Image) -> Any:
        for frame in frames:
            image.seek(frame)
        return image.tell(), _pixels(image)

    return use


CALLS: dict[str, Callable[[Path], Any]] = {
    "load": _with(_pixels),
    "load twice": _with(lambda im: (im.load() is not None, im.load() is not None, _pixels(im))),
    "asarray": _with(lambda im: (np.asarray(im).dtype, np.asarray(im).shape)),
    "array interface": _with(lambda im: sorted(im.__array_interface__)),
    "pickle": _twin(lambda im: pickle.loads(pickle.dumps(im)), load=False),
    "pickle, loaded": _twin(lambda im: pickle.loads(pickle.dumps(im)), load=True),
    "copy.copy": _twin(copy.copy, load=False),
    "copy.copy, loaded": _twin(copy.copy, load=True),
    "deepcopy": _twin(copy.deepcopy, load=False),
    "deepcopy, loaded": _twin(copy.deepcopy, load=True),
    "copy": _twin(lambda im: im.copy(), load=False),
    "pool, fork": _pooled("fork"),
    "closed": _closed,
    "closed, loaded": lambda path: _closed(path, load=True),
    "closes its file": _left_open,
    "leaves a caller's file": _callers,
    "seek 0": _with(_seek(0)),
    "seek 1": _with(_seek(1)),
    "seek -1": _with(_seek(-1)),
    "seek after load": _with(lambda im: (im.load(), im.seek(0), im.tell())[1:]),
    "frames": _with(_frames),
    "n_frames": _with(lambda im: getattr(im, "n_frames", 1)),
    "is_animated": _with(lambda im: getattr(im, "is_animated", False)),
    "save": _saved(),
    "save optimize": _saved(optimize=True),
    "save save_all": _saved(save_all=True),
    "save no save_all": _saved(save_all=False),
    "save unknown": _saved(no_such_option=3),
    "save dpi": _saved(dpi=(72, 72)),
    "save exif": _saved(exif=EXIF),
    "save exif bytes": _saved(exif=EXIF.tobytes()),
    "save icc": _saved(icc_profile=b"p" * 200),
    "save icc none": _saved(icc_profile=None),
    "verify": _verified,
    "verify, cut": lambda path: _cut(path, 0.9),
    "formats": lambda path: _open(path, formats=[path.suffix[1:]]),
    "formats, small": lambda path: _open(path, formats=(path.suffix[1:].lower(),)),
    "formats, other": lambda path: _open(path, formats=["GIF"]),
    "thumbnail": _thumbnail,
    "parser": _parsed,
    "resize": _with(lambda im: im.resize((9, 8), Image.Resampling.NEAREST).tobytes()),
    "reduce": _with(lambda im: im.reduce(2).size if im.mode != "I;16" else None),
    "crop": _with(lambda im: im.crop((3, 4, 9, 8)).tobytes()),
    "convert": _with(lambda im: im.convert("L").tobytes()),
    "transpose": _with(lambda im: ImageOps.exif_transpose(im).tobytes()),
    "getpixel": _with(lambda im: im.getpixel((5, 6))),
    "getbands": _with(lambda im: im.getbands()),
    "exif": _with(lambda im: dict(im.getexif())),
    "xmp": _with(lambda im: im.info["xmp"]),
    "icc": _with(lambda im: im.info["icc_profile"]),
    "readonly": _with(lambda im: (im.load(), im.readonly)[1]),
    "putpixel": _with(lambda im: (im.putpixel((0, 0), 0), im.getpixel((0, 0)))[1]),
    "equal": _with(lambda im: im == im.copy()),
    "decoder": _with(lambda im: (im.load(), im.tile)[1]),
    "filename": _with(lambda im: Path(im.filename).stem),
    "names": _with(lambda im: all((im.format, im.format_description, im.get_format_mimetype()))),
}


def _outcome(call: Callable[[Path], Any], path: Path) -> Any:
    """What a call gives, or the kind of error it raises: those that callers tell apart."""
    kinds = (EOFError, UnidentifiedImageError, OSError, SyntaxError, ValueError, AttributeError)
    try:
        return call(path)
    except kinds as error:
        if isinstance(error, (OSError, SyntaxError)) and not isinstance(
            error, UnidentifiedImageError
        ):
            return "damaged"
        return next(kind for kind in kinds if isinstance(error, kind))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("error")
def test_a_call_gives_the_same(pair: list[Path], name: str) -> None:
    theirs, ours = (_outcome(CALLS[name], path) for path in pair)
    assert ours == theirs


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_pool_of_new_processes_takes_an_image(pair: list[Path], method: str) -> None:
    if pair[0].parent.name.startswith("rgb0"):
        assert _outcome(_pooled(method), pair[1]) == _outcome(_pooled(method), pair[0])


def test_every_method_of_pillow_is_called_or_needs_no_file() -> None:
    """A new hook of ImageFile, which this plugin might have to answer, fails here."""
    hooks = {name for name in vars(ImageFile.ImageFile) if not name.startswith("__")}
    known = {
        *("_close_fp", "_open", "close", "draft", "get_child_images", "get_format_mimetype"),
        *("load", "load_end", "load_prepare", "verify", "_seek_check", "tile", "decodermaxblock"),
        *("fp", "_fp", "_tile", "custom_mimetype", "decoderconfig", "_exclusive_fp", "map"),
        *("readonly", "_abc_impl", "format", "format_description"),
    }
    assert hooks <= known


def test_limits_of_every_load(pair: list[Path]) -> None:
    try:
        inrcodec.pillow.register_opener(max_pixels=1000)
        assert _outcome(CALLS["load"], pair[1]) == "damaged"
        inrcodec.pillow.register_opener(max_work=1e-9)
        with Image.open(pair[1]) as image, pytest.raises(OSError, match="max_work"):
            image.load()
        with pytest.raises(OptionError, match="max_pixels"):
            inrcodec.pillow.register_opener(max_pixels=0)
    finally:
        inrcodec.pillow.register_opener()
    assert _outcome(CALLS["load"], pair[1]) == _outcome(CALLS["load"], pair[0])


def test_several_frames_are_refused_and_not_lost(pair: list[Path]) -> None:
    with Image.open(pair[1]) as image:
        with pytest.raises(ValueError, match="one image"):
            image.save(io.BytesIO(), "INR", save_all=True, append_images=[image.copy()])
