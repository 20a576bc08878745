"""Real peers on this machine: servers, receivers, lossy paths between them."""

import asyncio

import pytest

import inrcodec
from benchmarks.streaming.relay import Between
from inrcodec.errors import OptionError, StreamError
from inrcodec.streaming import Library, Limits, ReceiveOptions, Server, ServerOptions, receive
from inrcodec.streaming.simulated.link import NO_PACKET_LOSS, PacketLoss
from inrcodec.streaming.transport import webrtc
from tests.streaming.peers import frames, serving, until


@pytest.fixture
def folder(tmp_path, sliced_file, small_file):
    (tmp_path / "grids.inr").write_bytes(sliced_file)
    (tmp_path / "network.nif").write_bytes(small_file)
    (tmp_path / "notes.txt").write_text("not for everyone")
    return tmp_path


@pytest.mark.parametrize("mode", ["fec", "nack", "reliable", "once"])
def test_a_file_arrives(folder, sliced_file, mode):
    async def go():
        async with serving(folder) as (server, base):
            got = await frames(f"{base}/files/grids.inr", mode=mode, transport="webrtc")
            assert await until(lambda: server.sessions == 0)
            return got

    got = asyncio.run(go())
    assert got[-1].complete
    assert got[-1].data == sliced_file
    assert (got[-1].picture.pixels == inrcodec.decode(sliced_file)).all()
    assert [f.layers for f in got] == sorted(f.layers for f in got)
    assert all(f.transport == "webrtc" for f in got)


@pytest.mark.parametrize("mode", ["fec", "nack"])
def test_without_loss_no_more_is_sent_than_the_file_and_its_heads(folder, stream, mode):
    async def go():
        async with serving(folder) as (server, base):
            await frames(f"{base}/files/grids.inr", mode=mode, transport="webrtc")
            return server.count["inrcodec_sent_bytes_total"]

    assert asyncio.run(go()) < 1.05 * len(stream.data)


@pytest.mark.parametrize("loss", ["bernoulli:20%", "ge:20%:8"])
@pytest.mark.parametrize("mode", ["fec", "nack"])
def test_a_file_arrives_over_a_lossy_path(folder, sliced_file, mode, loss):
    async def go():
        async with serving(folder, simulated_packet_loss=PacketLoss.of(loss)) as (server, base):
            got = await frames(f"{base}/files/grids.inr", mode=mode, expected_packet_loss=0.1)
            assert server.count["inrcodec_dropped_on_purpose_total"] > 0
            return got

    assert asyncio.run(go())[-1].data == sliced_file


def test_losses_at_the_receiver(folder, sliced_file):
    async def go():
        async with serving(folder) as (_, base):
            url = f"{base}/files/grids.inr"
            return await frames(
                url, mode="nack", simulated_packet_loss=PacketLoss.of("bernoulli:30%")
            )

    assert asyncio.run(go())[-1].data == sliced_file


def test_datagrams_lost_for_real(folder, sliced_file):
    """5 % of UDP datagrams, handshakes included, in both directions."""

    async def go():
        async with (
            serving(folder) as (_, base),
            Between(base, PacketLoss(0.05), seed=3) as (between, front),
        ):
            got = await frames(f"{front}/files/grids.inr", transport="webrtc", connect_s=20)
            assert sum(relay.lost for relay in between.relays) > 0
            return got

    assert asyncio.run(go())[-1].data == sliced_file


def test_http(folder, sliced_file):
    async def go():
        async with serving(folder) as (_, base):
            return await frames(f"{base}/files/grids.inr", transport="http")

    got = asyncio.run(go())
    assert got[-1].data == sliced_file
    assert got[-1].transport == "http"


def test_http_where_there_are_no_channels(folder, sliced_file):
    """A plain file server: any that answers POST with no."""
    from aiohttp import web

    async def go():
        async def photo(_):
            return web.FileResponse(folder / "grids.inr")

        app = web.Application()
        app.router.add_get("/photo.inr", photo)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            return await frames(f"http://127.0.0.1:{runner.addresses[0][1]}/photo.inr")
        finally:
            await runner.cleanup()

    got = asyncio.run(go())
    assert got[-1].data == sliced_file
    assert got[-1].transport == "http"


def test_less_than_all(folder, stream):
    async def go():
        async with serving(folder) as (_, base):
            url = f"{base}/files/grids.inr"
            layers = await frames(url, layers=2)
            budget = await frames(url, budget_bytes=len(stream.layers[0]) + 10, mode="nack")
            over_http = await frames(url, layers=1, transport="http")
            return layers, budget, over_http

    for got, count in zip(asyncio.run(go()), (2, 1, 1), strict=True):
        assert got[-1].layers == count
        assert not got[-1].complete
        assert got[-1].data is None


def test_one_network(folder, small_file):
    async def go():
        async with serving(folder) as (_, base):
            return await frames(f"{base}/files/network.nif")

    assert asyncio.run(go())[-1].data == small_file


