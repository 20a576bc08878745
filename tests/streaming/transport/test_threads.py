"""Work in threads beside the event loop."""

import asyncio
import multiprocessing
import os
import sys
import threading

import pytest

from inrcodec.streaming.transport.threads import KEPT, at_work, in_thread


async def idents(count):
    """The threads of so many works at once: each waits for all others."""
    together = threading.Barrier(count)

    def work():
        together.wait(30)
        return threading.get_ident()

    return await asyncio.gather(*(in_thread(work) for _ in range(count)))


def test_each_work_has_a_thread_of_its_own_and_threads_are_kept():
    async def go():
        many = KEPT + 4
        assert len(set(await idents(many))) == many
        await asyncio.sleep(0.1)
        before = threading.active_count()
        for _ in range(20):
            await in_thread(int)
        return before, threading.active_count()

    before, after = asyncio.run(go())
    assert after <= before  # those beyond the kept ones may still be ending


def test_an_error_is_raised_where_it_is_waited_for():
    async def go():
        await in_thread(int, "no number")

    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(go())
    assert not at_work()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    async def ident():
        return await in_thread(os.getpid)

    assert asyncio.run(ident()) == os.getpid()  # now a thread is kept
    with multiprocessing.get_context("fork").Pool(1) as pool:
        child, said = pool.apply_async(_in_child).get(60)
    assert child == said != os.getpid()


def _in_child():
    async def ident():
        return await in_thread(os.getpid)

    return os.getpid(), asyncio.run(ident())
