import csv
import io
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inrcodec import pixels
from inrcodec.errors import ImageError, ImageWarning, InrCodecError, MissingExtraError, OptionError
from inrcodec.images import metadata, png, writing
from inrcodec.images.reading import as_picture, read_image
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture

KINDS = ("PNG", "TIFF", "WEBP", "BMP", "GIF", "JPEG")
RAMP = np.arange(60, dtype=np.uint8).reshape(5, 12)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_every_kind_of_picture(dtype: type, channels: int) -> None:
    random = np.random.default_rng(0)
    samples = random.integers(0, np.iinfo(dtype).max, (7, 9, channels), endpoint=True).astype(dtype)
    exif = Image.Exif()
    exif[0x010F] = "maker"
    picture = Picture(samples, icc=b"p" * 200, exif=exif.tobytes(), xmp=b"<x:xmpmeta/>")
    back = read_image(image_bytes(picture))
    assert (back.pixels == samples).all()
    assert back.pixels.dtype == dtype
    assert back.icc == picture.icc
    assert back.xmp == picture.xmp
    assert back.exif is not None
    assert b"maker" in back.exif


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "maker"
    picture = read_image(saved(Image.fromarray(RAMP), exif=exif))
    from PIL import ImageOps

    turned = Image.fromarray(RAMP)
    turned.getexif()[0x0112] = orientation
    assert (picture.pixels[:, :, 0] == np.asarray(ImageOps.exif_transpose(turned))).all()
    again = read_image(image_bytes(picture))
    assert (again.pixels == picture.pixels).all()


def test_reading_does_not_change_the_callers_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(saved(Image.fromarray(RAMP), exif=exif)))
    first, again = as_picture(image).pixels, as_picture(image).pixels
    assert first.shape == again.shape == (12, 5, 1)
    assert (first == again).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bit_tiff_is_turned_upright_at_full_depth(orientation: int) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (4, 6, 3)).astype("<u2")
    tags = [(256, 4, 6), (257, 4, 4), (258, 3, 0), (259, 3, 1), (262, 3, 2), (273, 4, 0)]
    tags += [(274, 3, orientation), (277, 3, 3), (278, 4, 4), (279, 4, samples.nbytes)]
    extra = 8 + 2 + 12 * len(tags) + 4
    values = {258: extra, 273: extra + 6}
    data = b"II*\0" + (8).to_bytes(4, "little") + len(tags).to_bytes(2, "little")
    for tag, kind, value in tags:
        count = 3 if tag == 258 else 1
        data += tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + count.to_bytes(4, "little")
        data += values.get(tag, value).to_bytes(4, "little")
    data += bytes(4) + 3 * (16).to_bytes(2, "little") + samples.tobytes()
    upright = metadata.upright(samples, orientation)
    picture = read_image(data)
    assert picture.bit_depth == 16
    assert (picture.pixels == upright).all()


def test_lab_pictures_keep_their_orientation_and_metadata() -> None:
    lab = Image.new("LAB", (12, 5), (128, 128, 128))
    out = io.BytesIO()
    lab.save(out, "TIFF")
    image = Image.open(io.BytesIO(out.getvalue()))
    image.info["xmp"] = b"<x:xmpmeta/>"
    image.load()
    image.getexif()[0x0112] = 6
    picture = as_picture(image)
    assert picture.pixels.shape == (12, 5, 3)
    assert picture.xmp == b"<x:xmpmeta/>"


def test_broken_objects_are_refused() -> None:
    import torch

    cut = Image.open(io.BytesIO(saved(Image.fromarray(np.tile(RAMP, (9, 9))), "BMP")[:600]))
    for bad in (
        cut,
        torch.zeros(3, 4, 4, dtype=torch.bfloat16),
        torch.zeros(3, 4, 4, device="meta"),
    ):
        with pytest.raises(ImageError, match="cannot be used"):
            as_picture(bad)
    for array in (np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 3), np.int64), np.zeros(4)):
        with pytest.raises(ImageError):
            Picture(array)


