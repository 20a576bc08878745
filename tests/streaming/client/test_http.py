"""Range requests, against a server that is a function: no socket."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from inrcodec.errors import FormatError, StreamError
from inrcodec.streaming import ReceiveOptions
from inrcodec.streaming.client.failures import Refused
from inrcodec.streaming.client.http import PARSE_GROWTH, Download, _Layers


class Reply:
    def __init__(self, status, headers, body, cut_at=None):
        self.status, self.headers, self.reason = status, headers, "because"
        self.content, self._body, self._cut_at = self, body, cut_at

    async def iter_chunked(self, size):
        for at in range(0, len(self._body), size):
            if self._cut_at is not None and at >= self._cut_at:
                raise ConnectionResetError("cut")
            yield self._body[at : at + size]


class Site:
    """One file; `cuts` are after how many bytes replies end, one after another."""

    def __init__(self, data, *, tag="v1", layers="", length=None, cuts=(), status=None):
        self.data, self.tag, self.layers, self.status = data, tag, layers, status
        self.length = str(len(data)) if length is None else length
        self.cuts, self.asked = list(cuts), []

    def _reply(self, headers):
        asked = headers.get("Range", "")
        self.asked.append(asked)
        known = {"ETag": f'"{self.tag}"', "Inr-Layers": self.layers}
        if self.status is not None:
            return Reply(self.status, known, b"")
        cut = self.cuts.pop(0) if self.cuts else None
        if not asked:
            return Reply(200, known, self.data, cut)
        start, _, stop = asked.removeprefix("bytes=").partition("-")
        if int(start) >= len(self.data):
            return Reply(416, known, b"")
        return Reply(206, known, self.data[int(start) : int(stop) + 1 if stop else None], cut)

    @asynccontextmanager
    async def get(self, url, headers):
        yield self._reply(headers)

    @asynccontextmanager
    async def head(self, url, allow_redirects):
        length = {"Content-Length": self.length, "Inr-Layers": self.layers}
        yield Reply(200, length, b"")


def download(data=b"", digest="", **options):
    return Download("http://x/y.inr", ReceiveOptions(**options), lambda: 1.0, data, digest)


def frames(of, site):
    async def go():
        return [frame async for frame in of.frames(site)]

    return asyncio.run(go())


@pytest.fixture
def starts(stream):
    ends = [0]
    for layer in stream.layers:
        ends.append(ends[-1] + len(layer))
    return ends[:-1]


def test_the_file_layer_by_layer(sliced_file, stream, starts):
    for text in ("", ",".join(map(str, starts))):
        got = frames(download(), Site(sliced_file, layers=text))
        assert got[-1].data == sliced_file
        assert got[-1].layers == got[-1].total_layers == len(stream.layers)
        layers = [frame.layers for frame in got]
        assert layers == sorted(set(layers))
        assert all(frame.data is None for frame in got[:-1])
        for frame in got[:-1]:
            assert frame.runs == (b"".join(stream.layers[: frame.layers]),)


def test_after_a_cut_only_the_rest_is_asked_for(sliced_file):
    site = Site(sliced_file, cuts=[1 << 14])
    of = download()
    with pytest.raises(ConnectionResetError):
        frames(of, site)
    assert frames(of, site)[-1].data == sliced_file
    assert site.asked == ["", f"bytes={1 << 14}-"]


def test_what_came_over_channels_is_kept(sliced_file):
    site = Site(sliced_file, tag="abc")
    assert frames(download(sliced_file[:5000], "abc"), site)[-1].data == sliced_file
    assert site.asked == ["bytes=5000-"]


def test_another_version_begins_anew(sliced_file, small_file):
    of = download(sliced_file[:5000], "abc")
    with pytest.raises(StreamError, match="changed"):
        frames(of, Site(sliced_file, tag="def"))
    assert of.data == b""
    assert frames(of, Site(small_file, tag="def"))[-1].data == small_file
    with pytest.raises(StreamError, match="changed"):  # shorter than what is there
        frames(download(bytes(len(small_file))), Site(small_file))


def test_less_than_all(sliced_file, stream, starts):
    told = ",".join(map(str, starts))
    for text, asked in ((told, f"bytes=0-{starts[2] - 1}"), ("", "")):
        site = Site(sliced_file, layers=text)
        last = frames(download(layers=2), site)[-1]
        assert site.asked == [asked]
        assert (last.layers, last.complete) == (2, False)
        assert last.runs == (b"".join(stream.layers[:2]),)


@pytest.mark.parametrize("length", ["²", "-1", "1e9", "9" * 5000, ""])
def test_a_length_that_is_no_number_is_not_believed(length, sliced_file, starts):
    site = Site(sliced_file, layers=",".join(map(str, starts)), length=length)
    assert frames(download(layers=2), site)[-1].data == sliced_file  # so all comes


@pytest.mark.parametrize("status", [404, 500, 401])
def test_refusals(status, small_file):
    with pytest.raises(Refused, match=str(status)):
        frames(download(), Site(small_file, status=status))


def test_files_of_no_use(small_file):
    for data in (b"hello", small_file[:-3]):
        with pytest.raises(FormatError):
            frames(download(), Site(data))
    for text in ("5,9", "0,x", "0,9,9", ",".join(map(str, range(99)))):
        assert frames(download(), Site(small_file, layers=text))[-1].data == small_file


def test_parsing_costs_a_few_times_the_last_parse(sliced_file):
    """However small the pieces."""
    parsed = []
    layers = _Layers([], lambda data: parsed.append(len(data)) or [])
    data = bytearray()
    for at in range(0, len(sliced_file), 10):
        data += sliced_file[at : at + 10]
        layers.look(data)
    assert sum(parsed) <= PARSE_GROWTH / (PARSE_GROWTH - 1) * parsed[-1]