@pytest.mark.parametrize("mode", ["fec", "nack"])
def test_killed_in_the_middle(folder, sliced_file, mode):
    """The server goes away after the first frame, and another comes up on its port."""

    async def go():
        library = Library(str(folder))
        limits = Limits(drain_s=0.0)
        first = Server(
            library, ServerOptions(port=0, simulated_packet_loss=PacketLoss(0.5), limits=limits)
        )
        await first.start()
        options = ReceiveOptions(
            mode=mode, expected_packet_loss=0, transport="webrtc", retries=8, connect_s=2
        )
        got, second = [], None
        url = f"http://127.0.0.1:{first.port}/files/grids.inr"
        async for frame in receive(url, options):
            got.append(frame)
            if second is None and not frame.complete:
                await first.close()
                await asyncio.sleep(0.3)
                second = Server(library, ServerOptions(port=first.port))
                await second.start()
        assert second is not None
        sent = second.count["inrcodec_sent_bytes_total"]
        await second.close()
        return got, sent

    got, sent = asyncio.run(go())
    assert got[-1].data == sliced_file
    assert sent < len(sliced_file)  # only the rest was sent again


def test_refusals(folder):
    async def go(path, **options):
        async with serving(folder) as (_, base):
            return await frames(base + path, **options)

    with pytest.raises(StreamError, match="404"):
        asyncio.run(go("/files/none.inr"))
    for path in ("/files/notes.txt", "/files/..%2fnotes.txt", "/files/%2e%2e/x"):
        with pytest.raises(StreamError):
            asyncio.run(go(path, transport="http"))
    with pytest.raises(OptionError):
        asyncio.run(go("/files/grids.inr", mode="hope"))
    with pytest.raises(StreamError, match=r"9/files/x\.inr: cannot connect: Connection refused"):
        asyncio.run(frames("http://127.0.0.1:9/files/x.inr", retries=0))
    with pytest.raises(OptionError):
        asyncio.run(frames("ftp://127.0.0.1/x.inr"))


def test_nobody_else_is_told(folder, sliced_file):
    async def go(token):
        async with serving(folder, token="a long secret") as (_, base):
            return await frames(f"{base}/files/grids.inr", token=token)

    assert asyncio.run(go("a long secret"))[-1].data == sliced_file
    for token in (None, "another secret"):
        with pytest.raises(StreamError, match="401"):
            asyncio.run(go(token))


def test_layers_that_would_come_too_late_are_left_out(tmp_path):
    """A slow path: what the receiver does not care to wait for is not sent."""
    from inrcodec.codec.format.header import Family
    from tests.latent_files import random_file

    (tmp_path / "large.inr").write_bytes(random_file(Family.COOLCHIC, 640, 500, slice_side=64))

    async def go():
        async with serving(tmp_path) as (server, base):
            async with Between(base, NO_PACKET_LOSS, rtt_s=0.1) as (_, front):
                got = await frames(f"{front}/files/large.inr", patience_s=0.5, mode="nack")
                return got, server.count["inrcodec_sent_bytes_total"]

    got, sent = asyncio.run(go())
    size = (tmp_path / "large.inr").stat().st_size
    assert got[-1].layers < got[-1].total_layers
    assert sent < size


class Pieces:
    """A TCP relay that passes a few bytes at a time."""

    def __init__(self, port, size):
        self.target, self.size = port, size

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self.copy(reader, back), self.copy(there, writer))

    async def copy(self, reader, writer):
        try:
            while data := await reader.read(self.size):
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        finally:
            writer.close()


def test_an_answer_in_many_pieces(folder, sliced_file):
    async def go():
        async with serving(folder) as (server, _), Pieces(server.port, 100) as port:
            url = f"http://127.0.0.1:{port}/files/grids.inr"
            return await frames(url, transport="webrtc")

    got = asyncio.run(go())
    assert got[-1].data == sliced_file
    assert got[0].transport == "webrtc"


def test_the_first_picture_comes_with_the_answer(folder):
    """UDP that leads nowhere: there is a picture all the same, then HTTP."""

    async def go():
        async with serving(folder) as (_, base), Between(base, PacketLoss(0.95)) as (_, front):
            stream = receive(f"{front}/files/grids.inr", ReceiveOptions(connect_s=1, retries=0))
            async for frame in stream:
                await stream.aclose()
                return frame

    frame = asyncio.run(go())
    assert frame.layers == 1
    assert frame.transport == "webrtc"


