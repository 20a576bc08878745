"""Batches on a cluster: a worker that dies loses nothing, every result is written once."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from inrcodec.batch import Journal, Outcome, find, plan_of, run
from inrcodec.batch.disk import Disk
from inrcodec.errors import ClusterError, OptionError
from inrcodec.jobs.cluster import check_address
from tests.batch.conftest import collect
from tests.batch.stubs import OPTIONS, journal_in, reversed_text, slow

pytest.importorskip("distributed")


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Collect what the frames of a test still held."""
    yield
    collect()


def make_inputs(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:02}.txt").write_bytes(b"text %02d" % number)


def begun(folder: Path, journal: Journal, make: object, scheduler: str, jobs: int | None = None):
    found = find([str(folder / "in")], {".txt"}, ".rev", recursive=False)
    plan = plan_of(found.items, journal)
    return run(plan.tasks, make, OPTIONS, journal, jobs=jobs, scheduler=scheduler)


def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_written_twice(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_inputs(tmp_path / "in", 60)
    written: list[str] = []
    write = Disk.write

    def counted(self: Disk, path: str, data: bytes, **how: object) -> None:
        written.append(path)
        write(self, path, data, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Disk, "write", counted)
    outcomes: list[Outcome] = []
    killed = None
    with journal_in(tmp_path / "out") as journal:
        for step in begun(tmp_path, journal, slow, cluster):
            outcomes += step.outcomes
            if killed is None and len(outcomes) >= 12:
                killed = outcomes[-1].report["process"]
                os.kill(killed, signal.SIGKILL)
    assert [outcome.error for outcome in outcomes] == [None] * 60
    assert len({outcome.report["process"] for outcome in outcomes} - {os.getpid()}) >= 4
    assert sorted(written) == [str(tmp_path / "out" / f"{k:02}.rev") for k in range(60)]
    for number in range(60):
        content = (tmp_path / "out" / f"{number:02}.rev").read_bytes()
        assert content == (b"text %02d" % number)[::-1]
    with journal_in(tmp_path / "out") as journal:
        assert list(begun(tmp_path, journal, slow, "tcp://127.0.0.1:1")) == []


def test_a_task_that_kills_its_workers_costs_no_other(cluster: str, tmp_path: Path) -> None:
    make_inputs(tmp_path / "in", 3)
    (tmp_path / "in" / "01.txt").write_bytes(b"die")
    (tmp_path / "in" / "02.txt").write_bytes(b"bad")
    with journal_in(tmp_path / "out") as journal:
        steps = begun(tmp_path, journal, reversed_text, cluster, 1)
        done = {o.item.result: str(o.error) for step in steps for o in step.outcomes}
    assert done == {
        "00.rev": "None",
        "01.rev": f"{tmp_path}/in/01.txt: the process died (out of memory?)",
        "02.rev": f"{tmp_path}/in/02.txt: not an image",
    }


def test_a_scheduler_that_goes_away_is_one_error_and_the_rest_is_done_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import logging

    import dask
    import distributed

    monkeypatch.setattr("inrcodec.jobs.cluster.CONNECT_S", 2)
    monkeypatch.setenv("MKL_NUM_THREADS", "1")  # which the cluster sets, and this takes back
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    make_inputs(tmp_path / "in", 40)
    done = 0

    def closing_after_three() -> None:
        nonlocal done
        with journal_in(tmp_path / "out") as journal:
            for step in begun(tmp_path, journal, slow, local.scheduler_address):
                done += len(step.outcomes)
                if done == 3:
                    local.close()

    local = distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        with pytest.raises(ClusterError, match=r"the scheduler at tcp://.* was lost"):
            closing_after_three()
    assert len(list((tmp_path / "out").glob("*.rev"))) == done
    with journal_in(tmp_path / "out") as journal:
        found = find([str(tmp_path / "in")], {".txt"}, ".rev", recursive=False)
        plan = plan_of(found.items, journal)
        assert (len(plan.skipped), len(plan.tasks)) == (done, 40 - done)


def test_a_worker_of_another_version_is_refused(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inrcodec.jobs.cluster.own_version", lambda: "9.9")
    make_inputs(tmp_path / "in", 1)
    with journal_in(tmp_path / "out") as journal:
        with pytest.raises(ClusterError, match=r"the worker tcp://.* has inrcodec .*, and not 9.9"):
            list(begun(tmp_path, journal, slow, cluster))


def test_a_scheduler_that_is_not_there_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inrcodec.jobs.cluster.CONNECT_S", 0.5)
    make_inputs(tmp_path / "in", 1)
    with journal_in(tmp_path / "out") as journal:
        with pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1: "):
            list(begun(tmp_path, journal, slow, "tcp://127.0.0.1:1"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8786", "tcp://here", "http://here:1", "", "tcp://:"]
)
def test_an_address_is_a_protocol_a_host_and_a_port(address: str) -> None:
    with pytest.raises(OptionError, match="scheduler must look like tcp://HOST:PORT, got"):
        check_address(address)
