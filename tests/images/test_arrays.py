"""Arrays, tensors and PIL images, and what is refused."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from inrcodec.errors import ImageError
from inrcodec.images.reading import as_picture
from inrcodec.pixels import Picture
from tests.images.made import RAMP, saved


def test_broken_objects_are_refused() -> None:
    import torch

    cut = Image.open(io.BytesIO(saved(Image.fromarray(np.tile(RAMP, (9, 9))), "BMP")[:600]))
    for bad in (
        cut,
        torch.zeros(3, 4, 4, device="meta"),
        torch.zeros(3, 4, 4).to_sparse(),
    ):
        with pytest.raises(ImageError, match="cannot be used"):
            as_picture(bad)
    for array in (np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 3), np.int64), np.zeros(4)):
        with pytest.raises(ImageError):
            Picture(array)


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


def test_floats_of_few_bits_are_taken() -> None:
    import torch

    values = torch.arange(60).reshape(1, 5, 12) / 64
    kinds = (torch.bfloat16, torch.float16, torch.float64, torch.float8_e4m3fn)
    for kind in kinds:
        expected = as_picture(values.to(kind).double()).pixels
        assert (as_picture(values.to(kind)).pixels == expected).all()
        assert (as_picture(values.to(kind)[0]).pixels == expected).all()
    halves = values.numpy()[0].astype(np.float16)
    assert (as_picture(halves).pixels[:, :, 0] == np.floor(halves.astype(float) * 255 + 0.5)).all()


def test_the_order_of_bytes_does_not_matter() -> None:
    for kind in ("u2", "f4", "f8"):
        array = (RAMP.astype(kind) * (1001 if kind == "u2" else 1 / 64)).astype(kind)
        for order in "<>":
            ordered = array.astype(array.dtype.newbyteorder(order))
            assert (as_picture(ordered).pixels == as_picture(array).pixels).all()


def test_files_that_give_few_bytes_at_once_are_read_to_their_end() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(7, size) if size and size > 0 else 7)

    for kind in ("PNG", "JPEG", "TIFF", "WEBP", "GIF"):
        whole = saved(Image.fromarray(np.tile(RAMP, (9, 9))), kind)
        assert (as_picture(Trickle(whole)).pixels == as_picture(whole).pixels).all()


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
        (np.array([[-1e-9, 1.0000001]]), r"got \[-1e-09, 1.0000001\]"),
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