def test_another_version_in_the_middle(folder, sliced_file, small_file):
    """The server goes away; the one that comes back has another file under that name."""

    async def go():
        limits = Limits(drain_s=0.0)
        first = Server(
            Library(str(folder)),
            ServerOptions(port=0, simulated_packet_loss=PacketLoss(0.9), limits=limits),
        )
        await first.start()
        options = ReceiveOptions(mode="nack", transport="webrtc", retries=8, connect_s=2)
        got, second = [], None
        async for frame in receive(f"http://127.0.0.1:{first.port}/files/grids.inr", options):
            got.append(frame)
            if second is None:
                await asyncio.sleep(0.3)
                await first.close()
                (folder / "grids.inr").write_bytes(small_file)
                second = Server(Library(str(folder)), ServerOptions(port=first.port))
                await second.start()
        await second.close()
        return got

    assert asyncio.run(go())[-1].data == small_file


def test_what_had_arrived_is_shown_before_the_failure(folder):
    """The server dies for good."""

    async def go():
        server = Server(
            Library(str(folder)),
            ServerOptions(
                port=0, simulated_packet_loss=PacketLoss(0.9), limits=Limits(drain_s=0.0)
            ),
        )
        await server.start()
        options = ReceiveOptions(transport="webrtc", retries=0, connect_s=1, silence_s=1)
        got = []

        async def through():
            async for frame in receive(f"http://127.0.0.1:{server.port}/files/grids.inr", options):
                got.append(frame)
                await server.close()

        with pytest.raises(StreamError):
            await through()
        return got

    assert asyncio.run(go())


def test_a_server_that_only_says_it_is_there(folder):
    """Answers to pings are no progress: all media packets are lost."""
    nothing = PacketLoss(trace=(True,))

    async def go():
        async with serving(folder, simulated_packet_loss=nothing) as (_, base):
            url = f"{base}/files/grids.inr"
            return await frames(url, transport="webrtc", silence_s=2.0, retries=0)

    with pytest.raises(StreamError, match="nothing new"):
        asyncio.run(go())


def test_sessions_are_hung_up_only_at_the_server_itself(folder):
    from aiohttp import web

    asked = []

    async def anything(request):
        asked.append((request.method, request.path, request.headers.get("Authorization")))
        return web.Response()

    async def go():
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", anything)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        other = f"http://127.0.0.1:{runner.addresses[0][1]}/reboot"

        async def lie(request):
            return web.Response(status=201, text="no sdp", headers={"Location": other})

        liar = web.Application()
        liar.router.add_post("/x", lie)
        lying = web.AppRunner(liar, access_log=None)
        await lying.setup()
        await web.TCPSite(lying, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{lying.addresses[0][1]}/x"
        with pytest.raises(StreamError):
            await frames(url, transport="webrtc", retries=0, token="a long secret")
        await runner.cleanup()
        await lying.cleanup()

    asyncio.run(go())
    assert asked == []


@pytest.mark.parametrize("status", [302, 400, 403, 405, 501])
def test_servers_that_know_nothing_of_offers(folder, sliced_file, status):
    from aiohttp import web

    async def no(request):
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async def photo(request):
        return web.FileResponse(folder / "grids.inr")

    async def go():
        app = web.Application()
        app.router.add_post("/photo.inr", no)
        app.router.add_get("/photo.inr", photo)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/photo.inr"
        whole, part = await frames(url), await frames(url, layers=2)
        await runner.cleanup()
        return whole, part

    whole, part = asyncio.run(go())
    assert whole[-1].data == sliced_file
    assert part[-1].layers == 2
    assert part[-1].total_layers > 2


def test_http_asks_for_no_more_than_it_wants(folder, stream):
    async def go():
        async with serving(folder) as (_, base):
            url, got = f"{base}/files/grids.inr", []
            for wanted in ({"layers": 2}, {"budget_bytes": 10}, {"budget_bytes": 9000}):
                got.append((await frames(url, transport="http", **wanted))[-1])
            return got

    two, base, budget = asyncio.run(go())
    sizes = [len(layer) for layer in stream.layers]
    assert (two.layers, two.total_layers) == (2, len(sizes))
    assert two.received_bytes == sum(sizes[:2])
    assert (base.layers, base.received_bytes) == (1, sizes[0])
    assert budget.received_bytes == sum(sizes[: budget.layers]) <= max(9000, sizes[0])


@pytest.mark.parametrize(
    "url",
    [
        "http://h:99999/x",
        "http://h:abc/x",
        "http://h\n/x",
        "http:///x",
        "",
        "http://[::1",
        "http://[abc]/x",
        "http://127.0.0.1]/x",
        "http://[::1]x/x",
        "http://[::1]]/x",
        "http://[1.2.3.4]/x",
        "http://xn--/x",
    ],
)
def test_urls_that_are_none(url):
    with pytest.raises(OptionError):
        asyncio.run(frames(url))


def test_a_host_nobody_knows(monkeypatch):
    """Nobody asks twice for the address of a host that has none."""
    asked, find = [], webrtc.paths

    def counted(host, port):
        asked.append(host)
        return find(host, port)

    monkeypatch.setattr(webrtc, "paths", counted)
    with pytest.raises(StreamError, match="not known"):
        asyncio.run(frames("http://no-such-host.invalid/x.inr"))
    assert asked == ["no-such-host.invalid"]
