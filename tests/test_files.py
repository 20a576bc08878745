"""Bytes of paths, file objects and buffers."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from inrcodec.errors import FormatError, ImageError, InputError
from inrcodec.files import CHUNK_BYTES, read_bytes

DATA = bytes(range(256)) * 40


class Trickle:
    """A file object whose `read` returns fewer bytes than asked for, as sockets do."""

    def __init__(self, data: bytes, most: int = 7) -> None:
        self._file, self._most, self.largest = io.BytesIO(data), most, 0

    def read(self, size: int) -> bytes:
        self.largest = max(self.largest, size)
        return self._file.read(min(size, self._most))


def test_every_kind_of_source_gives_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(DATA)
    array = np.frombuffer(DATA, np.uint8)
    sources = [path, str(path), DATA, bytearray(DATA), memoryview(DATA), array, io.BytesIO(DATA)]
    for source in [*sources, Trickle(DATA)]:
        read = read_bytes(source)
        assert type(read) is bytes
        assert read == DATA
    with path.open("rb") as file:
        assert read_bytes(file) == DATA
    assert read_bytes(memoryview(array.reshape(40, 256))) == DATA


def test_a_pipe_is_read_until_it_is_closed() -> None:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as file:
            for start in range(0, len(DATA), 1000):
                file.write(DATA[start : start + 1000])

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb", buffering=0) as file:
        assert read_bytes(file) == DATA
    thread.join()


def test_more_than_the_limit_is_refused_before_it_is_copied(tmp_path: Path) -> None:
    path = tmp_path / "sparse.inr"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    endless = Trickle(DATA * 100, most=1 << 30)
    for source in (path, DATA, memoryview(DATA), np.frombuffer(DATA, np.uint8), endless):
        with pytest.raises(InputError, match="larger than 5000 bytes"):
            read_bytes(source, limit=5000)
    assert endless.largest <= 5001
    with pytest.raises(InputError, match="larger than"):
        read_bytes(path)
    assert read_bytes(DATA, limit=len(DATA)) == DATA
    assert read_bytes(Trickle(DATA), limit=len(DATA)) == DATA


def test_a_short_stream_is_never_asked_for_the_limit_at_once() -> None:
    stream = Trickle(DATA)
    read_bytes(stream)
    assert stream.largest == CHUNK_BYTES


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/file.inr", r"^no/such/file.inr: cannot be read: No such file"),
        (Path("no/such/file.inr"), r"^no/such/file.inr: cannot be read: No such file"),
        (".", r"^\.: cannot be read: Is a directory"),
        ("a\0b", "cannot be read: embedded null"),
        (io.StringIO("text"), r"expected a file object that gives bytes .* got str"),
        (7, "expected a path, a file object or bytes, got int"),
        (None, "got NoneType"),
        (np.zeros(4, np.uint16), "one-byte items"),
        (np.zeros((4, 4), np.uint8)[:, ::2], "contiguous"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(source: object, message: str) -> None:
    for kind in (InputError, ImageError):
        with pytest.raises(kind, match=message):
            read_bytes(source, error=kind)


def test_a_closed_file_and_one_that_would_block_are_refused() -> None:
    closed = io.BytesIO(DATA)
    closed.close()
    with pytest.raises(InputError, match="closed"):
        read_bytes(closed)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb", buffering=0) as file, pytest.raises(InputError, match="NoneType"):
        read_bytes(file)
    os.close(writing)


def test_a_failing_read_stays_the_cause(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_bytes(tmp_path / "gone")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert not isinstance(caught.value, FormatError)
