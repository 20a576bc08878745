"""Who is at fault is a type; a file's name is added without changing it; extras have names."""

import copy
import pickle
import sys
import threading
import warnings

import pytest

from inrcodec import errors
from inrcodec.cli import console
from inrcodec.errors import (
    EncoderLimitError,
    FormatError,
    ImageError,
    ImageWarning,
    InrCodecError,
    LimitError,
    MissingExtraError,
    OptionError,
    PacketError,
    RateError,
    TruncatedError,
)
from inrcodec.extras import require


@pytest.mark.parametrize("kind", [FormatError, TruncatedError, LimitError])
def test_a_files_name_is_added_and_everything_else_stays(kind: type[FormatError]) -> None:
    def fail() -> None:
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise kind("no section", at=12) from cause

    def read() -> None:
        try:
            fail()
        except FormatError as error:
            error.about("a.inr")
            raise

    with pytest.raises(kind) as caught:
        read()
    error = caught.value
    assert caught.traceback[-1].name == "fail"
    assert str(error) == "a.inr: no section (at byte 12)"
    assert error.at == 12
    assert isinstance(error.__cause__, KeyError)
    assert str(error.about("b.inr").about(None)) == str(error)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(twin), str(twin), twin.at) == (kind, str(error), 12)


def test_a_name_is_added_to_every_kind_of_error() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type)]
    for kind in kinds:
        if issubclass(kind, InrCodecError):
            assert str(kind("reason").about("a.png")) == "a.png: reason"
            assert str(kind("reason")) == "reason"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OptionError("x"), 2),
        (FormatError("x"), 3),
        (TruncatedError("x"), 3),
        (LimitError("x"), 3),
        (EncoderLimitError("x"), 1),
        (MissingExtraError("x"), 1),
        (ImageError("x"), 1),
        (RateError("x"), 1),
        (PacketError("x"), 1),
    ],
)
def test_the_exit_code_says_who_is_at_fault(error: InrCodecError, code: int) -> None:
    assert console.exit_code(error) == code


def test_a_limit_of_the_encoder_is_no_fault_of_a_file() -> None:
    assert not issubclass(EncoderLimitError, (FormatError, OptionError))


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for module in ("torch", "no_such_package.part"):
        with pytest.raises(MissingExtraError, match=r'pip install "inrcodec\[encode\]"') as caught:
            require(module, extra="encode")
        assert module.partition(".")[0] in str(caught.value)
        assert "\n" not in str(caught.value)
    assert require("json.decoder", extra="encode").JSONDecoder


def test_a_broken_package_is_not_called_missing(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text("import no_such_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        require("broken_package", extra="encode")


def test_warnings_point_at_the_caller() -> None:
    from PIL import Image

    from inrcodec.images.reading import from_pil

    image = Image.new("L", (4, 4))
    image.info["exif"] = b"Exif\0\0neither II nor MM"
    with pytest.warns(ImageWarning, match="EXIF") as seen:
        from_pil(image)
    assert seen[0].filename == __file__


def test_warnings_of_a_thread_need_no_caller() -> None:
    seen: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: seen.append(str(message))
        thread = threading.Thread(target=errors.warn, args=("text", ImageWarning))
        thread.start()
        thread.join()
    assert seen == ["text"]
