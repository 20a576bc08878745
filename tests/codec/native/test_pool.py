"""Work shared among threads ends when one of them fails."""

import threading

import pytest

from inrcodec.codec.native.pool import kernel_threads, run


@pytest.mark.parametrize("caller_fails", [True, False])
def test_after_a_failure_nothing_more_begins(caller_fails: bool) -> None:
    caller, both = threading.current_thread(), threading.Barrier(2)
    begun: list[int] = []

    def work(k: int) -> None:
        begun.append(k)
        both.wait(30)  # one piece each
        if (threading.current_thread() is caller) == caller_fails:
            raise KeyboardInterrupt if caller_fails else MemoryError
        while True:  # until the other's failure has ended the work
            try:
                both.wait(0.2)
            except threading.BrokenBarrierError:
                return

    with kernel_threads(2), pytest.raises((KeyboardInterrupt, MemoryError)):
        run(work, 1000)
    assert len(begun) <= 4
