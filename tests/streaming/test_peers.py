"""Real peers on this machine: servers, receivers, lossy paths between them."""

import asyncio
import time

import pytest

import inrcodec
from benchmarks.relay import Between
from inrcodec.errors import OptionError, StreamError
from inrcodec.streaming import peers as seams
from inrcodec.streaming.channel import NO_LOSS, Loss
from inrcodec.streaming.client import ReceiveOptions, receive
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


@pytest.mark.parametrize("loss", ["bernoulli:20%", "ge:20%:8"])
@pytest.mark.parametrize("mode", ["fec", "nack"])
def test_a_file_arrives_over_a_lossy_path(folder, sliced_file, mode, loss):
    async def go():
        async with serving(folder, loss=Loss.of(loss)) as (server, base):
            got = await frames(f"{base}/files/grids.inr", mode=mode, loss_estimate=0.1)
            assert server.count["inrcodec_dropped_on_purpose_total"] > 0
            return got

    assert asyncio.run(go())[-1].data == sliced_file


def test_losses_at_the_receiver(folder, sliced_file):
    async def go():
        async with serving(folder) as (_, base):
            url = f"{base}/files/grids.inr"
            return await frames(url, mode="nack", loss=Loss.of("bernoulli:30%"))

    assert asyncio.run(go())[-1].data == sliced_file


def test_datagrams_lost_for_real(folder, sliced_file):
    """5 % of UDP datagrams, handshakes included, in both directions."""

    async def go():
        async with (
            serving(folder) as (_, base),
            Between(base, Loss(0.05), seed=3) as (between, front),
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
    from inrcodec.streaming.library import Library
    from inrcodec.streaming.server import Limits, Server, ServerOptions

    async def go():
        library = Library(str(folder))
        limits = Limits(drain_s=0.0)
        first = Server(library, ServerOptions(port=0, loss=Loss(0.5), limits=limits))
        await first.start()
        options = ReceiveOptions(
            mode=mode, loss_estimate=0, transport="webrtc", retries=8, connect_s=2
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
    with pytest.raises(StreamError, match="9/files"):
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
    from inrcodec.codec.header import Family
    from tests.latent_files import random_file

    (tmp_path / "large.inr").write_bytes(random_file(Family.COOLCHIC, 900, 700, slice_side=64))

    async def go():
        async with serving(tmp_path) as (server, base):
            async with Between(base, NO_LOSS, rtt_s=0.1) as (_, front):
                begun = time.monotonic()
                got = await frames(f"{front}/files/large.inr", patience_s=0.5, mode="nack")
                return got, time.monotonic() - begun, server.count["inrcodec_sent_bytes_total"]

    got, _, sent = asyncio.run(go())
    size = (tmp_path / "large.inr").stat().st_size
    assert got[-1].layers < got[-1].total_layers
    assert sent < size


def test_the_seams_to_aiortc_hold(folder):
    """Sockets use the address we say, with large buffers."""
    import socket

    async def go():
        peer = seams.connection()
        peer.createDataChannel("control")
        seams.bind(peer, "127.0.0.1")
        await peer.setLocalDescription(await peer.createOffer())
        seams.widen(peer)
        protocols = peer.sctp.transport.transport.iceGatherer._connection._protocols
        sockets = [p.transport.get_extra_info("socket") for p in protocols]
        names = {s.getsockname()[0] for s in sockets}
        sizes = [s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for s in sockets]
        sdp = peer.localDescription.sdp
        await peer.close()
        return names, sizes, sdp

    names, sizes, sdp = asyncio.run(go())
    assert names == {"127.0.0.1"}
    assert min(sizes) >= 200_000
    assert sdp.count("a=candidate") == 1
