"""What reading leaves of the process: nothing; what it needs of the installation: the base."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inrcodec.errors import ImageError
from inrcodec.images.reading import read_image
from tests.conftest import VECTORS
from tests.images.made import RAMP, saved
from tests.together import run_in_threads

KINDS = ("PNG", "TIFF", "WEBP", "BMP", "GIF", "JPEG")


def test_six_threads_read_images_and_leave_the_process_as_it_was() -> None:
    data = [saved(Image.fromarray(np.tile(RAMP, (n, n))), kind) for n in (9, 17) for kind in KINDS]
    filters, showing = list(warnings.filters), warnings.showwarning
    expected = [read_image(each).pixels for each in data]
    wrong: list[object] = []

    def read() -> None:
        for _ in range(25):
            for each, pixels_of_each in zip(data, expected, strict=True):
                if not (read_image(each).pixels == pixels_of_each).all():
                    wrong.append(each)

    run_in_threads(read)
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
    vector = VECTORS / "valid" / "coolchic.inr"
    subprocess.run([sys.executable, "-c", code, str(vector)], check=True)
