"""Range requests, against a server that is a function: no socket."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from inrcodec.errors import FormatError, StreamError
from inrcodec.streaming import ReceiveOptions
from inrcodec.streaming.client.failures import Refused
from inrcodec.streaming.client.http import PARSE_GROWTH, Download, _Layers
from inrcodec.streaming.protocol.frame import Beginning
from inrcodec.streaming.protocol.manifest import MAX_STREAM_BYTES


class Reply:
    def __init__(self, status, headers, body, cut_at=None):
        self.status, self.headers, self.reason = status, headers, "because"
        self.content, self._body, self._cut_at = self, body, cut_at

    async def iter_chunked(self, size):
        for at in range(0, len(self._body), size):
            if self._cut_at is not None and at >= self._cut_at:
                raise ConnectionResetError("cut")
            yield self._body[at : at + size]
        if self._cut_at is not None:
            raise ConnectionResetError("cut")


class Site:
    """One file; `cuts` are after how many bytes replies end, one after another. `said` changes the
    headers of its replies, None leaves one out; `short` is the most bytes of a range."""

    def __init__(
        self, data, *, tag="v1", layers="", length=None, cuts=(), status=None, short=None, **said
    ):
        self.data, self.tag, self.layers, self.status = data, tag, layers, status
        self.length = str(len(data)) if length is None else length
        self.cuts, self.asked, self.short, self.said = list(cuts), [], short, said

    def _reply(self, headers):
        asked = headers.get("Range", "")
        self.asked.append(asked)
        size = len(self.data)
        known = {"ETag": f'"{self.tag}"', "Inr-Layers": self.layers}
        if self.status is not None:
            return Reply(self.status, known, b"")
        cut = self.cuts.pop(0) if self.cuts else None
        if not asked:
            return Reply(200, self._with(known | {"Content-Length": self.length}), self.data, cut)
        start, _, stop = asked.removeprefix("bytes=").partition("-")
        begin, end = int(start), int(stop) + 1 if stop else size
        if begin >= size:
            return Reply(416, self._with(known | {"Content-Range": f"bytes */{size}"}), b"sorry")
        end = min(end, begin + self.short) if self.short else end
        known["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        return Reply(206, self._with(known), self.data[begin:end], cut)

    def _with(self, headers):
        changed = headers | {name.replace("_", "-"): text for name, text in self.said.items()}
        return {name: text for name, text in changed.items() if text is not None}

    @asynccontextmanager
    async def get(self, headers):
        yield self._reply(headers)

    @asynccontextmanager
    async def head(self):
        length = {"Content-Length": self.length, "Inr-Layers": self.layers}
        yield Reply(200, length, b"")


def download(data=b"", version="", **options):
    return Download(
        ReceiveOptions(**options), lambda: 1.0, Beginning(data, version), lambda _: None
    )


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
        frames(download(bytes(len(small_file) + 1), "v1"), Site(small_file))


def test_less_than_all(sliced_file, stream, starts):
    told = ",".join(map(str, starts))
    for text, asked in ((told, f"bytes=0-{starts[2] - 1}"), ("", "")):
        site = Site(sliced_file, layers=text)
        last = frames(download(layers=2), site)[-1]
        assert site.asked == [asked]
        assert (last.layers, last.complete) == (2, False)
        assert last.runs == (b"".join(stream.layers[:2]),)


@pytest.mark.parametrize("length", ["²", "-1", "1e9", ""])
def test_a_length_that_is_no_number_is_not_believed(length, sliced_file, starts):
    site = Site(sliced_file, layers=",".join(map(str, starts)), length=length)
    assert frames(download(layers=2), site)[-1].data == sliced_file  # so all comes


@pytest.mark.parametrize("status", [404, 410, 401])
def test_refusals(status, small_file):
    with pytest.raises(Refused, match=str(status)):
        frames(download(), Site(small_file, status=status))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_cannot_answer_now_is_asked_again(status, small_file):
    with pytest.raises(StreamError, match=str(status)) as caught:
        frames(download(), Site(small_file, status=status))
    assert not isinstance(caught.value, Refused)


def test_a_range_shorter_than_asked_for_is_gone_on_from(sliced_file):
    site, of = Site(sliced_file, short=20_000), download(sliced_file[:7], "v1")
    rounds = 0
    while True:
        try:
            got = frames(of, site)
            break
        except StreamError as error:
            assert "cut after" in str(error)  # noqa: PT017
            rounds += 1
    assert got[-1].data == sliced_file
    assert rounds == -(-(len(sliced_file) - 7) // 20_000) - 1


def test_a_body_without_a_length_that_is_cut_is_asked_for_again(sliced_file):
    """The end of a connection then says nothing of whether the file was whole."""
    site, of = Site(sliced_file[:9000], Content_Length=None), download()
    with pytest.raises(StreamError, match="cut"):
        frames(of, site)
    site.data = sliced_file
    assert frames(of, site)[-1].data == sliced_file
    assert site.asked == ["", "bytes=9000-"]


@pytest.mark.parametrize(
    "said",
    [None, "bytes 0-9/100", "bytes 5001-9/100", "bytes 9-5/100", "lines 1-2/3", "bytes x-y/z"],
)
def test_ranges_that_were_not_asked_for(said, sliced_file):
    of = download(sliced_file[:5000], "v1")
    if said == "bytes 0-9/100":  # the beginning of the file is always of use
        with pytest.raises(StreamError, match="more than"):
            frames(of, Site(sliced_file, Content_Range=said))
    else:
        with pytest.raises(Refused, match=r"range|sends what"):
            frames(of, Site(sliced_file, Content_Range=said))


def test_a_compressed_file_is_refused(sliced_file):
    with pytest.raises(Refused, match="gzip"):
        frames(download(), Site(sliced_file, Content_Encoding="gzip"))


@pytest.mark.parametrize("said", [{}, {"Content_Range": None}, {"ETag": None}])
def test_all_of_the_file_was_there(sliced_file, said):
    """The server has nothing to add (416); nothing is received again."""
    site, of = Site(sliced_file, **said), download(sliced_file, "v1")
    (got,) = frames(of, site)
    assert got.data == sliced_file
    assert site.asked == [f"bytes={len(sliced_file)}-"]


def test_a_beginning_of_no_version_is_of_no_use(sliced_file):
    site = Site(sliced_file)
    assert frames(download(sliced_file[:5000]), site)[-1].data == sliced_file
    assert site.asked == [""]


def test_frames_name_the_version(sliced_file):
    got = frames(download(), Site(sliced_file, tag="v7"))[-1]
    assert (got.version, got.beginning) == ("v7", Beginning(sliced_file, "v7"))


@pytest.mark.parametrize(
    "length", [str(MAX_STREAM_BYTES + 1), str(10**12), str(10**19), "9" * 5000]
)
def test_a_file_that_says_it_is_too_large_is_refused_at_once(sliced_file, length):
    of = download()
    with pytest.raises(Refused, match="the most"):
        frames(of, Site(sliced_file, length=length))
    assert of.data == b""
    of = download(sliced_file[:5000], "v1")
    with pytest.raises(Refused, match="the most"):
        frames(of, Site(sliced_file, Content_Range=f"bytes 5000-{length}/{length}9"))


@pytest.mark.parametrize("cuts", [(), (1 << 20,)])
def test_a_whole_file_lacks_nothing_that_the_server_said_would_come(sliced_file, cuts):
    """The file itself says where it ends, however the reply did."""
    site = Site(sliced_file, length=str(len(sliced_file) + 1000), cuts=cuts)
    assert frames(download(), site)[-1].data == sliced_file
    assert site.asked == [""]


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("said", [{}, {"Content_Length": None}])
def test_bytes_behind_the_end_are_seen_early(sliced_file, starts, told, said):
    behind = sliced_file + bytes(20 * len(sliced_file))
    text = ",".join(map(str, starts)) if told else ""
    of = download()
    with pytest.raises(FormatError, match="follow the end"):
        frames(of, Site(behind, layers=text, **said))
    assert len(of.data) < 2 * len(sliced_file)


def test_more_than_the_server_said(sliced_file):
    with pytest.raises(Refused, match="more than"):
        frames(download(), Site(sliced_file, length="100"))


def test_what_comes_again_is_no_news(sliced_file):
    of = download()
    for n in range(3):
        with pytest.raises(ConnectionResetError):
            frames(of, Site(sliced_file, tag=f"v{n}", cuts=[1 << 14]))
        of.data.clear()
        of._version = ""
    assert of.most == 1 << 14


def test_files_of_no_use(small_file):
    for data in (b"hello", small_file[:-3]):
        with pytest.raises(FormatError):
            frames(download(), Site(data))
    with pytest.raises(FormatError, match="signature"):  # before all of it came
        frames(download(), Site(bytes(1 << 20), cuts=[1 << 16]))
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
