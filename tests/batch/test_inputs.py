"""Which files names stand for, and what their results are called."""

import os
from pathlib import Path

import pytest

from inrcodec.batch import Found, find
from inrcodec.errors import OptionError


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files in folders; this is the current folder."""
    for name in ("b.png", "a.PNG", "notes.txt", ".hidden.png", "sub/c.jpg", "sub/deep/d.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*names: str, recursive: bool = False) -> Found:
    return find(names, {".png", ".jpg", ".bmp"}, ".inr", recursive=recursive)


def results(*names: str, recursive: bool = False) -> list[str]:
    return [item.result for item in found(*names, recursive=recursive).items]


def test_of_a_folder_its_images_and_with_recursive_those_below() -> None:
    assert results("in") == ["a.inr", "b.inr"]
    assert results("in", recursive=True) == ["a.inr", "b.inr", "sub/c.inr", "sub/deep/d.inr"]
    assert results("in/", recursive=True) == results("in", recursive=True)
    assert found("in").left_out == 1
    assert [item.input for item in found("in/sub").items] == [os.path.join("in/sub", "c.jpg")]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("in/*.png", ["b.inr"]),
        ("in/*", ["a.inr", "b.inr"]),
        ("in/**/*.png", ["b.inr", "sub/deep/d.inr"]),
        ("in/sub/**", ["c.inr", "deep/d.inr"]),
        ("in/*/*", ["sub/c.inr"]),
        ("i?/[bc].png", ["in/b.inr"]),
        ("**/d.*", ["in/sub/deep/d.inr"]),
    ],
)
def test_patterns_keep_the_path_from_the_first_wildcard_on(
    pattern: str, expected: list[str]
) -> None:
    assert results(pattern) == expected
    assert results(os.path.abspath(pattern)) == expected


def test_a_name_with_wildcards_that_exists_is_that_file(tree: Path) -> None:
    (tree / "a[1].png").write_bytes(b"")
    assert results("a[1].png") == ["a[1].inr"]


def test_files_that_are_named_have_any_extension_and_need_not_exist() -> None:
    assert results("in/notes.txt", "gone.png") == ["notes.inr", "gone.inr"]


def test_two_results_of_one_name_are_refused_and_one_file_named_twice_is_one(tree: Path) -> None:
    assert results("in", "in/b.png", "./in/b.png") == ["a.inr", "b.inr"]
    (tree / "in" / "b.bmp").write_bytes(b"")
    with pytest.raises(OptionError, match=r"in/b\.bmp and in/b\.png would both .* to b\.inr$"):
        found("in")
    (tree / "b.png").write_bytes(b"")
    with pytest.raises(OptionError, match="their folder, or a pattern in quotes, keeps paths"):
        found("b.png", "in/b.png")


def test_what_stands_for_nothing_is_an_error_with_its_name(tree: Path) -> None:
    (tree / "empty").mkdir()
    errors = found("empty", "in/x*.png", "none/*.png").errors
    assert [str(error) for error in errors] == [
        "empty: no image in this folder; --recursive looks into the folders below",
        "in/x*.png: no file of this kind matches",
        "none/*.png: no file of this kind matches",
    ]
    assert str(found("empty", recursive=True).errors[0]) == "empty: no image in this folder"


def test_links_are_followed_but_never_in_a_circle(tree: Path) -> None:
    (tree / "in" / "sub" / "up").symlink_to("..")
    (tree / "in" / "sub" / "self").symlink_to("self")
    (tree / "in" / "sub" / "self.png").symlink_to("self.png")
    (tree / "elsewhere").mkdir()
    (tree / "elsewhere" / "e.png").write_bytes(b"")
    (tree / "in" / "link").symlink_to("../elsewhere")
    there = found("in", recursive=True)
    names = [item.result for item in there.items]
    assert names == ["a.inr", "b.inr", "link/e.inr", "sub/c.inr", "sub/deep/d.inr"]
    assert [str(e) for e in there.errors] == [
        "in/sub/self.png: is a link to nothing that can be read"
    ]
    assert results("in/**/*.jpg") == ["sub/c.inr"]


def test_a_pipe_is_left_out(tree: Path) -> None:
    os.mkfifo(tree / "in" / "pipe.png")
    assert results("in") == ["a.inr", "b.inr"]


def test_a_very_deep_folder_is_searched(tree: Path) -> None:
    depth = 1200
    try:
        for _ in range(depth):
            os.mkdir("f")
            os.chdir("f")
        Path("z.png").write_bytes(b"")
        os.chdir(tree)
        assert results("f", recursive=True) == ["f/" * (depth - 1) + "z.inr"]
    finally:  # what cleans up after tests cannot go so deep
        os.chdir(tree / Path(*["f"] * depth))
        os.unlink("z.png")
        for _ in range(depth):
            os.chdir("..")
            os.rmdir("f")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_costs_no_other(tree: Path) -> None:
    (tree / "in" / "sub").chmod(0)
    try:
        there = found("in", recursive=True)
    finally:
        (tree / "in" / "sub").chmod(0o700)
    assert [item.result for item in there.items] == ["a.inr", "b.inr"]
    assert [str(error) for error in there.errors] == ["in/sub: cannot be read: Permission denied"]


def test_a_folder_that_vanishes_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = os.listdir

    def listdir(path: str) -> list[str]:
        if path.endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "listdir", listdir)
    there = found("in", recursive=True)
    assert [item.result for item in there.items] == ["a.inr", "b.inr"]
    assert [str(error) for error in there.errors] == ["in/sub: cannot be read: Permission denied"]
