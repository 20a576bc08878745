"""Receptions that go wrong: time, places, what is kept; real servers on this machine."""

import asyncio
import contextlib
import datetime
import ssl
import threading
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from inrcodec.errors import OptionError, StreamError
from inrcodec.streaming import Beginning, Incomplete, ReceiveOptions, fetch, receive
from inrcodec.streaming.client import receive as receiving
from inrcodec.streaming.client.reception import LONGEST_PAUSE_S, pause_s
from inrcodec.streaming.simulated.link import PacketLoss
from inrcodec.streaming.transport.threads import at_work, in_thread
from tests.streaming.peers import frames, serving, until


@pytest.fixture
def folder(tmp_path, sliced_file, small_file):
    (tmp_path / "grids.inr").write_bytes(sliced_file)
    (tmp_path / "network.nif").write_bytes(small_file)
    return tmp_path


@asynccontextmanager
async def answering(handler, tls=None):
    """A web server that is one function: its base URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_pauses_grow():
    """Five of them are longer than a restart takes."""
    assert [pause_s(n) for n in range(4)] == [0.5, 0.5, 1.0, 2.0]
    assert sum(pause_s(n) for n in range(1, 6)) > 15
    assert pause_s(10_000) == LONGEST_PAUSE_S


@pytest.mark.parametrize(
    "wrong", [{"timeout_s": 0}, {"timeout_s": float("nan")}, {"retries": -1}, {"retries": 10**9}]
)
def test_options_out_of_range(wrong):
    with pytest.raises(OptionError):
        ReceiveOptions(**wrong)


def dribble(data):
    """A handler that sends a few bytes at a time, and never comes to an end."""

    async def handler(request):
        if request.method == "POST":
            return web.Response(status=404)
        reply = web.StreamResponse(headers={"Content-Length": str(len(data))})
        await reply.prepare(request)
        for byte in data:
            await reply.write(bytes([byte]))
            await asyncio.sleep(0.02)
        return reply

    return handler


@pytest.mark.parametrize("get", ["receive", "fetch"])
def test_a_server_that_never_comes_to_an_end(sliced_file, get):
    async def go():
        async with answering(dribble(sliced_file)) as base:
            options = ReceiveOptions(timeout_s=0.6, transport="http")
            if get == "fetch":
                return await fetch(f"{base}/x.inr", options)
            return [frame async for frame in receive(f"{base}/x.inr", options)]

    with pytest.raises(Incomplete, match=r"not all of it arrived in 0\.6 s") as caught:
        asyncio.run(go())
    assert caught.value.beginning.data == sliced_file[: len(caught.value.beginning.data)] != b""


def test_a_decoder_that_never_comes_to_an_end(folder, monkeypatch):
    """Neither the time for all nor whoever cancels waits for it."""
    monkeypatch.setattr(receiving, "LAST_LOOK_S", 0.05)
    free = threading.Event()

    async def go(**options):
        async with serving(folder) as (_, base):
            url = f"{base}/files/grids.inr"
            stream = receive(url, ReceiveOptions(**options), lambda _: free.wait(60))
            await anext(stream)

    async def cancelled():
        task = asyncio.create_task(go())
        assert await until(at_work)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun = time.monotonic()
    with pytest.raises(StreamError, match="too long to decode"):
        asyncio.run(go(timeout_s=2.0, transport="http"))
    asyncio.run(cancelled())
    assert time.monotonic() - begun < 30
    assert at_work()
    free.set()
    for _ in range(500):
        if not at_work():
            break
        time.sleep(0.01)
    assert not at_work()


def test_work_in_the_background():
    async def go():
        assert await in_thread(pow, 2, 5) == 32
        with pytest.raises(ZeroDivisionError):
            await in_thread(divmod, 1, 0)

    asyncio.run(go())


@pytest.mark.parametrize("transport", ["http", "webrtc"])
def test_what_was_kept_is_not_asked_for_again(folder, sliced_file, transport):
    async def go(known, **options):
        async with serving(folder) as (server, base):
            options = ReceiveOptions(transport=transport, **options)
            data = await fetch(f"{base}/files/grids.inr", options, known)
            return data, server.count["inrcodec_sent_bytes_total"]

    async def first():
        async with serving(folder) as (_, base):
            got = await frames(f"{base}/files/grids.inr", transport=transport, layers=4)
            return got[-1].beginning

    known = asyncio.run(first())
    assert known.data == sliced_file[: len(known.data)] != b""
    assert len(known.version) == 64
    data, sent = asyncio.run(go(known))
    assert data == sliced_file
    assert sent < 1.05 * (len(sliced_file) - len(known.data)) + 2500  # and the base again
    assert asyncio.run(go(Beginning(sliced_file, known.version)))[0] == sliced_file
    for mode in ("nack", "once"):  # a part of a layer is of no use, and does no harm
        cut = Beginning(sliced_file[:-700], known.version)
        assert asyncio.run(go(cut, mode=mode))[0] == sliced_file
    other = Beginning(bytes(len(known.data)), "0" * 64)
    assert asyncio.run(go(other))[0] == sliced_file


def test_a_reception_that_fails_says_what_had_come(folder, small_file):
    """Even of a file of one layer, of which there is nothing to see before all is there."""

    async def cut(request):
        if request.method == "POST":
            return web.Response(status=404)
        reply = web.StreamResponse(headers={"Content-Length": str(len(small_file)), "ETag": '"1"'})
        await reply.prepare(request)
        await reply.write(small_file[:100])
        request.transport.abort()
        return reply

    async def whole(request):
        assert request.headers["Range"] == "bytes=100-"
        said = {
            "ETag": '"1"',
            "Content-Range": f"bytes 100-{len(small_file) - 1}/{len(small_file)}",
        }
        return web.Response(status=206, body=small_file[100:], headers=said)

    async def go(handler, known=None):
        options = ReceiveOptions(retries=0, transport="http")
        async with answering(handler) as base:
            stream = receive(f"{base}/x.inr", options, known=known or Beginning())
            return [frame async for frame in stream]

    with pytest.raises(Incomplete, match="the connection was cut") as caught:
        asyncio.run(go(cut))
    assert caught.value.beginning == Beginning(small_file[:100], "1")
    assert asyncio.run(go(whole, caught.value.beginning))[-1].data == small_file


def stalling(data):
    """A handler that sends some bytes of a file of 100 more, and then nothing."""

    async def handler(request):
        if request.method == "POST":
            return web.Response(status=404)
        said = {"Content-Length": str(len(data) + 100), "ETag": '"1"'}
        reply = web.StreamResponse(headers=said)
        await reply.prepare(request)
        await reply.write(data)
        await asyncio.sleep(60)
        return reply

    return handler


@pytest.mark.parametrize("get", ["receive", "fetch"])
def test_a_reception_that_is_cancelled_says_what_had_come(sliced_file, get):
    left = []

    async def through(url):
        options = ReceiveOptions(transport="http")
        if get == "fetch":
            await fetch(url, options, keep=left.append)
        async for _ in receive(url, options, keep=left.append):
            pass

    async def go():
        async with answering(stalling(sliced_file[:5000])) as base:
            task = asyncio.create_task(through(f"{base}/x.inr"))
            await asyncio.sleep(1.0)
            assert left == []
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(go())
    assert left == [Beginning(sliced_file[:5000], "1")]


def test_a_reception_by_channels_that_is_cancelled_says_what_had_come(folder, sliced_file):
    left = []

    async def go():
        lossy = PacketLoss(trace=(False,) * 5 + (True,) * 100_000)
        options = ReceiveOptions(transport="webrtc", mode="nack", simulated_packet_loss=lossy)
        async with serving(folder) as (_, base):
            url = f"{base}/files/grids.inr"
            stream = receive(url, options, keep=left.append)
            await anext(stream)
            await stream.aclose()

    asyncio.run(go())
    (beginning,) = left
    assert len(beginning.version) == 64
    assert sliced_file.startswith(beginning.data)
    assert beginning.data


def test_an_image_that_takes_too_long_to_decode_loses_nothing(folder, sliced_file, monkeypatch):
    monkeypatch.setattr(receiving, "LAST_LOOK_S", 0.05)
    free = threading.Event()

    async def go():
        async with serving(folder) as (_, base):
            options = ReceiveOptions(timeout_s=2.0, transport="http")
            await anext(receive(f"{base}/files/grids.inr", options, lambda _: free.wait(60)))

    with pytest.raises(Incomplete, match="too long to decode") as caught:
        asyncio.run(go())
    free.set()
    assert caught.value.beginning.data == sliced_file


def test_layers_that_are_not_whole_are_shown_before_a_failure(folder):
    async def go():
        lossy = PacketLoss(trace=(False,) * 5 + (True,) * 100_000)
        options = ReceiveOptions(
            transport="webrtc", silence_s=2.0, retries=0, mode="nack", simulated_packet_loss=lossy
        )
        got = []
        async with serving(folder) as (_, base):
            stream = receive(f"{base}/files/grids.inr", options)
            with contextlib.suppress(Incomplete):
                async for frame in stream:
                    got.append(frame)
        return got

    first, *_, last = asyncio.run(go())
    assert not last.complete
    assert sum(map(len, last.runs)) > sum(map(len, first.runs))


def redirecting(target, asked):
    """A handler that redirects to `target`, or is the target."""

    async def handler(request):
        asked.append((request.method, request.path, request.headers.get("Authorization")))
        if request.method == "POST":
            return web.Response(status=405)
        if request.path == "/end.inr":
            return web.Response(body=target["data"], headers={"ETag": '"1"'})
        return web.Response(status=302, headers={"Location": target["url"]})

    return handler


def test_redirections(small_file):
    async def go(where, **options):
        target, asked = {"data": small_file}, []
        async with answering(redirecting(target, asked)) as base:
            target["url"] = where.format(base=base, other=base.replace("127.0.0.1", "localhost"))
            options = ReceiveOptions(token="a long secret", retries=0, **options)
            try:
                return await fetch(f"{base}/x.inr", options), asked
            except StreamError as error:
                return str(error), asked

    data, asked = asyncio.run(go("/end.inr"))
    assert data == small_file
    assert {a[2] for a in asked} == {"Bearer a long secret"}
    said, asked = asyncio.run(go("{other}/end.inr"))
    assert "redirected to another host, localhost" in said
    assert [a[1] for a in asked] == ["/x.inr", "/x.inr"]
    data, asked = asyncio.run(go("{other}/end.inr", other_hosts=True))
    assert data == small_file
    assert asked[-1] == ("GET", "/end.inr", None)
    assert "more than 5 redirections" in asyncio.run(go("/x.inr"))[0]
    for where in ("file:///etc/passwd", "http://[::1", "http://[abc]/x", "//127.0.0.1]/x"):
        assert "no http or https URL" in asyncio.run(go(where))[0]


def test_an_answer_that_names_other_hosts_only(folder, sliced_file):
    """Nothing is sent there; the rest comes by HTTP, or not at all."""

    async def go(transport):
        import aiohttp

        async with serving(folder) as (_, base), aiohttp.ClientSession() as http:

            async def between(request):
                url, body = base + request.path, await request.read()
                keep = {k: v for k, v in request.headers.items() if k in ("Range", "Content-Type")}
                async with http.request(request.method, url, data=body, headers=keep) as reply:
                    content = await reply.read()
                    if request.method == "POST":
                        content = content.replace(b" 127.0.0.1 ", b" 192.0.2.77 ")
                    told = ("ETag", "Content-Range", "Location", "Content-Type")
                    said = {k: v for k, v in reply.headers.items() if k in told}
                    return web.Response(status=reply.status, body=content, headers=said)

            async with answering(between) as front:
                return await frames(f"{front}/files/grids.inr", transport=transport, retries=0)

    got = asyncio.run(go("auto"))
    assert (got[-1].data, got[-1].transport) == (sliced_file, "http")
    with pytest.raises(StreamError, match="names no UDP port of 127"):
        asyncio.run(go("webrtc"))


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory):
    """A server's TLS with a certificate that nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def not_asked(request):
    return web.Response(status=500)


