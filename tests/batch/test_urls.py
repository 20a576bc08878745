"""Batches between URLs: memory, and a bucket of a storage server, also on a cluster."""

import os
import signal
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator

import pytest

from inrcodec.batch import Journal, Outcome, find, places, plan_of, run
from inrcodec.batch.journal import NAME
from inrcodec.batch.places import place_of
from inrcodec.batch.storage import plain
from inrcodec.errors import InputError, InrCodecError, OptionError, OutputError
from tests.batch.stubs import OPTIONS, slow

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory() -> Iterator[str]:
    """The URL of an empty folder in the memory of this process."""
    files = fsspec.filesystem("memory")
    yield "memory://test"
    if files.exists("/test"):
        files.rm("/test", recursive=True)


def put(url: str, data: bytes) -> None:
    place_of(url).write(url, data, replace=True, temporary="")


def fill(base: str, count: int) -> None:
    for number in range(count):
        put(f"{base}/in/{'sub/' * (number % 2)}{number:02}.txt", b"text %02d" % number)


def journal(base: str, **options: object) -> Journal:
    return Journal(f"{base}/out", {**OPTIONS, **options})


def ran(base: str, *names: str, **how: object) -> list[Outcome]:
    names = names or (f"{base}/in",)
    found = find(names, {".txt"}, ".rev", recursive=True)
    assert found.errors == []
    with journal(base) as opened:
        plan = plan_of(found.items, opened)
        assert plan.failed == []
        steps = run(plan.tasks, slow, OPTIONS, opened, **{"jobs": 2, **how})  # type: ignore[arg-type]
        return [outcome for step in steps for outcome in step.outcomes]


def results(base: str) -> dict[str, bytes]:
    store = place_of(base)
    below = store.below(f"{base}/out", None)  # type: ignore[attr-defined]
    return {"/".join(parts): store.read(url) for url, parts in below}


EXPECTED = {f"{'sub/' * (k % 2)}{k:02}.rev": (b"text %02d" % k)[::-1] for k in range(12)}


@pytest.mark.parametrize("kind", ["memory", "bucket", "google"])
def test_a_batch_between_urls_goes_on_where_it_was_stopped(
    kind: str, request: pytest.FixtureRequest
) -> None:
    base = request.getfixturevalue(kind)
    fill(base, 12)
    found = find([f"{base}/in"], {".txt"}, ".rev", recursive=True)
    with journal(base) as opened:
        plan = plan_of(found.items, opened)
        steps = run(plan.tasks[:5], slow, OPTIONS, opened, jobs=2)
        assert sum(len(step.outcomes) for step in steps) == 5
    rest = ran(base)
    assert [outcome.error for outcome in rest] == [None] * 7
    assert results(base) == EXPECTED
    put(f"{base}/in/02.txt", b"other")
    assert [outcome.item.result for outcome in ran(base)] == ["02.rev"]
    assert ran(base) == []
    put(f"{base}/out/00.rev", b"of another")
    with journal(base) as opened:
        ((_, error),) = plan_of(found.items, opened).failed
    assert str(error) == f"{base}/out/00.rev: exists already; use --force to replace it"


def test_names_of_urls_stand_for_what_names_of_paths_do(memory: str) -> None:
    for name in ("a.txt", "b.png", "sub/c.txt", "sub/deep/d.txt", ".hidden/e.txt", "sub/.f.txt"):
        put(f"{memory}/in/{name}", b"x")

    def found(name: str, recursive: bool = False) -> list[str]:
        items = find([f"{memory}/{name}"], {".txt"}, ".rev", recursive=recursive).items
        return [item.result for item in items]

    assert found("in") == ["a.rev"]
    assert found("in/", recursive=True) == ["a.rev", "sub/c.rev", "sub/deep/d.rev"]
    assert found("in/**/*.txt") == ["a.rev", "sub/c.rev", "sub/deep/d.rev"]
    assert found("in/*/*") == ["sub/c.rev"]
    assert found("i?/sub/[cd].*") == ["in/sub/c.rev"]
    assert found("in/gone.txt") == ["gone.rev"]
    errors = find([f"{memory}/in/*.gif"], {".txt"}, ".rev", recursive=False).errors
    assert [str(error) for error in errors] == [f"{memory}/in/*.gif: no file of this kind matches"]
    with pytest.raises(OptionError, match=r"would both be written to a\.rev"):
        find([f"{memory}/in/a.txt", f"{memory}/in/sub/a.txt"], {".txt"}, ".rev", recursive=False)
    assert plain("file:///data/a.png") == "/data/a.png"
    assert plain("s3://bucket/a.png") == "s3://bucket/a.png"


def test_in_a_bucket_a_worker_that_is_killed_loses_nothing_and_each_is_written_once(
    bucket: str, request: pytest.FixtureRequest
) -> None:
    fill(bucket, 40)
    cluster = request.getfixturevalue("cluster")  # its workers take the bucket's settings
    found = find([f"{bucket}/in"], {".txt"}, ".rev", recursive=True)
    outcomes: list[Outcome] = []
    killed = None
    with journal(bucket) as opened:
        plan = plan_of(found.items, opened)
        for step in run(plan.tasks, slow, OPTIONS, opened, jobs=None, scheduler=cluster):
            outcomes += step.outcomes
            if killed is None and len(outcomes) >= 8:
                killed = outcomes[-1].report["process"]
                os.kill(killed, signal.SIGKILL)
    assert [outcome.error for outcome in outcomes] == [None] * 40
    assert len(results(bucket)) == 40
    assert set(versions().values()) == {1}
    assert ran(bucket) == []