def test_transparent_colours_and_palettes_become_alpha() -> None:
    gray = Image.fromarray(RAMP)
    keyed = read_image(saved(gray, transparency=7)).pixels
    assert keyed.shape == (5, 12, 2)
    assert ((keyed[:, :, 1] == 0) == (RAMP == 7)).all()
    palette = Image.fromarray(RAMP % 3).convert("P")
    assert read_image(saved(palette)).pixels.shape == (5, 12, 3)
    palette.info["transparency"] = 1
    assert read_image(saved(palette, transparency=1)).channels == 4
    bilevel = Image.fromarray(RAMP > 20)
    assert set(np.unique(read_image(saved(bilevel)).pixels)) == {0, 255}


def test_cmyk_becomes_rgb() -> None:
    cmyk = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    red = read_image(saved(cmyk, "TIFF")).pixels[0, 0]
    assert red[0] > 200
    assert red[1:].max() < 60


def test_sixteen_bit_ppm_keeps_its_precision() -> None:
    samples = np.arange(24, dtype=np.uint16).reshape(2, 4, 3) * 2500
    data = b"P6 4 2 65535\n" + samples.astype(">u2").tobytes()
    assert (read_image(data).pixels == samples).all()


def test_animations_give_their_first_frame_and_a_warning() -> None:
    frames = [Image.fromarray(RAMP + 60 * i) for i in range(3)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.warns(ImageWarning, match="3 frames"):
        assert read_image(data).pixels.shape == (5, 12, 3)


def test_six_threads_read_images_and_leave_the_process_as_it_was() -> None:
    data = [saved(Image.fromarray(np.tile(RAMP, (n, n))), kind) for n in (9, 17) for kind in KINDS]
    filters, showing = list(warnings.filters), warnings.showwarning
    expected = [read_image(each).pixels for each in data]
    wrong: list[object] = []
    together = threading.Barrier(6)

    def read() -> None:
        together.wait()
        for _ in range(25):
            for each, pixels_of_each in zip(data, expected, strict=True):
                if not (read_image(each).pixels == pixels_of_each).all():
                    wrong.append(each)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert warnings.filters == filters
    assert warnings.showwarning is showing


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
def test_200_images_leave_no_file_open(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(saved(Image.fromarray(RAMP)))
    (tmp_path / "bad.png").write_bytes(saved(Image.fromarray(np.tile(RAMP, (9, 9))))[:90])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        read_image(tmp_path / "good.png")
        with pytest.raises(ImageError, match=r"^.*bad.png: cannot be decoded"):
            read_image(tmp_path / "bad.png")
    assert len(os.listdir("/proc/self/fd")) == before


def test_damage_behind_the_samples_is_a_warning() -> None:
    whole = saved(Image.fromarray(np.tile(RAMP, (9, 9))))
    cut_in_a_text = whole[: whole.index(b"IEND") - 4] + b"\0\0\x10\0tEXtab\0cd"
    with pytest.warns(ImageWarning, match="damaged behind the image data"):
        assert (read_image(cut_in_a_text).pixels == read_image(whole).pixels).all()


def test_a_damaged_exif_block_is_dropped_with_a_warning() -> None:
    data = saved(Image.fromarray(RAMP), exif=b"Exif\0\0neither II nor MM")
    with pytest.warns(ImageWarning, match="EXIF block is damaged"):
        assert read_image(data).exif is None


def test_metadata_too_large_to_store_is_dropped_with_a_warning() -> None:
    image = Image.fromarray(RAMP)
    image.info["icc_profile"] = bytes(pixels.MAX_METADATA_BYTES + 1)
    image.info["xmp"] = bytes(pixels.MAX_METADATA_BYTES)
    with pytest.warns(ImageWarning, match="the ICC block is larger than 16777216 bytes"):
        picture = as_picture(image)
    assert picture.icc is None
    assert picture.xmp == image.info["xmp"]
    image.info = {"icc_profile": b"", "xmp": b""}
    assert as_picture(image).metadata == {"icc": None, "exif": None, "xmp": None}


def test_sixteen_bit_gray_with_a_transparent_value_keeps_both() -> None:
    gray = (RAMP.astype(np.uint16) * 1001)[:, :, None]
    data = image_bytes(Picture(gray))
    chunk = png._chunk(b"tRNS", int(gray[1, 1, 0]).to_bytes(2, "big"))
    picture = read_image(data[: png.HEADER_BYTES] + chunk + data[png.HEADER_BYTES :])
    assert (picture.pixels[:, :, :1] == gray).all()
    assert (picture.pixels[:, :, 1:] == np.where(gray == gray[1, 1, 0], 0, 65535)).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 70, 4), (70, 1, 2), (64, 3, 1), (129, 5, 3)])
