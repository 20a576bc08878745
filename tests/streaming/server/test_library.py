import errno
import hashlib
import os
from pathlib import Path

import pytest

from inrcodec.codec.families.reslice import resliced
from inrcodec.errors import InputError, OptionError, StreamError
from inrcodec.streaming.server.library import BusyError, Library, UnknownFileError, checked


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
    assert library.name_of(first.manifest.digest.hex()) == "good.inr"
    assert checked(first, first.manifest.digest.hex()) is first
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


def test_that_a_file_cannot_be_streamed_is_remembered(tmp_path, sliced_file):
    path = tmp_path / "a.inr"
    path.write_bytes(sliced_file[:-1])
    library = Library(str(tmp_path))
    message = r"a\.inr: only a whole file"
    with pytest.raises(StreamError, match=message):
        library.read(library.version("a.inr"))
    for _ in range(2):
        with pytest.raises(StreamError, match=message):
            library.kept(library.version("a.inr"))
    path.write_bytes(sliced_file)
    assert library.stream("a.inr").data == sliced_file


def test_a_system_that_fails_is_not_the_fault_of_a_file(tmp_path, sliced_file, monkeypatch):
    """What is remembered of a file is only what its bytes say."""
    (tmp_path / "a.inr").write_bytes(sliced_file)
    library = Library(str(tmp_path))
    for number, kind in ((errno.EMFILE, BusyError), (errno.EACCES, StreamError)):
        with monkeypatch.context() as patch:

            def fail(path, number=number):
                raise OSError(number, os.strerror(number))

            patch.setattr(Path, "read_bytes", fail)
            with pytest.raises(StreamError, match=r"a\.inr: cannot be read: ") as found:
                library.stream("a.inr")
            assert type(found.value) is kind
    assert library.stream("a.inr").data == sliced_file


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path, sliced_file):
    path = tmp_path / "a.inr"
    path.write_bytes(b"not yet")

    def late(data, side, max_work):
        path.write_bytes(sliced_file)
        return data

    library = Library(str(tmp_path))
    version = library.version("a.inr")
    with pytest.raises(StreamError):
        library.read(version, late)
    assert library.kept(version) is None
    assert library.stream("a.inr").data == sliced_file


def test_only_names_that_a_link_can_say_are_offered(tmp_path, sliced_file):
    bytes_of = os.fsencode(tmp_path)
    try:
        with open(bytes_of + b"/\xff.inr", "wb") as file:
            file.write(sliced_file)
    except OSError:
        pytest.skip("names are Unicode here")
    (tmp_path / "12:30 \u00fc.inr").write_bytes(sliced_file)
    library = Library(str(tmp_path))
    assert library.names() == ["12:30 \u00fc.inr"]
    for name in ("\udcff.inr", "\0.inr", f"../{tmp_path.name}/12:30 \u00fc.inr", ".inr"):
        with pytest.raises(UnknownFileError):
            library.stream(name)
    with pytest.raises(InputError, match="not Unicode"):
        Library(os.fsdecode(bytes_of + b"/\xff.inr"))


def test_a_folder_that_goes_away(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    library = Library(str(folder))
    folder.rmdir()
    with pytest.raises(StreamError, match="folder: cannot be read"):
        library.names()
    with pytest.raises(UnknownFileError):
        library.stream("a.inr")


def test_streams_used_longest_ago_are_let_go(tmp_path, sliced_file):
    for name in ("a.inr", "b.inr", "c.inr"):
        (tmp_path / name).write_bytes(sliced_file)
    library = Library(str(tmp_path), cached_bytes=7 * len(sliced_file))
    first, second = library.stream("a.inr"), library.stream("b.inr")
    assert library.stream("a.inr") is first
    library.stream("c.inr")
    assert library.stream("a.inr") is first
    assert library.stream("b.inr") is not second


def test_only_what_was_asked_for_by_name_is_known_by_content(tmp_path, sliced_file, small_file):
    path = tmp_path / "a.inr"
    path.write_bytes(sliced_file)
    library = Library(str(tmp_path))
    digest = hashlib.sha256(sliced_file).hexdigest()
    with pytest.raises(UnknownFileError):
        library.name_of(digest)
    library.stream("a.inr")
    assert library.name_of(digest) == "a.inr"
    path.write_bytes(small_file)
    with pytest.raises(UnknownFileError):
        checked(library.stream("a.inr"), digest)
    path.unlink()
    with pytest.raises(UnknownFileError):
        library.stream(library.name_of(digest))