def versions() -> Counter[str]:
    """How often each object was written."""
    import boto3

    client = boto3.client("s3")
    rows = client.list_object_versions(Bucket="bucket", Prefix="out/")["Versions"]
    client.close()
    return Counter(row["Key"] for row in rows)


@pytest.mark.parametrize("kind", ["memory", "bucket"])
def test_two_batches_do_not_share_a_folder(kind: str, request: pytest.FixtureRequest) -> None:
    base = request.getfixturevalue(kind)
    fill(base, 1)
    (item,) = find([f"{base}/in"], {".txt"}, ".rev", recursive=True).items
    with journal(base) as first:
        task = plan_of([item], first).tasks
        with journal(base) as second:
            steps = run(plan_of([item], second).tasks, slow, OPTIONS, second, jobs=1)
            assert [outcome.error for step in steps for outcome in step.outcomes] == [None]
        with pytest.raises(OutputError, match="/out: another batch writes to this folder"):
            list(run(task, slow, OPTIONS, first, jobs=1))
    assert ran(base) == []


def test_the_parts_of_a_journal_become_one(memory: str) -> None:
    fill(memory, 6)
    files = fsspec.filesystem("memory")
    ran(memory)
    assert len(files.ls(f"{memory}/out/{NAME}")) > 3
    parts = {row: files.cat_file(row) for row in files.ls(f"{memory}/out/{NAME}", detail=False)}
    assert ran(memory) == []
    (one,) = files.ls(f"{memory}/out/{NAME}", detail=False)
    for name, content in parts.items():  # killed between putting together and removing
        files.pipe_file(name, content)
    assert ran(memory) == []
    assert len(files.ls(f"{memory}/out/{NAME}")) == 1
    assert max(parts) < one


def test_a_journal_without_entries_leaves_nothing(memory: str) -> None:
    journal(memory).close()
    assert fsspec.filesystem("memory").find("/test") == []


def test_a_failure_that_passes_is_tried_again(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inrcodec.batch.urls.PAUSE_S", 0)
    put(f"{memory}/a.txt", b"text")
    store, failures = place_of(memory), [OSError(5, "lost"), ConnectionResetError(104, "reset")]
    cat = store._files.cat_file  # type: ignore[attr-defined]

    def flaky(path: str) -> bytes:
        if failures:
            raise failures.pop()
        return cat(path)

    monkeypatch.setattr(store._files, "cat_file", flaky)  # type: ignore[attr-defined]
    assert store.read(f"{memory}/a.txt") == b"text"
    failures += [ValueError("of a library")] * 3
    with pytest.raises(InputError, match=r"memory://test/a.txt: cannot be read: of a library"):
        store.read(f"{memory}/a.txt")


def test_an_answer_that_was_lost_is_no_other_batch(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inrcodec.batch.urls.PAUSE_S", 0)
    store = place_of(memory)
    pipe = store._files.pipe_file  # type: ignore[attr-defined]
    lost = [ConnectionResetError(104, "reset")]

    def losing(path: str, data: bytes, **how: object) -> None:
        pipe(path, data, **how)
        if lost:
            raise lost.pop()

    monkeypatch.setattr(store._files, "pipe_file", losing)  # type: ignore[attr-defined]
    store.write(f"{memory}/a.txt", b"text", replace=False, temporary="")
    assert store.read(f"{memory}/a.txt") == b"text"
    with pytest.raises(OutputError, match="exists already and is not replaced"):
        store.write(f"{memory}/a.txt", b"more", replace=False, temporary="")


@pytest.fixture
def no_rights(server: str, bucket: str) -> Iterator[str]:
    """The bucket, which from now on asks for credentials that nobody has."""

    def allowed(requests: int) -> None:
        asked = urllib.request.Request(
            f"{server}/moto-api/reset-auth",
            str(requests).encode(),
            {"Content-Type": "text/plain"},
            method="POST",
        )
        urllib.request.urlopen(asked).close()

    allowed(0)
    yield bucket
    allowed(1 << 40)


def test_a_bucket_without_rights_is_one_error(no_rights: str) -> None:
    with pytest.raises(OutputError, match=r"^s3://bucket/out: cannot be used: "):
        journal(no_rights)
    (error,) = find([f"{no_rights}/in"], {".txt"}, ".rev", recursive=False).errors
    assert str(error).startswith("s3://bucket/in: cannot be read: ")


def test_a_bucket_that_is_not_there_is_one_error(bucket: str) -> None:
    with pytest.raises(OutputError, match=r"^s3://none/out.*: cannot be written: "):
        Journal("s3://none/out", OPTIONS)


def test_urls_that_nothing_opens_are_one_error() -> None:
    with pytest.raises(OptionError, match=r"^nothing:// is no kind of URL that fsspec opens"):
        place_of("nothing://a/b")


def test_what_a_package_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    places._place_of_scheme.cache_clear()
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InrCodecError, match=r'needs gcsfs.*: pip install "inrcodec\[gcs\]"'):
        place_of("gs://bucket/a")
