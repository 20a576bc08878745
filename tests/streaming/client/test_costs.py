"""What a file and its server can cost a receiver, and what a file can cost a server."""

import asyncio
import os
import tracemalloc

import pytest
from aiohttp import web

from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Family
from inrcodec.codec.format.sections import Kind
from inrcodec.errors import LimitError, OptionError, StreamError
from inrcodec.streaming import Library, ReceiveOptions, fetch, stream_of
from inrcodec.streaming.client import reception
from inrcodec.streaming.client.http import PIECE, Download
from inrcodec.streaming.client.offer import MAX_ANSWER_BYTES
from inrcodec.streaming.decoding import check_head, limits_of
from inrcodec.streaming.protocol.frame import Beginning
from tests.network_files import random_file
from tests.streaming.client.test_http import Site
from tests.streaming.client.test_http import frames as downloaded
from tests.streaming.client.test_reception import answering
from tests.streaming.peers import frames, serving


@pytest.fixture(scope="module")
def vast():
    """A network of one layer, about 100 KB, for 2^27 pixels: minutes of work."""
    data = random_file(Family.SIREN, 1 << 14, 1 << 13, (220, 3))
    assert len(data) > 5 * PIECE
    assert len(stream_of(data).layers) == 1
    return data


@pytest.mark.parametrize("transport", ["webrtc", "http"])
@pytest.mark.parametrize("options", [{}, {"max_pixels": 10**6}])
def test_a_file_that_costs_too_much_is_refused_in_one_line(tmp_path, vast, transport, options):
    (tmp_path / "vast.inr").write_bytes(vast)

    async def go():
        async with serving(tmp_path) as (_, base):
            url = f"{base}/files/vast.inr"
            with pytest.raises(LimitError) as caught:
                await frames(url, transport=transport, **options)
            return url, str(caught.value), await fetch(url, ReceiveOptions(transport=transport))

    url, said, fetched = asyncio.run(go())
    assert said.startswith(f"{url}: ")
    assert "--max-pixels" in said if options else "--max-work" in said
    assert "\n" not in said
    assert fetched == vast  # which decodes nothing


def test_a_download_ends_with_the_piece_that_has_the_header(vast):
    limits = limits_of(None, None)
    options = ReceiveOptions()
    of = Download(options, lambda: 1.0, Beginning(), lambda data: check_head(data, limits))
    with pytest.raises(LimitError):
        downloaded(of, Site(vast))
    assert len(of.data) == PIECE
    known = Beginning(vast[:3000], "v1")  # also of what was there from an earlier time
    of = Download(options, lambda: 1.0, known, lambda data: check_head(data, limits))
    with pytest.raises(LimitError):
        downloaded(of, Site(vast))
    assert len(of.data) == 3000 + PIECE


def test_only_whole_headers_of_files_beyond_the_limits_are_refused(vast, sliced_file):
    limits = limits_of(320 * 240, None)
    for data in (b"", b"no file", os.urandom(3000), vast[:20], sliced_file):
        check_head(data, limits)
    check_head(vast, limits_of(None, 1e6))
    with pytest.raises(LimitError, match="max_pixels"):
        check_head(sliced_file, limits_of(320 * 240 - 1, None))


def test_work_that_the_header_does_not_tell_is_refused_with_what_tells_it(tmp_path, sliced_file):
    """Symbols count as they arrive: the first layer passes, a later one does not."""
    (tmp_path / "grids.inr").write_bytes(sliced_file)

    async def go(work):
        async with serving(tmp_path) as (_, base):
            return await frames(f"{base}/files/grids.inr", transport="http", max_work=work)

    for work in (0.01, 0.02):
        with pytest.raises(LimitError, match="max_work"):
            asyncio.run(go(work))
    assert asyncio.run(go(1))[-1].complete


@pytest.mark.parametrize("wrong", [{"max_pixels": 0}, {"max_work": -1}, {"max_work": "much"}])
def test_limits_are_checked(wrong):
    with pytest.raises(OptionError, match="max_"):
        ReceiveOptions(**wrong)


def test_a_file_that_takes_too_long_to_be_cut_is_not_served(tmp_path, sliced_file, vast):
    (tmp_path / "grids.inr").write_bytes(sliced_file)
    (tmp_path / "vast.inr").write_bytes(vast)  # which nobody cuts
    with pytest.raises(OptionError, match="max_work"):
        Library(str(tmp_path), max_work=-1)
    library = Library(str(tmp_path), 64, max_work=0.001)
    assert library.problem("grids.inr").startswith("grids.inr: this would take about")
    assert library.problem("vast.inr") == ""
    with pytest.raises(Exception, match=r"grids\.inr: .*--max-work"):
        library.stream("grids.inr")
    for allowed in (Library(str(tmp_path), max_work=0), Library(str(tmp_path), 64)):
        assert allowed.problem("grids.inr") == ""
        allowed.stream("grids.inr")


def test_an_answer_that_is_too_long_is_refused():
    async def handler(request):
        return web.Response(status=201, body=bytes(MAX_ANSWER_BYTES + 1))

    async def go():
        async with answering(handler) as base:
            await fetch(f"{base}/x.inr", ReceiveOptions(transport="webrtc"))

    with pytest.raises(StreamError, match="an answer that is too long"):
        asyncio.run(go())


def test_attempts_without_anything_new_are_few(monkeypatch):
    """Those of the default, against a server that always has another reason to try again."""
    monkeypatch.setattr(reception, "pause_s", lambda failures: 0.0)
    asked = []

    async def handler(request):
        asked.append(request.method)
        return web.Response(status=503)

    async def go(**options):
        async with answering(handler) as base:
            await fetch(f"{base}/x.inr", ReceiveOptions(**options))

    for transport in ("http", "webrtc", "auto"):
        asked.clear()
        with pytest.raises(StreamError, match="503"):
            asyncio.run(go(transport=transport))
        assert len(asked) == 1 + ReceiveOptions().retries == 6


def test_a_download_takes_a_few_times_its_bytes(vast):
    data = bitstream.write(bitstream.read(vast).header, [(Kind.PARAMETERS, bytes(1 << 22))])
    of = Download(ReceiveOptions(), lambda: 1.0, Beginning(), lambda _: None)

    async def go():
        tracemalloc.start()
        try:
            async for frame in of.frames(Site(data)):
                assert frame.data == data
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    most = asyncio.run(go())
    assert len(data) < most < 5 * len(data)
