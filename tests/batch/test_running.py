"""A batch of stubs: what is written, what fails, and what the parent holds."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from inrcodec.batch import Outcome, find, plan_of, run
from inrcodec.batch.journal import NAME
from inrcodec.errors import FormatError, MissingExtraError, OutputError
from tests.batch.stubs import OPTIONS, journal_in, lacking, reversed_text, slow
from tests.descriptors import open_files

MEMORY = Path(__file__).parents[1] / "programs" / "batch_memory.py"


def outcomes(folder: Path, make: object = reversed_text, **inputs: bytes) -> dict[str, Outcome]:
    """What came of each input, by the stem of its name."""
    (folder / "in").mkdir(exist_ok=True)
    for name, content in inputs.items():
        (folder / "in" / f"{name}.txt").write_bytes(content)
    found = find([str(folder / "in")], {".txt"}, ".rev", recursive=False)
    with journal_in(folder / "out") as journal:
        plan = plan_of(found.items, journal)
        steps = run(plan.tasks, make, OPTIONS, journal, jobs=2)  # type: ignore[arg-type]
        done = [outcome for step in steps for outcome in step.outcomes]
    return {Path(outcome.item.input).stem: outcome for outcome in done}


def test_failures_of_every_kind_name_their_file_and_cost_no_other(tmp_path: Path) -> None:
    done = outcomes(tmp_path, a=b"one", b=b"bad", c=b"bug", d=b"memory", e=b"die", f=b"two")
    told = {stem: str(outcome.error) for stem, outcome in done.items() if outcome.error}
    assert told == {
        "b": f"{tmp_path}/in/b.txt: not an image",
        "c": f"{tmp_path}/in/c.txt: KeyError: 'lost'",
        "d": f"{tmp_path}/in/d.txt: not enough memory for this image",
        "e": f"{tmp_path}/in/e.txt: the process died (out of memory?)",
    }
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("[!.]*")}
    assert written == {"a.rev": b"eno", "f.rev": b"owt"}
    assert outcomes(tmp_path).keys() == {"b", "c", "d", "e"}  # and no other is made again


def test_an_input_that_vanished_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"one")
    found = find([str(tmp_path / "in")], {".txt"}, ".rev", recursive=False)
    with journal_in(tmp_path / "out") as journal:
        plan = plan_of(found.items, journal)
        (tmp_path / "in" / "a.txt").unlink()
        steps = run(plan.tasks, reversed_text, OPTIONS, journal, jobs=1)
        (outcome,) = [outcome for step in steps for outcome in step.outcomes]
    assert str(outcome.error) == f"{tmp_path}/in/a.txt: cannot be read: No such file or directory"


def test_warnings_name_their_file(tmp_path: Path) -> None:
    done = outcomes(tmp_path, a=b"warn", b=b"calm")
    assert done["a"].warnings == (f"{tmp_path}/in/a.txt: half of it was left behind",)
    assert done["b"].warnings == ()


def test_errors_keep_their_type_and_what_they_know(tmp_path: Path) -> None:
    done = outcomes(tmp_path, a=b"format")
    error = done["a"].error
    assert isinstance(error, FormatError)
    assert error.at == 7


def test_a_missing_extra_ends_the_batch(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match="this needs"):
        outcomes(tmp_path, lacking, a=b"one", b=b"two")


def test_a_result_that_cannot_be_written_costs_no_other(tmp_path: Path) -> None:
    assert outcomes(tmp_path, a=b"one")["a"].error is None
    (tmp_path / "in" / "a.txt").write_bytes(b"three")
    (tmp_path / "in" / "b.txt").write_bytes(b"four")
    found = find([str(tmp_path / "in")], {".txt"}, ".rev", recursive=False)
    with journal_in(tmp_path / "out") as journal:
        plan = plan_of(found.items, journal)
        (tmp_path / "out" / "b.rev").write_bytes(b"of another, meanwhile")
        steps = run(plan.tasks, reversed_text, OPTIONS, journal, jobs=1)
        done = [outcome for step in steps for outcome in step.outcomes]
    errors = [type(outcome.error) for outcome in done]
    assert errors == [type(None), OutputError]
    assert (tmp_path / "out" / "b.rev").read_bytes() == b"of another, meanwhile"
    assert (tmp_path / "out" / "a.rev").read_bytes() == b"eerht"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_ctrl_c_leaves_no_process_no_descriptor_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)
    outcomes(tmp_path, a=b"one")  # opens what multiprocessing keeps for good
    for number in range(40):
        (tmp_path / "in" / f"{number}.txt").write_bytes(b"%d" % number)
    found = find([str(tmp_path / "in")], {".txt"}, ".rev", recursive=False)
    before = open_files()
    processes: set[int] = set()
    with journal_in(tmp_path / "out") as journal:
        steps = run(plan_of(found.items, journal).tasks, slow, OPTIONS, journal, jobs=2)
        for step in steps:
            processes |= {outcome.report["process"] for outcome in step.outcomes}
            if len(processes) == 2:
                with pytest.raises(KeyboardInterrupt):
                    steps.throw(KeyboardInterrupt())
    assert len(processes) == 2
    assert not any(Path(f"/proc/{process}").exists() for process in processes)
    assert open_files() <= before
    assert list(scratch.iterdir()) == []
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {name for name in names if not name.endswith(".rev")} == {NAME}


def test_the_parent_does_not_grow_with_the_files(tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    done = subprocess.run(
        [sys.executable, str(MEMORY), str(tmp_path), "2000"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 4 << 20  # keeping results would take 80 MB, and reports 16 MB