def test_sixteen_bit_png_is_what_other_readers_read(shape: tuple[int, int, int]) -> None:
    import imagecodecs

    steps = np.random.default_rng(0).integers(-90, 90, shape)
    for axis in (0, 1):  # smooth across and down, so that both filters are taken
        samples = (30000 + steps.cumsum(axis)).astype(np.uint16)
        data = image_bytes(Picture(samples))
        assert (imagecodecs.png_decode(data).reshape(shape) == samples).all()
        with Image.open(io.BytesIO(data)) as image:
            image.verify()


def test_sixteen_bit_png_is_about_as_small_as_that_of_libpng() -> None:
    import imagecodecs
    from skimage import data

    coffee = data.coffee().astype(np.uint16) * 257
    assert len(image_bytes(Picture(coffee))) < 1.05 * len(imagecodecs.png_encode(coffee))


def test_only_sixteen_bit_colour_files_need_an_optional_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    deep = np.arange(60, dtype=np.uint16).reshape(5, 4, 3) * 900
    with pytest.raises(MissingExtraError, match=r'imagecodecs.*"inrcodec\[encode\]"'):
        read_image(image_bytes(Picture(deep)))
    for samples in (deep.astype(np.uint8), deep[:, :, :1]):
        assert (read_image(image_bytes(Picture(samples))).pixels == samples).all()
    pixmap = b"P6 4 5 65535\n" + deep.astype(">u2").tobytes()
    assert (read_image(pixmap).pixels == deep).all()


def test_a_base_install_reads_decodes_and_writes_images() -> None:
    code = (
        "import io, pathlib, sys\n"
        "for name in ('torch', 'scipy', 'imagecodecs', 'skimage', 'matplotlib', 'aiortc'):\n"
        "    sys.modules[name] = None\n"
        "import inrcodec, inrcodec.pillow\n"
        "from inrcodec.images import reading, writing\n"
        "from PIL import Image\n"
        "inrcodec.pillow.register_opener()\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "data = path.read_bytes()\n"
        "assert inrcodec.info(data).complete\n"
        "picture = inrcodec.decode_picture(data, bit_depth=16)\n"
        "assert writing.image_bytes(picture).startswith(b'\\x89PNG')\n"
        "expected = reading.read_image(path.with_suffix('.png')).pixels\n"
        "with Image.open(path) as image:\n"
        "    assert (reading.as_picture(image).pixels == expected).all()\n"
    )
    vector = Path(__file__).parent / "vectors" / "valid" / "coolchic.inr"
    subprocess.run([sys.executable, "-c", code, str(vector)], check=True)


def test_tensors_of_derived_classes_are_tensors() -> None:
    import torch

    class Image(torch.Tensor):  # as torchvision.tv_tensors.Image is
        pass

    Image.__module__ = "torchvision.tv_tensors"
    values = torch.arange(60, dtype=torch.uint8).reshape(1, 5, 12)
    for tensor in (values.as_subclass(Image), torch.nn.Parameter(values, requires_grad=False)):
        assert (as_picture(tensor).pixels[:, :, 0] == RAMP).all()
    learned = torch.nn.Parameter(torch.rand(3, 5, 12))
    assert as_picture(learned).pixels.shape == (5, 12, 3)


