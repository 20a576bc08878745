"""Files are cut by other processes as they would be here, and none is left behind."""

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from inrcodec.codec.format.header import Family
from inrcodec.errors import FormatError, StreamError
from inrcodec.streaming.layers import cut
from inrcodec.streaming.server import cutting
from inrcodec.streaming.server.cutting import SMALL_BYTES, Cutters
from inrcodec.streaming.server.library import BusyError
from tests.latent_files import random_file


@pytest.fixture(scope="module")
def large_file():
    data = random_file(Family.COOLCHIC, 320, 240)
    assert len(data) > SMALL_BYTES
    return data


@pytest.fixture
def cutters():
    found = Cutters()
    yield found
    found.close()
    assert not found._all


def test_files_are_cut_as_they_would_be_here(cutters, large_file):
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(cutters.cut, [large_file] * 6, [0, 64, None] * 2))
    assert made == [cut(large_file, side) for side in (0, 64, None)] * 2
    assert len(cutters._all) <= 2


def test_a_file_that_is_not_valid_is_said_and_the_process_goes_on(cutters, large_file):
    for broken in (b"broken" * SMALL_BYTES, large_file[:-1]):
        with pytest.raises(FormatError) as here:
            cut(broken, 64)
        with pytest.raises(StreamError) as there:
            cutters.cut(broken, 64)
        assert str(there.value) == str(here.value)
    assert cutters.cut(large_file, 64) == cut(large_file, 64)
    assert len(cutters._all) == 1


def test_a_process_imports_nothing_from_the_folder_it_stands_in(
    cutters, large_file, tmp_path, monkeypatch
):
    for name in ("json", "numpy", "inrcodec"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('wrong module')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert cutters.cut(large_file, 64) == cut(large_file, 64)


def test_small_files_are_cut_here(cutters, sliced_file, monkeypatch):
    monkeypatch.setattr(cutting, "SMALL_BYTES", len(sliced_file))
    assert cutters.cut(sliced_file, 64) == cut(sliced_file, 64)
    assert not cutters._all


def test_a_process_that_dies_fails_one_file(cutters, large_file, capfd):
    cutters.cut(large_file, 64)
    (process,) = cutters._all
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with pytest.raises(BusyError, match="was stopped"):
        cutters.cut(large_file, 64)
    assert cutters.cut(large_file, 64) == cut(large_file, 64)
    assert capfd.readouterr().err == ""


def test_a_system_without_processes(cutters, large_file, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(cutting.subprocess, "Popen", refuse)
    with pytest.raises(BusyError, match="Cannot allocate memory"):
        cutters.cut(large_file, 64)


def test_closing_ends_what_is_being_cut(cutters):
    """A file that takes long: the thread that waits for it hears at once."""
    data = random_file(Family.COOLCHIC, 1000, 1000)
    errors = []

    def wait():
        try:
            cutters.cut(data, 16)
        except BusyError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not cutters._all:
        time.sleep(0.01)
    cutters.close()
    thread.join(60)
    assert not thread.is_alive()
    assert len(errors) == 1
    with pytest.raises(BusyError, match="has stopped"):
        cutters.cut(data, 16)
