"""Which files of several folders belong together."""

import os
from pathlib import Path

import pytest

from inrcodec.batch.matching import match
from inrcodec.errors import InputError, OptionError

KINDS = {".png", ".jpg", ".inr"}


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three folders, with folders in them; this is the current folder."""
    monkeypatch.chdir(tmp_path)
    names = (
        "a/one.png a/two.png a/sub/one.jpg a/notes.txt b/one.inr b/sub/one.inr b/more.png c/one.jpg"
    )
    for name in names.split():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_files_match_that_differ_in_extension_alone() -> None:
    matched = match(["a", "b", "c"], KINDS, ".html", recursive=False)
    (item,) = matched.items
    assert item.inputs == tuple(
        os.path.join(*p) for p in (["a", "one.png"], ["b", "one.inr"], ["c", "one.jpg"])
    )
    assert item.result == "one.html"
    assert [Path(name).as_posix() for name in matched.unmatched] == ["a/two.png", "b/more.png"]
    assert (matched.errors, matched.left_out) == ([], 1)


def test_folders_below_count_as_part_of_the_name() -> None:
    matched = match(["a", "b"], KINDS, ".html", recursive=True)
    assert [item.result for item in matched.items] == ["one.html", "sub/one.html"]


def test_two_files_of_a_folder_cannot_be_one() -> None:
    Path("b/one.png").write_bytes(b"")
    with pytest.raises(OptionError, match=r"b/one\.inr and b/one\.png would both be"):
        match(["a", "b"], KINDS, ".html", recursive=False)


def test_a_url_is_a_folder() -> None:
    files = pytest.importorskip("fsspec").filesystem("memory")
    files.pipe_file("/match/one.inr", b"")
    try:
        (item,) = match(["a", "memory://match"], KINDS, ".html", recursive=False).items
        assert item.others == ("memory://match/one.inr",)
        with pytest.raises(InputError, match=r"^memory://gone: no such folder"):
            match(["a", "memory://gone"], KINDS, ".html", recursive=False)
    finally:
        files.rm("/match", recursive=True)
