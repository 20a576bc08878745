"""The section on robustness says what the bench of damage measures."""

import numpy as np
import pytest

from inrcodec.errors import OptionError
from inrcodec.metrics.damage.robustness import MIDDLE, DamageBench
from inrcodec.metrics.judge import Judge
from inrcodec.metrics.report.evaluation import Evaluation, evaluate
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.options import ReportOptions
from inrcodec.metrics.report.page import to_html
from inrcodec.metrics.report.records import Report
from inrcodec.metrics.report.text import to_dict
from tests.metrics.report.pages import Page, jpeg, png


def test_numbers_are_those_of_the_bench(
    report: Report, photo: np.ndarray, photo_file: bytes
) -> None:
    (damaged,) = report.damaged  # of the .inr file alone
    bench = DamageBench(photo_file, Judge(photo, ["psnr"]))
    assert damaged.outcomes == tuple(bench.outcomes(MIDDLE, 3))
    (facts,) = to_dict(report)["robustness"]
    assert facts["undamaged"] == bench.clean
    page = Page(to_html(report))
    assert "Robustness" in page.text("h2")
    assert f"{damaged.outcomes[0].mean:.2f}" in page.text("td")
    assert "default,inriq" in page.text("p")


def test_seeds_files_and_sizes_decide_what_is_damaged(
    photo: np.ndarray, photo_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = File("a.png", png(photo))
    files = [File("a.inr", photo_file), File("b.jpg", jpeg(photo))]
    some = ReportOptions(metrics=("ssim",), codecs=(), damage_seeds=1)
    done = evaluate(reference, files, some)
    assert [(d.name, list(d.undamaged)) for d in done.damaged] == [("a.inr", ["ssim"])]
    none = ReportOptions(metrics=("ssim",), codecs=(), damage_seeds=0)
    done = evaluate(reference, files, none)
    assert done.damaged == ()
    assert "Robustness" not in Page(to_html(done)).text("h2")
    monkeypatch.setattr("inrcodec.metrics.report.options.DAMAGE_PIXELS", 100)
    large = Evaluation(reference, files, ReportOptions(metrics=("ssim",), codecs=()))
    assert large.steps == 3
    with pytest.raises(OptionError, match="damage_seeds must be in"):
        Evaluation(reference, files, ReportOptions(damage_seeds=-1))
