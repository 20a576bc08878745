"""What is left to do, by what lies where."""

import os
from pathlib import Path

import pytest

from inrcodec.batch import Item, Plan, plan_of
from inrcodec.batch.disk import Disk
from inrcodec.batch.journal import Entry, Stamp
from inrcodec.errors import OutputError
from tests.batch.stubs import journal_in

ITEM_RESULT = "sub/a.inr"


class Folder:
    """An input, and the folder of its result."""

    def __init__(self, path: Path) -> None:
        self.input, self.out = path / "a.png", path / "out"
        self.output = self.out / ITEM_RESULT
        self.input.write_bytes(b"image")
        self.output.parent.mkdir(parents=True)

    def make(self, *, killed: bool = False, **options: object) -> None:
        """Make the result, with its lines in the journal, or be killed before the file is there."""
        source = Stamp.of(self.input.read_bytes(), Disk().marks(str(self.input)))
        with journal_in(self.out, **options) as journal:
            made = Stamp.of(b"result")
            journal.add([Entry(ITEM_RESULT, (source,), journal.hash_of({}), made)])
            if not killed:
                self.output.write_bytes(b"result")
                made = Stamp(made.sha256, Disk().marks(str(self.output)))
                journal.add([Entry(ITEM_RESULT, (source,), journal.hash_of({}), made)])

    def plan(self, force: bool = False, if_newer: bool = False, **options: object) -> Plan:
        with journal_in(self.out, **options) as journal:
            items = [Item(str(self.input), ITEM_RESULT)]
            return plan_of(items, journal, force=force, if_newer=if_newer)

    def state(self, **how: object) -> str:
        """The one state that the item is in."""
        plan = self.plan(**how)  # type: ignore[arg-type]
        states = ["to do"] * len(plan.tasks) + ["done"] * len(plan.skipped)
        states += [str(error) for _, error in plan.failed]
        (state,) = states
        return state


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_new_one_is_to_do(folder: Folder) -> None:
    (task,) = folder.plan().tasks
    assert (task.output, task.size_bytes, task.replace) == (str(folder.output), 5, False)


def test_what_was_made_is_done_until_input_options_or_result_change(folder: Folder) -> None:
    folder.make()
    assert folder.state() == "done"
    assert folder.state(quality=3) == "to do"
    assert folder.state() == "done"
    folder.input.touch()
    assert folder.state() == "done"
    folder.input.write_bytes(b"imaGe")
    assert folder.state() == "to do"
    assert folder.plan().tasks[0].replace
    folder.input.write_bytes(b"image")
    assert folder.state() == "done"
    folder.output.unlink()
    assert folder.state() == "to do"


def test_force_does_not_make_anew_what_is_done(folder: Folder) -> None:
    folder.make()
    assert folder.state(force=True) == "done"


def test_marks_that_changed_are_noted_so_that_nothing_is_read_twice(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.make()
    folder.input.touch()
    folder.output.touch()
    assert folder.state() == "done"
    monkeypatch.setattr(Disk, "sha256", None)
    assert folder.state() == "done"


def test_what_the_journal_does_not_know_or_someone_changed_needs_force(folder: Folder) -> None:
    refused = f"{folder.output}: exists already; use --force to replace it"
    folder.output.write_bytes(b"of another")
    assert folder.state() == refused
    assert folder.state(force=True) == "to do"
    folder.output.unlink()
    folder.make()
    folder.output.write_bytes(b"changed")
    assert folder.state() == refused


def test_a_kill_at_any_moment_costs_one_result(folder: Folder) -> None:
    folder.make(killed=True)
    with journal_in(folder.out) as journal:
        left = folder.output.with_name(journal.temporary)
    left.write_bytes(b"resu")
    assert folder.state() == "to do"
    assert not left.exists()
    folder.output.write_bytes(b"result")  # it had its name, and the line behind it is missing
    assert folder.state() == "done"


def test_a_kill_while_a_result_is_replaced_keeps_the_old_one_ours(folder: Folder) -> None:
    folder.make()
    folder.make(killed=True, quality=3)
    folder.output.write_bytes(b"result")
    folder.output.write_bytes(b"result")
    assert folder.state(quality=4) == "to do"


def test_by_time_alone(folder: Folder) -> None:
    assert folder.state(if_newer=True) == "to do"
    folder.output.write_bytes(b"of another")
    os.utime(folder.input, (1000, 1000))
    os.utime(folder.output, (1001, 1001))
    assert folder.state(if_newer=True) == "done"
    os.utime(folder.output, (1000, 1000))
    assert folder.state(if_newer=True) == "done"
    os.utime(folder.output, (999, 999))
    assert folder.state(if_newer=True).endswith("use --force to replace it")
    assert folder.state(if_newer=True, force=True) == "to do"
    folder.output.unlink()
    folder.make()
    os.utime(folder.output, (999, 999))
    assert folder.state(if_newer=True) == "to do"
    os.utime(folder.output, (1001, 1001))
    assert folder.state(if_newer=True, quality=9) == "done"


def test_what_cannot_be_read_or_written_is_told_before_any_work(folder: Folder) -> None:
    folder.input.unlink()
    assert folder.state() == f"{folder.input}: cannot be read: No such file or directory"
    folder.input.write_bytes(b"image")
    folder.output.mkdir()
    assert folder.state() == f"{folder.output}: is a folder"
    folder.output.rmdir()
    folder.output.symlink_to("nowhere")
    assert folder.state() == f"{folder.output}: is a link to a file that does not exist"


def test_no_result_takes_the_place_of_an_input(folder: Folder) -> None:
    os.link(folder.input, folder.output)
    with pytest.raises(OutputError, match=r"a\.inr: is an input itself, .*a\.png"):
        folder.plan(force=True)
