"""Numbers of callers: Python's, NumPy's, and what is none."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import inrcodec
from inrcodec import checks
from inrcodec.errors import OptionError
from inrcodec.metrics.damage.robustness import COUNTS
from inrcodec.metrics.damage.robustness import check as check_damage


@pytest.mark.parametrize(
    "value", [50, 50.0, np.int64(50), np.uint8(50), np.float32(50), Decimal(50)]
)
def test_whole_numbers_of_any_kind(value: object) -> None:
    checked = checks.whole("quality", value, 1, 100)
    assert checked == 50
    assert type(checked) is int
    assert inrcodec.EncodeOptions(quality=value).quality == 50


@pytest.mark.parametrize(
    "value", [0.5, np.float32(0.5), np.float64(0.5), Fraction(1, 2), Decimal("0.5")]
)
def test_real_numbers_of_any_kind(value: object) -> None:
    checked = checks.real("bpp", value, 0, 1)
    assert checked == 0.5
    assert type(checked) is float
    assert inrcodec.EncodeOptions(bpp=value) == inrcodec.EncodeOptions(bpp=0.5)


@pytest.mark.parametrize(
    "value",
    [
        50.5,
        Decimal("50.5"),
        Decimal("sNaN"),
        Decimal("1E+10000000"),
        True,
        np.True_,
        "50",
        None,
        float("nan"),
        float("inf"),
        0,
        101,
        10**100,
        [50],
    ],
)
def test_what_is_no_whole_number_in_range(value: object) -> None:
    with pytest.raises(OptionError, match=r"^quality must be (a whole number, got|in \[1, 100\])"):
        checks.whole("quality", value, 1, 100)


@pytest.mark.parametrize(
    "value",
    [
        True,
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1.01"),
        "0.5",
        None,
        float("nan"),
        1.01,
        -0.01,
        1j,
    ],
)
def test_what_is_no_real_number_in_range(value: object) -> None:
    with pytest.raises(OptionError, match=r"^bpp must be (a number, got|in \[0, 1\])"):
        checks.real("bpp", value, 0, 1)


def test_bounds_and_values_have_all_their_digits() -> None:
    with pytest.raises(OptionError, match=r"in \[1, 134217728\], got 134217729$"):
        checks.whole("max_pixels", (1 << 27) + 1, 1, 1 << 27)
    for over in (1.0000001, Decimal("1.0000001")):
        with pytest.raises(OptionError, match=r"in \[0, 1\], got 1.0000001$"):
            checks.real("loss_weight", over, 0.0, 1.0)
    with pytest.raises(OptionError, match=r"whole numbers up to \d+, got 2.0000001$"):
        check_damage({next(iter(COUNTS)): [2.0000001]}, 1)


def test_flags_are_true_or_false() -> None:
    assert checks.flag("metadata", np.False_) is False
    for value in ("no", 0, 1, None):
        with pytest.raises(OptionError, match="metadata must be True or False"):
            inrcodec.EncodeOptions(metadata=value)  # type: ignore[arg-type]


def test_views_take_numbers_of_any_kind() -> None:
    data = inrcodec.encode(np.zeros((16, 20, 3), np.uint8), effort=0)
    for size in ((40, 32), (40.0, 32.0), np.array([40, 32]), [np.int32(40), 32]):
        assert inrcodec.decode(data, size=size).shape == (32, 40, 3)
    assert inrcodec.decode(data, scale=np.float32(0.5)).shape == (8, 10, 3)
    crop = np.array([2, 3, 5, 4])
    assert inrcodec.decode(data, crop=crop, bit_depth=np.int64(16)).dtype == np.uint16
    for options in (
        {"size": "40"},
        {"size": (40,)},
        {"scale": 0},
        {"scale": "2"},
        {"bit_depth": 12},
    ):
        with pytest.raises(OptionError):
            inrcodec.decode(data, **options)


def test_arrays_and_tensors_without_dimensions_are_numbers() -> None:
    import torch

    for half in (np.float16(0.5), np.float64(0.5), np.array(0.5), torch.tensor(0.5)):
        assert checks.real("x", half, 0, 1) == 0.5
    for fifty in (50.0, np.float32(50), np.uint8(50), np.array(50), torch.tensor(50)):
        number = checks.whole("x", fifty, 0, 99)
        assert (type(number), number) == (int, 50)
    for none in (np.array(True), torch.tensor([1, 2]), np.array([1.0]), np.array("1"), "1"):
        for check in (checks.whole, checks.real):
            with pytest.raises(OptionError, match="x must be"):
                check("x", none, 0, 99)