def test_tensors_are_known_without_importing_torch() -> None:
    code = (
        "import sys; from inrcodec.images.reading import as_picture; import numpy as np\n"
        "as_picture(np.zeros((4, 4), np.uint8)); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_arrays_tensors_and_pil_images_are_pictures() -> None:
    import torch

    assert as_picture(RAMP).pixels.shape == (5, 12, 1)
    assert (as_picture(RAMP / 255.0).pixels[:, :, 0] == RAMP).all()
    assert as_picture(RAMP > 3).pixels.max() == 255
    assert as_picture(torch.zeros(3, 5, 12, dtype=torch.uint8)).pixels.shape == (5, 12, 3)
    assert as_picture(torch.rand(5, 12)).pixels.shape == (5, 12, 1)
    assert as_picture(Image.fromarray(RAMP)).channels == 1
    assert as_picture(io.BytesIO(saved(Image.fromarray(RAMP)))).width == 12


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 5), np.uint8), "empty"),
        (np.zeros((5, 0, 3), np.uint8), "empty"),
        (np.zeros((5, 5, 5), np.uint8), "shape"),
        (np.zeros(5, np.uint8), "shape"),
        (np.zeros((5, 5), np.int64), "int64"),
        (np.full((5, 5), np.nan), "NaN"),
        (np.full((5, 5), np.inf), "NaN or infinite"),
        (np.full((5, 5), 2.0), r"\[0, 1\]"),
        (np.zeros((1, 1 << 21), np.uint8), "limit"),
        (b"", "empty"),
        (b"not an image", "known format"),
        (7, "expected a path"),
        ("no/such/file.png", "No such file"),
        (".", "directory"),
    ],
)
def test_bad_pictures_are_refused_with_the_reason(image: object, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        as_picture(image)


def test_a_bad_tensor_is_refused() -> None:
    import torch

    with pytest.raises(ImageError, match="tensor"):
        as_picture(torch.zeros(12, 5, 3))


def test_output_formats() -> None:
    assert writing.image_format("a.JPG") == "JPEG"
    for name in ("a", "a.xyz", "a.inr2"):
        with pytest.raises(OptionError):
            writing.image_format(name)
    alpha = Picture(np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(OptionError, match="JPEG"):
        image_bytes(alpha, "JPEG")
    with pytest.raises(OptionError, match="16-bit"):
        image_bytes(Picture(np.zeros((4, 4, 3), np.uint16)), "TIFF")
    assert read_image(image_bytes(Picture(np.zeros((4, 4, 1), np.uint16)), "TIFF")).bit_depth == 16


def test_rounding_is_exact_both_ways() -> None:
    for dtype, depth in ((np.uint8, 8), (np.uint16, 16)):
        every = np.arange(np.iinfo(dtype).max + 1).astype(dtype)[None, :, None]
        assert (pixels.from_unit(pixels.to_unit(every), depth) == every).all()
    assert pixels.from_unit(np.array([-9.0, np.nan, 9.0]), 8).tolist() == [0, 0, 255]


def test_psnr_of_known_pictures() -> None:
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 10, np.uint8)
    assert pixels.psnr(black, black) == float("inf")
    assert pixels.psnr(black, grey) == pytest.approx(20 * np.log10(25.5))
    with pytest.raises(ImageError, match="differ"):
        pixels.psnr(black, grey[:2])


def test_torture_files_round_trip_or_give_one_clear_error(shared: Path) -> None:
    folder = shared / "torture"
    wrong = []
    for row in csv.DictReader((folder / "EXPECTED_pillow.csv").read_text().splitlines()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                picture = read_image(folder / row["path"])
            except InrCodecError as error:
                if not row["error"] or row["path"] not in str(error):
                    wrong.append((row["path"], str(error)))
                continue
            size = {picture.width, picture.height}
            deep = "16" in row["mode"] or row["mode"] == "I"
            if row["error"] or size != {int(row["width"]), int(row["height"])}:
                wrong.append((row["path"], size))
            elif (deep and picture.bit_depth != 16) or (row["icc"] == "1" and not picture.icc):
                wrong.append((row["path"], "depth or profile"))
            elif row["transparency"] == "1" and picture.channels not in (2, 4):
                wrong.append((row["path"], "alpha"))
            elif not (read_image(image_bytes(picture)).pixels == picture.pixels).all():
                wrong.append((row["path"], "round trip"))
    assert wrong == []
