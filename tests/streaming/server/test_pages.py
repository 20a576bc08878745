"""The page that browsers see: who gets it, under which policy, and what it may ask."""

import asyncio
import gzip
import re

import aiohttp
import pytest

from inrcodec import web_files
from inrcodec.errors import InputError
from inrcodec.streaming.server import pages
from inrcodec.streaming.transport.signaling import signed
from tests.streaming.peers import serving

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TOKEN = "a-token-of-tests"
FILES = {
    "page/page.html": b"<!doctype html><title>images</title>" + b" " * 2000,
    "page/main.js": b"export {};",
    "initial/01-0.bin": b"INRI",
    "inr.wasm": b"\0asm",
    "index.d.ts": b"not served",
}


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A page that is built."""
    folder = tmp_path / "dist"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    monkeypatch.setattr(web_files, "FOLDERS", (folder,))
    pages.assets.cache_clear()
    yield folder
    pages.assets.cache_clear()


@pytest.fixture
def folder(tmp_path, sliced_file):
    served = tmp_path / "served"
    served.mkdir()
    (served / "grids.inr").write_bytes(sliced_file)
    return served


def replies(folder, asked, **options):
    """(status, headers, body) of requests, each (method, path, headers), to one server."""

    async def go():
        found = []
        async with serving(folder, **options) as (_, base), aiohttp.ClientSession() as http:
            for method, path, headers in asked:
                async with http.request(method, base + path, headers=headers) as reply:
                    found.append((reply.status, reply.headers, await reply.read()))
        return found

    return asyncio.run(go())


def test_browsers_get_the_page_and_programs_the_names(built, folder):
    asked = [("GET", "/", HTML), ("GET", "/view/grids.inr", HTML), ("GET", "/", {})]
    page, view, names = replies(folder, asked)
    for status, headers, body in (page, view):
        assert (status, body) == (200, FILES["page/page.html"])
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert "Accept" in headers["Vary"]
    assert names[2] == b'{"files": ["grids.inr"]}'
    assert names[1]["Vary"] == "Accept"


def test_the_viewer_without_a_name_leads_to_the_gallery(built, folder):
    for options in ({}, {"token": TOKEN}):
        ((status, _, body),) = replies(folder, [("GET", "/view/", HTML)], **options)
        assert (status, body) == (200, FILES["page/page.html"])


def test_the_policy_allows_nothing_from_elsewhere(built, folder):
    policies = [
        headers["Content-Security-Policy"]
        for _, headers, _ in replies(folder, [("GET", "/", HTML), ("GET", "/web/page/main.js", {})])
    ]
    for policy in policies:
        assert policy.startswith("default-src 'none'")
        assert not re.search(r"unsafe-inline|'unsafe-eval'|https?:|\*", policy)
    assert len(set(policies)) == 1


def test_only_files_of_the_page_are_served(built, folder):
    (built.parent / "secret.js").write_text("secret")
    paths = ["/web/page/main.js", "/web/index.d.ts", "/web/../secret.js", "/web/%2e%2e/secret.js"]
    paths += ["/web/page", "/web/", "/web/page/none.js"]
    statuses = [status for status, *_ in replies(folder, [("GET", path, {}) for path in paths])]
    assert statuses == [200, 404, 404, 404, 404, 404, 404]


def test_caching_and_compression(built, folder):
    get = [("GET", "/web/page/page.html", {"Accept-Encoding": "identity"})]
    get += [("GET", "/web/initial/01-0.bin", {})]
    (_, page, body), (_, initial, _) = replies(folder, get)
    assert (page["Cache-Control"], body) == ("no-cache", FILES["page/page.html"])
    assert "immutable" in initial["Cache-Control"]
    known = [("GET", "/web/page/page.html", {"If-None-Match": page["ETag"]})]
    ((status, headers, body),) = replies(folder, known)
    assert (status, body, headers["ETag"]) == (304, b"", page["ETag"])
    packed = [("GET", "/web/page/page.html", {"Accept-Encoding": "gzip"})]
    ((_, headers, body),) = replies(folder, packed)
    assert headers["Content-Encoding"] == "gzip"
    assert body == FILES["page/page.html"]  # unpacked by the client
    assert headers["ETag"] == page["ETag"]
    assert page["ETag"].startswith('W/"')  # one tag of two representations is a weak one
    found = pages.assets()["page/page.html"]
    assert gzip.decompress(found.packed) == found.data
    assert len(found.packed) < len(found.data)


def test_with_a_token_the_page_is_for_all_and_files_are_not(built, folder):
    link = signed("/files/grids.inr", TOKEN, 60).partition("?")[2]
    asked = [
        ("GET", "/", HTML),
        ("GET", "/view/grids.inr", HTML),
        ("GET", "/web/page/main.js", {}),
        ("GET", "/", {"Accept": "application/json"}),
        ("GET", "/files/grids.inr", HTML),
        ("GET", f"/files/grids.inr?{link}", {}),
        ("GET", "/references/grids.inr", {}),
        ("GET", f"/references/grids.inr?{link}", {}),
    ]
    (folder.parent / "grids.png").write_bytes(b"pixels")
    found = replies(folder, asked, token=TOKEN, references=str(folder.parent))
    assert [status for status, *_ in found] == [200, 200, 200, 401, 401, 200, 401, 200]


def test_references(built, folder):
    originals = folder.parent / "originals"
    originals.mkdir()
    (originals / "grids.png").write_bytes(b"pixels")
    (originals / "other.png").write_bytes(b"of no file")
    asked = [
        ("HEAD", "/files/grids.inr", {}),
        ("GET", "/references/grids.inr", {}),
        ("HEAD", "/references/grids.inr", {}),
        ("GET", "/references/other.inr", {}),
        ("GET", "/references/..%2forigi", {}),
    ]
    head, image, bare, *none = replies(folder, asked, references=str(originals))
    assert head[1]["Inr-Reference"] == "/references/grids.inr"
    assert (image[1]["Content-Type"], image[2]) == ("image/png", b"pixels")
    assert (bare[0], bare[2], bare[1]["Content-Length"]) == (200, b"", "6")
    assert [status for status, *_ in none] == [404, 404]
    (folder / "link.inr").write_bytes((folder / "grids.inr").read_bytes())
    (originals / "link.png").symlink_to("/etc/hostname")
    known = {"If-None-Match": image[1]["ETag"]}
    asked = [("GET", "/references/link.inr", {}), ("GET", "/references/grids.inr", known)]
    linked, again = replies(folder, asked, references=str(originals))
    assert (linked[0], again[0], again[2]) == (404, 304, b"")
    origin = "https://example.org"
    asked = [("GET", "/references/grids.inr", {"Origin": origin})]
    ((_, headers, _),) = replies(folder, asked, references=str(originals), origins=(origin,))
    assert headers["Access-Control-Allow-Origin"] == origin
    ((_, headers, _), (status, *_)) = replies(
        folder, [("HEAD", "/files/grids.inr", {}), ("GET", "/references/grids.inr", {})]
    )
    assert ("Inr-Reference" in headers, status) == (False, 404)
    with pytest.raises(InputError, match="no such folder of references"):
        replies(folder, [], references=str(folder / "nothing"))


def test_a_reference_that_shrinks_while_it_is_sent(built, folder):
    path = folder.parent / "grids.png"
    path.write_bytes(bytes(1 << 25))

    async def go():
        async with (
            serving(folder, references=str(folder.parent)) as (_, base),
            aiohttp.ClientSession() as http,
            http.get(f"{base}/references/grids.inr") as reply,
        ):
            await reply.content.readexactly(1000)
            path.write_bytes(b"")
            with pytest.raises(aiohttp.ClientPayloadError):
                await reply.read()

    asyncio.run(go())


def test_a_page_that_is_not_built(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(web_files, "FOLDERS", (tmp_path / "nothing",))
    pages.assets.cache_clear()
    ((status, _, body), (names, *_)) = replies(folder, [("GET", "/", HTML), ("GET", "/", {})])
    pages.assets.cache_clear()
    assert (status, names) == (503, 200)
    assert b"make web" in body