@pytest.mark.parametrize("transport", ["http", "auto"])
def test_the_reason_of_a_failure_in_one_line(self_signed, transport):
    async def go(url=None, tls=None):
        async with answering(not_asked, tls) as base:
            url = url or f"{base}/x.inr"
            await fetch(url.format(base=base), ReceiveOptions(retries=0, transport=transport))

    for arguments, said in (
        ({"tls": self_signed}, "the certificate is not valid: self.signed certificate"),
        ({"url": "http://no-such-host.invalid/x"}, "is not known: [^-[]*$"),
        ({"url": f"http://{'a' * 70}.invalid/x"}, "is not known: .*too long"),
        ({"url": "http://127.0.0.1:9/x"}, "cannot connect: Connection refused"),
    ):
        with pytest.raises(StreamError, match=said) as caught:
            asyncio.run(go(**arguments))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        b"\0\1garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 9999 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + bytes(20_000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
@pytest.mark.parametrize("transport", ["http", "auto"])
def test_a_server_that_does_not_speak_http(said, transport):
    """It is not asked again: it will not have learnt it."""
    asked = []

    async def say(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(said)
        writer.close()

    async def go():
        server = await asyncio.start_server(say, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            url = f"http://127.0.0.1:{port}/x.inr"
            await fetch(url, ReceiveOptions(retries=5, transport=transport))

    with pytest.raises(StreamError, match=r"x\.inr: the answer is not valid HTTP$"):
        asyncio.run(go())
    assert len(asked) == 1


def test_tls_where_there_is_none():
    async def go():
        async with answering(not_asked) as base:
            url = base.replace("http:", "https:")
            await fetch(f"{url}/x", ReceiveOptions(retries=0, transport="http"))

    with pytest.raises(StreamError, match="no TLS: "):
        asyncio.run(go())


@pytest.mark.parametrize(
    "url", ["http://user:pw@host/x", "https://user@host/x", "http://u:pw@[::1/"]
)
def test_passwords_in_urls(url):
    with pytest.raises(OptionError, match="user name") as caught:
        asyncio.run(fetch(url, ReceiveOptions(token="a long secret")))
    assert "pw" not in str(caught.value)
