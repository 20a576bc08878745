"""Jobs: each task once, a death costs one, nothing stays behind."""

import time
from contextlib import closing
from pathlib import Path

from inrcodec.jobs.processes import done_by_processes
from tests.batch.stubs import die_on_odd, doubled, last_for
from tests.descriptors import open_files


def results(tasks: list, work: object, jobs: int) -> list[tuple]:
    looks = done_by_processes(tasks, work, jobs, 1)  # type: ignore[arg-type]
    return sorted((each.task, each.result) for look in looks for each in look.finished)


def test_every_task_is_done_once_and_the_first_of_a_process_is_known() -> None:
    assert results(list(range(9)), doubled, 2) == [(k, 2 * k) for k in range(9)]
    looks = done_by_processes(range(5), doubled, 2, 1)
    firsts = [each.is_first for look in looks for each in look.finished]
    assert firsts.count(True) == 2


def test_no_tasks_need_no_process() -> None:
    assert results([], None, 4) == []


def test_a_process_that_dies_costs_its_task_alone() -> None:
    looks = list(done_by_processes(range(6), die_on_odd, 2, 1))
    done = {each.task: each.result for look in looks for each in look.finished}
    assert done == {0: 0, 1: None, 2: 2, 3: None, 4: 4, 5: None}


def test_closing_ends_work_at_once_and_leaves_no_process_nor_descriptor() -> None:
    results([0.0], last_for, 1)  # opens what multiprocessing keeps for good
    before = open_files()
    with closing(done_by_processes([0.0, 60.0, 60.0], last_for, 2, 1)) as looks:
        finished = next(look.finished for look in looks if look.finished)
        assert {each.task for each in next(looks).running} == {60.0}
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert not Path(f"/proc/{finished[0].result}").exists()
    assert open_files() <= before
