"""The journal: what it knows after any end, and what it refuses."""

import json
import os
from pathlib import Path

import pytest

from inrcodec.batch.disk import Disk
from inrcodec.batch.journal import NAME, Entry, Stamp
from inrcodec.errors import OutputError
from tests.batch.stubs import journal_in

DISK = Disk()
ENTRY = Entry("sub/a.inr", (Stamp("1" * 64, (3, 4, 5)),), "2" * 64, Stamp("3" * 64))
LATER = Entry(ENTRY.result, ENTRY.inputs, "4" * 64, ENTRY.output)


def lines(folder: Path) -> list[bytes]:
    return (folder / NAME).read_bytes().splitlines(keepends=True)


def test_entries_are_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with journal_in(tmp_path / "new" / "out") as journal:
        journal.add([ENTRY])
        journal.add([LATER])
        name = journal.temporary
    with journal_in(tmp_path / "new" / "out") as journal:
        assert journal.entries("sub/a.inr") == [ENTRY, LATER]
        assert journal.entries("b.inr") == []
        assert journal.temporary == name


def test_of_entries_that_differ_in_marks_the_last_one_counts(tmp_path: Path) -> None:
    written = Entry(ENTRY.result, ENTRY.inputs, ENTRY.options, Stamp("3" * 64, (1, 2, 3)))
    with journal_in(tmp_path) as journal:
        for entry in (ENTRY, LATER, written):
            journal.add([entry])
    with journal_in(tmp_path) as journal:
        assert journal.entries(ENTRY.result) == [LATER, written]


def test_a_line_that_was_cut_short_is_dropped_wherever_it_was_cut(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        journal.add([ENTRY])
        journal.add([LATER])
    whole = (tmp_path / NAME).read_bytes()
    start = len(whole) - len(lines(tmp_path)[-1])
    for cut in range(start, len(whole)):
        (tmp_path / NAME).write_bytes(whole[:cut])
        with journal_in(tmp_path) as journal:
            assert journal.entries(ENTRY.result) == [ENTRY]
            journal.add([LATER])
        assert (tmp_path / NAME).read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [b"{}", b"3", b"nonsense", b'{"result": 3}', b"\xff", b"[" * 5000, b'{"journal": 3}'],
)
@pytest.mark.parametrize("number", [0, 1])
def test_what_is_no_journal_is_refused_and_stays(tmp_path: Path, line: bytes, number: int) -> None:
    with journal_in(tmp_path) as journal:
        journal.add([ENTRY])
    kept = lines(tmp_path)
    kept[number] = line + b"\n"
    (tmp_path / NAME).write_bytes(b"".join(kept))
    with pytest.raises(OutputError, match=rf"{NAME}: line {number + 1} is none of a journal"):
        journal_in(tmp_path)
    assert lines(tmp_path) == kept


@pytest.mark.parametrize("name", ["", "../x", "a/b"])
def test_a_journal_cannot_name_a_temporary_file_elsewhere(tmp_path: Path, name: str) -> None:
    (tmp_path / NAME).write_text(json.dumps({"journal": 2, "temporary": name}) + "\n")
    with pytest.raises(OutputError, match="line 1"):
        journal_in(tmp_path)


def test_two_batches_do_not_share_a_folder(tmp_path: Path) -> None:
    with journal_in(tmp_path):
        with pytest.raises(OutputError, match=f"{tmp_path}: another batch writes to this folder"):
            journal_in(tmp_path)
    journal_in(tmp_path).close()


def test_a_journal_without_entries_leaves_nothing(tmp_path: Path) -> None:
    journal_in(tmp_path / "new").close()
    (tmp_path / "there").mkdir()
    journal_in(tmp_path / "there").close()
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=f"file/out/{NAME}: cannot be written: Not a directory"):
        journal_in(tmp_path / "file" / "out")


def test_every_option_counts(tmp_path: Path) -> None:
    hashes = []
    for number, options in enumerate([{}, {"a": 1}, {"a": 2}, {"b": 1}, {"a": None}, {"a": b"1"}]):
        with journal_in(tmp_path / str(number), **options) as journal:
            hashes.append(journal.hash_of({}))
    assert len(set(hashes)) == len(hashes)
    with journal_in(tmp_path / "b", y=2, x=1) as one, journal_in(tmp_path / "c", x=1, y=2) as two:
        assert one.hash_of({}) == two.hash_of({})


def test_a_stamp_fits_what_was_not_changed(tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(b"one")
    stamp = Stamp.of(b"one", DISK.marks(str(path)))
    assert stamp.fits(str(path), DISK.marks(str(path)))
    os.utime(path, ns=(1, 1))
    assert stamp.fits(str(path), DISK.marks(str(path)))  # other marks, the same bytes
    path.write_bytes(b"two")
    assert not stamp.fits(str(path), DISK.marks(str(path)))
    os.utime(path, ns=(stamp.marks[1], stamp.marks[1]))  # as `cp -p` does
    assert not stamp.fits(str(path), DISK.marks(str(path)))
    assert not Stamp.of(b"one").fits(str(tmp_path / "gone"), (3, 0, 0))


def test_what_has_its_marks_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path := tmp_path / "a").write_bytes(b"one")
    stamp = Stamp("of nothing", DISK.marks(str(path)))
    monkeypatch.setattr(Disk, "sha256", None)
    assert stamp.fits(str(path), DISK.marks(str(path)))
    path.write_bytes(b"more")
    assert not stamp.fits(str(path), DISK.marks(str(path)))
