"""A server under attack: right status codes, and it lives."""

import asyncio
import contextlib

import aiohttp
import pytest
from aiortc import RTCSessionDescription

from inrcodec.errors import StreamError
from inrcodec.streaming.protocol.messages import STREAM_BYTES, Ping
from inrcodec.streaming.protocol.packets import pack
from inrcodec.streaming.server.app import Server
from inrcodec.streaming.server.library import Library
from inrcodec.streaming.server.options import Limits, ServerOptions
from inrcodec.streaming.transport import webrtc as seams
from inrcodec.streaming.transport.signaling import signed
from tests.streaming.peers import Shelf, frames, offer_of, serving, until

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture
def folder(tmp_path, sliced_file):
    (tmp_path / "grids.inr").write_bytes(sliced_file)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "broken.inr").write_bytes(b"\x89NIF\x01 but broken")
    (tmp_path / "link.inr").symlink_to("secret.txt")
    below = tmp_path / "below"
    below.mkdir()
    (below / "deep.inr").write_bytes(sliced_file)
    return tmp_path


def resident_mb():
    """Memory of this process, where the system says."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096 / 1e6
    except OSError:
        return 0.0


async def lives(base, data):
    """Whether the server still does what it is for."""
    got = await frames(f"{base}/files/grids.inr")
    return got[-1].data == data


def test_names(folder, sliced_file):
    names = {
        "grids.inr": 200,
        "broken.inr": 422,
        "secret.txt": 404,
        "link.inr": 404,
        "deep.inr": 404,
        "below%2fdeep.inr": 404,
        "..%2f..%2fetc%2fpasswd": 404,
        "%2e%2e%2fgrids.inr": 404,
        ".": 404,
        "x" * 5000: 404,
        "%00": 404,
        "grids.inr%00": 404,
        "%ff%fe": 404,
    }

    async def go():
        async with serving(folder) as (_, base), aiohttp.ClientSession() as http:
            for name, status in names.items():
                from yarl import URL

                async with http.get(URL(f"{base}/files/{name}", encoded=True)) as reply:
                    assert reply.status == status, name
                    assert "Traceback" not in (await reply.read()).decode(errors="replace")
            assert await lives(base, sliced_file)

    asyncio.run(go())


def test_ranges_and_caching(folder, sliced_file):
    async def go():
        async with serving(folder) as (_, base), aiohttp.ClientSession() as http:
            url, size = f"{base}/files/grids.inr", len(sliced_file)
            async with http.get(url) as reply:
                assert await reply.read() == sliced_file
                tag, blob = reply.headers["ETag"], reply.headers["Content-Location"]
                starts = [int(n) for n in reply.headers["Inr-Layers"].split(",")]
                assert starts[0] == 0
                assert reply.headers["Accept-Ranges"] == "bytes"
            async with http.get(base + blob) as reply:
                assert await reply.read() == sliced_file
                assert reply.headers["Cache-Control"].startswith("public, ")
            for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
                async with http.get(url, headers={"If-None-Match": known}) as reply:
                    assert reply.status == 304
            for text, status, body in [
                ("bytes=0-9", 206, sliced_file[:10]),
                ("bytes=100-", 206, sliced_file[100:]),
                ("bytes=-7", 206, sliced_file[-7:]),
                (f"bytes={size}-", 416, None),
                ("bytes=9-3", 200, sliced_file),
                ("bytes=-0", 416, None),
                ("lines=1-2", 200, sliced_file),
            ]:
                async with http.get(url, headers={"Range": text}) as reply:
                    assert reply.status == status, text
                    assert body is None or await reply.read() == body
            headers = {"Range": "bytes=0-9", "If-Range": '"other"'}
            async with http.get(url, headers=headers) as reply:
                assert reply.status == 200
            async with http.head(url) as reply:
                assert int(reply.headers["Content-Length"]) == size
            for path in ("/blobs/" + "0" * 64 + ".inr", "/blobs/x", "/nothing", "/files/"):
                async with http.get(base + path) as reply:
                    assert reply.status == 404
            async with http.get(base + "/") as reply:
                assert (await reply.json())["files"] == ["broken.inr", "grids.inr"]
            async with http.get(base + "/healthz") as reply:
                assert reply.status == 200
            async with http.get(base + "/metrics") as reply:
                assert "inrcodec_requests_total" in await reply.text()

    asyncio.run(go())


def test_offers(folder, sliced_file):
    async def go():
        offer, peer = await offer_of()
        bodies = [
            (b"", 400),
            (b"v=0\r\n" * 10, 400),
            (bytes(range(256)), 400),
            (b"x" * 16385, 413),
            (b"x" * 300_000, 413),
            (offer.replace("application", "audio").encode(), 400),
            ((offer + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n").encode(), 400),
            ((offer + offer[offer.index("m=") :]).encode(), 400),
            (offer.replace("a=ice-ufrag", "a=other").encode(), 400),
            (offer.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 z").encode(), 400),
            (offer.replace("a=setup:actpass", "a=setup:nonsense").encode(), 400),
            (offer.replace("a=sctp-port:5000", "a=sctp-port:x").encode(), 400),
        ]
        async with serving(folder) as (server, base), aiohttp.ClientSession() as http:
            url = f"{base}/files/grids.inr"
            for number, (body, status) in enumerate(bodies):
                async with http.post(url, data=body, headers=SDP) as reply:
                    assert reply.status == status, (body[:60], number)
                    assert "Traceback" not in await reply.text()
            async with http.post(url, data=offer, headers={"Content-Type": "text/x"}) as reply:
                assert reply.status == 415
            async with http.post(f"{base}/files/none.inr", data=offer, headers=SDP) as reply:
                assert reply.status == 404
            async with http.put(url, data=offer) as reply:
                assert reply.status == 405
            assert await until(lambda: server.sessions == 0)
            hostile = (
                offer
                + "".join(
                    f"a=candidate:{i} 1 udp 1 10.9.8.{i % 250} 9 typ host\r\n" for i in range(50)
                )
                + "a=candidate:x 1 udp 1 evil.local 9 typ host\r\na=end-of-candidates\r\n"
            )
            async with http.post(url, data=hostile, headers=SDP) as reply:
                assert reply.status == 201
                location = reply.headers["Location"]
            assert server.sessions == 1
            async with http.delete(base + location) as reply:
                assert reply.status == 204
            assert await until(lambda: server.sessions == 0)
            async with http.delete(base + location) as reply:
                assert reply.status == 404
            assert await lives(base, sliced_file)
        await peer.close()

    asyncio.run(go())


def test_too_many(folder, sliced_file):
    limits = Limits(sessions=3, sessions_per_address=2, connect_s=0.5)

    async def go():
        offer, peer = await offer_of()
        async with serving(folder, limits=limits) as (server, base):
            async with aiohttp.ClientSession() as http:
                url, seen = f"{base}/files/grids.inr", []
                for _ in range(4):
                    async with http.post(url, data=offer, headers=SDP) as reply:
                        seen.append(reply.status)
                        if reply.status == 429:
                            assert reply.headers["Retry-After"]
                assert seen == [201, 201, 429, 429]
                assert await until(lambda: server.sessions == 0)  # nobody came
            assert await lives(base, sliced_file)
        await peer.close()

    asyncio.run(go())


def test_slow_ones_are_cut(folder, sliced_file):
    limits = Limits(request_s=0.3)

    async def go():
        async with serving(folder, limits=limits) as (server, base):
            for begin in (b"", b"GET /files/grids.inr HTT", b"GET / HTTP/1.1\r\nX-A: b\r\n"):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(begin)
                with contextlib.suppress(ConnectionResetError):
                    assert await asyncio.wait_for(reader.read(), 30) == b""
                writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            head = "POST /files/grids.inr HTTP/1.1\r\nHost: localhost\r\n"
            fields = "Content-Type: application/sdp\r\nContent-Length: 100\r\n"
            writer.write(f"{head}{fields}\r\nv=0".encode())
            assert b" 408 " in await asyncio.wait_for(reader.readline(), 30)
            writer.close()
            assert server.count["inrcodec_slow_connections_total"] >= 2
            assert await lives(base, sliced_file)

    asyncio.run(go())


def test_many_connections_that_say_nothing(folder, sliced_file):
    limits = Limits(connections=20, request_s=5.0)

    async def go():
        async with serving(folder, limits=limits) as (server, base):
            writers = []
            for _ in range(60):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writers.append(writer)
            assert await until(lambda: server.waiting <= 20)
            assert await lives(base, sliced_file)
            for writer in writers:
                writer.close()

    asyncio.run(go())


@pytest.mark.parametrize("count", [50, pytest.param(2000, marks=pytest.mark.slow)])
def test_those_who_connect_and_vanish_leave_nothing(folder, sliced_file, count):
    import gc

    limits = Limits(sessions=40, sessions_per_address=40, connect_s=0.3)

    async def go():
        offer, peer = await offer_of()
        async with serving(folder, limits=limits) as (server, base):
            half = 0.0
            async with aiohttp.ClientSession() as http:
                made = 0
                while made < count:
                    url = f"{base}/files/grids.inr"
                    async with http.post(url, data=offer, headers=SDP) as reply:
                        made += reply.status == 201
                        if reply.status != 201:
                            await asyncio.sleep(0.05)
                    if made == count // 2:
                        half = resident_mb()
            assert await until(lambda: server.sessions == 0)
            await asyncio.sleep(0.1)
            gc.collect()
            from aiortc import RTCPeerConnection

            left = sum(type(o) is RTCPeerConnection for o in gc.get_objects())
            assert left <= 5
            assert resident_mb() - half < 30  # an allocator's caches fill up, and no more
            assert await lives(base, sliced_file)
        await peer.close()

    asyncio.run(go())


async def connected(base, *extra):
    """A peer whose channels, and others of these labels, are open, and its control channel."""
    peer = seams.connection()
    control, _ = seams.channels(peer)
    for label in extra:
        peer.createDataChannel(label)
    opened = asyncio.Event()
    control.on("open", opened.set)
    await peer.setLocalDescription(await peer.createOffer())
    async with aiohttp.ClientSession() as http:
        url = f"{base}/files/grids.inr"
        async with http.post(url, data=peer.localDescription.sdp, headers=SDP) as reply:
            answer = await reply.text()
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await asyncio.wait_for(opened.wait(), 30)
    return peer, control


def test_a_bad_peer_is_let_go(folder, sliced_file):
    """Channels of other names, endless nonsense: the session ends, the server does not."""

    async def go():
        async with serving(folder) as (server, base):
            for extra, speak in ((["other"], False), ([], True)):
                peer, control = await connected(base, *extra)
                for _ in range(300 if speak else 0):
                    control.send(b"nonsense")
                    control.send("text")
                assert await until(lambda: server.sessions == 0)
                await peer.close()
            assert server.count["inrcodec_bad_messages_total"] >= 100
            assert await lives(base, sliced_file)

    asyncio.run(go())


@pytest.mark.parametrize("limits", [{"session_s": 1.5}, {"silence_s": 0.5, "connect_s": 3.0}])
def test_a_session_ends_in_time(folder, limits):
    """A receiver that only pings has its time, one that says nothing less."""

    async def go():
        async with serving(folder, limits=Limits(**limits)) as (server, base):
            peer, control = await connected(base)
            while "session_s" in limits and server.sessions and control.readyState == "open":
                control.send(pack(bytes(STREAM_BYTES), Ping(1)))
                await asyncio.sleep(0.05)
            assert await until(lambda: server.sessions == 0)
            await peer.close()

    asyncio.run(go())


def test_draining(folder, sliced_file):
    limits = Limits(drain_s=0.2)

    async def go():
        offer, peer = await offer_of()
        async with serving(folder, limits=limits) as (server, base):
            async with aiohttp.ClientSession() as http:
                url = f"{base}/files/grids.inr"
                async with http.post(url, data=offer, headers=SDP) as reply:
                    assert reply.status == 201
                closing = asyncio.create_task(server.close())
                await asyncio.sleep(0.05)
                async with http.post(url, data=offer, headers=SDP) as reply:
                    assert reply.status == 503
                async with http.get(f"{base}/healthz") as reply:
                    assert reply.status == 503
                await closing
                assert server.sessions == 0
        await peer.close()

    asyncio.run(go())


def test_cors_is_exact(folder):
    async def go():
        origin = "https://example.org"
        async with serving(folder, origins=(origin,)) as (_, base):
            async with aiohttp.ClientSession() as http:
                url = f"{base}/files/grids.inr"
                for asked, allowed in (
                    (origin, True),
                    ("https://example.org.evil.net", False),
                    ("http://example.org", False),
                    ("null", False),
                ):
                    async with http.get(url, headers={"Origin": asked}) as reply:
                        found = reply.headers.get("Access-Control-Allow-Origin")
                        assert found == (asked if allowed else None)
                    async with http.options(url, headers={"Origin": asked}) as reply:
                        assert reply.status == (204 if allowed else 405)

    asyncio.run(go())


def test_an_address_in_use(folder):
    async def go():
        async with serving(folder) as (server, _):
            other = Server(Library(str(folder)), ServerOptions(port=server.port))
            with pytest.raises(StreamError, match="cannot listen"):
                await other.start()
            await other.close()

    asyncio.run(go())


def test_a_slow_download_is_no_slow_loris():
    """A download may take longer than a request head."""
    shelf = Shelf(large=1 << 23)
    data = shelf.stream("large").data

    async def go():
        async with serving(shelf, limits=Limits(request_s=0.2)) as (server, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=4096)
            writer.write(
                b"GET /files/large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            got = b""
            loop = asyncio.get_running_loop()
            begun = loop.time()
            while piece := await reader.read(1 << 16):
                got += piece
                if loop.time() - begun < 0.4:
                    await asyncio.sleep(0.02)
            writer.close()
            return got

    assert asyncio.run(go()).endswith(data)


def test_those_who_ask_and_do_not_read_are_few():
    """Downloads that nobody reads are counted, then cut. The file is larger than all buffers."""
    limits = Limits(sessions_per_address=3, silence_s=0.5)

    async def go():
        async with serving(Shelf(large=1 << 24), limits=limits) as (server, base):
            writers = []
            for _ in range(3):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
                writer.write(b"GET /files/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
                writers.append(writer)
            assert await until(lambda: server.downloads == 3)
            async with aiohttp.ClientSession() as http:
                async with http.get(f"{base}/files/large") as reply:
                    assert reply.status == 429
                assert await until(lambda: server.downloads == 0)
                async with http.get(f"{base}/files/large") as reply:
                    assert reply.status == 200
                    await reply.read()
            for writer in writers:
                writer.close()

    asyncio.run(go())


def test_whoever_has_a_session_may_end_it(folder):
    async def go():
        offer, peer = await offer_of()
        async with serving(folder, token="a long secret") as (server, base):
            path = signed("/files/grids.inr", "a long secret", 60)
            async with aiohttp.ClientSession() as http:
                async with http.post(base + path, data=offer, headers=SDP) as reply:
                    assert reply.status == 201
                    location = reply.headers["Location"]
                async with http.delete(base + location + "x") as reply:
                    assert reply.status == 404
                async with http.delete(base + location) as reply:
                    assert reply.status == 204
                async with http.get(base + path) as reply:
                    blob = reply.headers["Content-Location"]
                async with http.get(base + blob) as reply:
                    assert reply.status == 401
                known = {"Authorization": "Bearer a long secret"}
                async with http.get(base + blob, headers=known) as reply:
                    assert reply.headers["Cache-Control"].startswith("private, ")
            assert await until(lambda: server.sessions == 0)
        await peer.close()

    asyncio.run(go())


def test_every_receiver_is_told_an_address_it_can_reach(folder):
    """A server on all addresses, asked at two of them."""
    other = seams.local_addresses("192.0.2.1", 9)[0]

    async def go():
        offer, peer = await offer_of()
        found = []
        limits = Limits(drain_s=0.0)
        async with serving(folder, host="0.0.0.0", limits=limits) as (server, _):
            async with aiohttp.ClientSession() as http:
                for host in ("127.0.0.1", other):
                    url = f"http://{host}:{server.port}/files/grids.inr"
                    async with http.post(url, data=offer, headers=SDP) as reply:
                        answer = await reply.text()
                    found.append({line.split()[4] for line in answer.splitlines()
                                  if line.startswith("a=candidate")})  # fmt: skip
        await peer.close()
        return found

    assert asyncio.run(go()) == [{"127.0.0.1"}, {other}]


def test_files_that_go_away_or_cannot_be_read(tmp_path, sliced_file, monkeypatch):
    from pathlib import Path

    one = tmp_path / "one.inr"
    one.write_bytes(sliced_file)

    async def go():
        async with serving(one) as (_, base), aiohttp.ClientSession() as http:
            one.unlink()
            async with http.get(f"{base}/files/one.inr") as reply:
                assert reply.status == 404
            async with http.get(base) as reply:
                assert reply.status == 200
            one.write_bytes(sliced_file + b"")
            monkeypatch.setattr(Path, "read_bytes", refuse)
            async with http.get(f"{base}/files/one.inr") as reply:
                assert reply.status == 422
                assert "Permission" in await reply.text()

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    asyncio.run(go())
