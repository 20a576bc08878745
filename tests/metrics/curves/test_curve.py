"""From rows to curves and Bjøntegaard deltas."""

import numpy as np
import pytest

from inrcodec.errors import OptionError
from inrcodec.metrics.curves.rd import bd_table, curve


def made_up(
    image: str, codec: str, asked: float, bpp: float, psnr_db: float, **more: object
) -> dict:
    row = {"image": image, "sha256": image, "codec": codec, "asked": {"quality": asked}}
    row |= {"bits_per_pixel": bpp, "metrics": {"psnr": psnr_db}, "settings": {}}
    return row | more


def test_a_curve_is_the_mean_over_pictures_of_every_common_setting() -> None:
    rows = [
        made_up("a", "x", 9, 0.9, 39),
        made_up("a", "x", 5, 0.5, 35),
        made_up("b", "x", 5, 0.7, 31),
        made_up("b", "x", 9, 1.1, 35),
        made_up("a", "x", 7, 0.1, 10),
        made_up("b", "x", 9, 1.3, 37),
        made_up("a", "y", 5, 9.9, 99),
        made_up("b", "x", 5, 0.1, 0.3, metrics={"ssim": 0.3}),
    ]
    bpp, values = curve(rows, "x", "psnr")
    assert bpp.tolist() == pytest.approx([0.6, 1.1])
    assert values.tolist() == pytest.approx([33, 38])
    with pytest.raises(OptionError, match="no rate of y has psnr for all 2 images"):
        curve(rows, "y", "psnr")
    rows.append(made_up("a", "x", 3, 0.2, 20, settings={"effort": 2}))
    with pytest.raises(OptionError, match="x was run with several settings"):
        curve(rows, "x", "psnr")


def test_rows_made_before_an_option_was_there_belong_to_the_same_curve() -> None:
    old, new = {"effort": 3}, {"effort": 3, "loss": "mse", "loss_weight": None}
    rows = [
        made_up("a", "inrcodec", 5, 0.5, 35, settings=old),
        made_up("a", "inrcodec", 9, 0.9, 39, settings=new),
    ]
    assert curve(rows, "inrcodec", "psnr")[1].tolist() == [35, 39]


def test_the_table_compares_every_codec_with_the_anchor() -> None:
    rates = [0.2, 0.4, 0.8, 1.6, 3.2]
    rows = []
    for image in ("a", "b"):
        for rate in rates:
            psnr_db = 32 + 7 * np.log10(rate)
            rows.append(made_up(image, "base", rate, rate, psnr_db))
            rows.append(made_up(image, "half", rate, rate / 2, psnr_db))
            rows.append(made_up(image, "far", rate, rate, psnr_db + 30))
    rows.append(made_up("a", "poor", 1, 1.0, 30))
    half, far, poor = (
        {entry.codec: entry for entry in bd_table(rows, "base", "psnr")}[name]
        for name in ("half", "far", "poor")
    )
    assert half.rate is not None
    assert half.gain is not None
    assert half.rate.value == pytest.approx(-50)
    assert half.gain.value == pytest.approx(7 * np.log10(2))
    assert half.reason is None
    assert far.rate is None
    assert far.gain is not None
    assert far.gain.value == pytest.approx(30)
    assert "metric ranges overlap by 0%" in str(far.reason)
    assert poor.rate is poor.gain is None
    assert "no rate of poor" in str(poor.reason)
    with pytest.raises(OptionError, match="no rate of absent"):
        bd_table(rows, "absent", "psnr")


def test_the_table_knows_the_direction_of_a_metric() -> None:
    rows = []
    for rate in (0.2, 0.4, 0.8, 1.6, 3.2):
        lpips = 0.3 - 0.2 * np.log10(rate)
        for codec, factor in (("base", 1.0), ("half", 0.5)):
            scores = {"lpips-alex": lpips}
            rows.append(made_up("a", codec, rate, rate * factor, 0, metrics=scores))
    (entry,) = bd_table(rows, "base", "lpips-alex")
    assert entry.rate is not None
    assert entry.gain is not None
    assert entry.rate.value == pytest.approx(-50)
    assert entry.gain.value == pytest.approx(-0.2 * np.log10(2))
