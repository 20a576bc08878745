"""A report that several tests share."""

import numpy as np
import pytest

from inrcodec.metrics.report.evaluation import evaluate
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.options import ReportOptions
from inrcodec.metrics.report.records import Report
from tests.metrics.report.pages import HOSTILE, jpeg, png


@pytest.fixture(scope="module")
def report(photo: np.ndarray, photo_file: bytes) -> Report:
    """A photograph as a .inr file, a JPEG, itself, and two reference codecs."""
    files = [File("a.inr", photo_file), File("b.jpg", jpeg(photo)), File(HOSTILE, png(photo))]
    options = ReportOptions(
        metrics=("psnr", "ssim", "ms-ssim"), codecs=("jpeg", "webp"), command=f"report {HOSTILE}"
    )
    return evaluate(File("photo.png", png(photo)), files, options)
