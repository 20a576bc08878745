import hashlib
import threading

import pytest

from inrcodec.codec.coolchic.reslice import resliced
from inrcodec.errors import InputError, OptionError, StreamError
from inrcodec.streaming.server.library import Library, UnknownFileError


def test_what_can_be_served(tmp_path, sliced_file):
    with pytest.raises(InputError):
        Library(str(tmp_path / "none"))
    broken = tmp_path / "broken.inr"
    broken.write_bytes(b"broken")
    with pytest.raises(StreamError):
        Library(str(broken))
    good = tmp_path / "good.inr"
    good.write_bytes(sliced_file)
    library = Library(str(tmp_path))
    first = library.stream("good.inr")
    assert library.stream("good.inr") is first
    assert library.by_digest(first.manifest.digest.hex()) is first
    good.write_bytes(sliced_file[:-1])
    with pytest.raises(StreamError):
        library.stream("good.inr")
    with pytest.raises(UnknownFileError):
        library.stream("../good.inr")


def test_a_side_cuts_grids_and_leaves_other_files(tmp_path, sliced_file, small_file):
    for side in (-16, 7, 5000):
        with pytest.raises(OptionError, match="slices"):
            Library(str(tmp_path), side)
    (tmp_path / "grids.inr").write_bytes(sliced_file)
    (tmp_path / "network.inr").write_bytes(small_file)
    library = Library(str(tmp_path), 64)
    assert library.stream("grids.inr").data == resliced(sliced_file, 64)
    assert library.stream("network.inr").data == small_file


def test_one_slow_file_keeps_no_other_waiting(tmp_path, sliced_file):
    for name in ("a.inr", "b.inr"):
        (tmp_path / name).write_bytes(sliced_file)
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Library):
        def _read(self, key):
            if key.path.name == "a.inr":
                begun.set()
                assert go_on.wait(30)
            return super()._read(key)

    library = Slow(str(tmp_path))
    thread = threading.Thread(target=library.stream, args=("a.inr",))
    thread.start()
    assert begun.wait(30)
    library.stream("b.inr")
    assert thread.is_alive()
    go_on.set()
    thread.join()
    assert not library._reading


def test_streams_used_longest_ago_are_let_go(tmp_path, sliced_file):
    for name in ("a.inr", "b.inr", "c.inr"):
        (tmp_path / name).write_bytes(sliced_file)
    library = Library(str(tmp_path), cached_bytes=7 * len(sliced_file))
    first, second = library.stream("a.inr"), library.stream("b.inr")
    assert library.stream("a.inr") is first
    library.stream("c.inr")
    assert library.stream("a.inr") is first
    assert library.stream("b.inr") is not second


def test_only_what_was_asked_for_by_name_is_known_by_content(tmp_path, sliced_file):
    path = tmp_path / "a.inr"
    path.write_bytes(sliced_file)
    library = Library(str(tmp_path))
    digest = hashlib.sha256(sliced_file).hexdigest()
    with pytest.raises(UnknownFileError):
        library.by_digest(digest)
    library.stream("a.inr")
    assert library.by_digest(digest).data == sliced_file
    path.unlink()
    with pytest.raises(UnknownFileError):
        library.by_digest(digest)
