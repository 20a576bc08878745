"""Work in other threads, whose failures a test sees."""

import threading
from collections.abc import Callable


def run_in_threads(work: Callable[[], None], threads: int = 6) -> None:
    """Begin `work` in all threads at once and wait for its end. What one raised is raised here."""
    caught: list[BaseException] = []
    start = threading.Barrier(threads)

    def guarded() -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            caught.append(error)

    started = [threading.Thread(target=guarded) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if caught:
        raise caught[0]
