"""Bytes of paths, file objects and buffers."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from inrcodec.errors import FormatError, ImageError, InputError, OutputError
from inrcodec.files import CHUNK_BYTES, is_stream, read_bytes, write_bytes

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


def test_only_one_of_two_writers_gets_a_new_name(tmp_path: Path) -> None:
    for turn in range(20):
        path = tmp_path / f"{turn}.inr"
        together, refused = threading.Barrier(4), []

        def write(
            content: bytes,
            path: Path = path,
            together: threading.Barrier = together,
            refused: list[bytes] = refused,
        ) -> None:
            together.wait()
            try:
                write_bytes(path, content * 9999, replace=False)
            except OutputError:
                refused.append(content)

        contents = [b"a", b"b", b"c", b"d"]
        threads = [threading.Thread(target=write, args=(each,)) for each in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 3
        assert path.read_bytes()[:1] not in refused
        assert path.stat().st_size == 9999
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".inr"] * 20


def test_a_file_system_without_links_does_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "new"
    write_bytes(path, DATA, replace=False)
    assert path.read_bytes() == DATA
    with pytest.raises(OutputError, match="exists already"):
        write_bytes(path, b"other", replace=False)
    assert path.read_bytes() == DATA
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_replaced_keeps_owner_group_and_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    before = path.stat()
    write_bytes(link, DATA)
    after = path.stat()
    assert path.read_bytes() == DATA
    assert link.is_symlink()
    assert (after.st_uid, after.st_gid, after.st_mode) == (
        before.st_uid,
        before.st_gid,
        before.st_mode,
    )
    assert after.st_ino != before.st_ino


def test_where_the_owner_cannot_be_kept_it_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(DATA * 2)
    before = path.stat()
    own = os.fstat

    def of_another(handle: int) -> os.stat_result:
        status = list(own(handle))
        status[4] += 1
        return os.stat_result(status)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fstat", of_another)
    monkeypatch.setattr(os, "fchown", refuse)
    write_bytes(path, DATA)
    monkeypatch.undo()
    assert path.read_bytes() == DATA
    assert path.stat().st_ino == before.st_ino
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_takes_no_files_may_hold_one_that_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(DATA * 2)
    original = os.open

    def refuse(name: object, *more: object, **options: object) -> int:
        if ".inrcodec-" in str(name):
            raise PermissionError(13, "Permission denied")
        return original(name, *more, **options)

    monkeypatch.setattr(os, "open", refuse)
    write_bytes(path, DATA)
    assert path.read_bytes() == DATA
    with pytest.raises(OutputError, match="Permission denied"):
        write_bytes(tmp_path / "new", DATA)


def test_a_link_to_nothing_is_refused_and_makes_no_folder(tmp_path: Path) -> None:
    link = tmp_path / "link"
    for target in (tmp_path / "no" / "such" / "file", tmp_path / "file"):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        for replace in (False, True):
            with pytest.raises(OutputError, match="link to a file that does not exist"):
                write_bytes(link, DATA, replace=replace)
        assert list(tmp_path.iterdir()) == [link]
    link.unlink()
    link.symlink_to(link)
    with pytest.raises(OutputError):
        write_bytes(link, DATA)


def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match="No space left"):
        write_bytes(path, DATA)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")
def test_a_caller_may_name_the_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, seen = os.fsync, []

    def noted(file: int) -> None:
        seen.extend(sorted(os.listdir(tmp_path)))
        sync(file)

    monkeypatch.setattr(os, "fsync", noted)
    write_bytes(tmp_path / "a", b"data", temporary=".mine")
    assert seen == [".mine"]
    assert os.listdir(tmp_path) == ["a"]


def test_streams_are_written_to_and_never_replaced(tmp_path: Path) -> None:
    log, pipe = tmp_path / "log", tmp_path / "pipe"
    log.write_bytes(b"before ")
    os.mkfifo(pipe)
    with log.open("ab") as file:
        name = f"/dev/fd/{file.fileno()}"
        assert is_stream(name)
        inode = log.stat().st_ino
        write_bytes(name, b"after", replace=False)
        assert log.stat().st_ino == inode
    assert log.read_bytes() == b"before after"
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_bytes(pipe, b"through", replace=False)
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    write_bytes("/dev/null", DATA, replace=False)
    assert is_stream("/dev/null")
    assert is_stream("/dev/stdout")
    for none in (log, tmp_path, tmp_path / "no", "a\0b"):
        assert not is_stream(none)
    with pytest.raises(OutputError, match="null"):
        write_bytes("a\0b", DATA)
