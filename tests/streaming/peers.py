"""A server in this process, and a UDP proxy between it and a receiver."""

import asyncio
import random
import re
from contextlib import asynccontextmanager

import aiohttp

from inrcodec.streaming.client import ReceiveOptions, receive
from inrcodec.streaming.library import Library
from inrcodec.streaming.server import Server, ServerOptions


@asynccontextmanager
async def serving(path, slices=None, **options):
    """A server on a free port of this machine: (server, base URL)."""
    server = Server(Library(str(path), slices), ServerOptions(port=0, **options))
    await server.start()
    try:
        yield server, f"http://127.0.0.1:{server.port}"
    finally:
        await server.close()


async def frames(url, **options):
    """All frames of a reception."""
    return [frame async for frame in receive(url, ReceiveOptions(**options))]


async def until(condition, seconds=5.0):
    """Wait for a condition; whether it came."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        await asyncio.sleep(0.02)
    return condition()


class Proxy(asyncio.DatagramProtocol):
    """Datagrams between one client and a server, some lost, all late."""

    def __init__(self, server, loss, delay_s, seed, spare=0):
        self.server, self.loss, self.delay_s = server, loss, delay_s
        self.draw = random.Random(seed).random
        self.spare = spare  # that many pass before any is lost
        self.client = None
        self.passed = self.lost = 0
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        if address == self.server:
            target = self.client
        else:
            self.client, target = address, self.server
        if self.spare <= 0 and self.draw() < self.loss:
            self.lost += 1
            return
        self.spare -= 1
        self.passed += 1
        if target is None:
            return
        loop = asyncio.get_running_loop()
        loop.call_later(self.delay_s, self.forward, data, target)

    def forward(self, data, target):
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(data, target)


class Between:
    """An HTTP front that hands offers on, and answers with the port of a proxy in place of the
    server's."""

    def __init__(self, base, loss, delay_s=0.0, seed=0, spare=0):
        self.base, self.settings = base, (loss, delay_s, seed, spare)
        self.proxies = []
        self.runner = None

    async def __aenter__(self):
        app = aiohttp.web.Application()
        app.router.add_post("/{path:.*}", self.offer)
        app.router.add_delete("/{path:.*}", self.end)
        self.runner = aiohttp.web.AppRunner(app, access_log=None)
        await self.runner.setup()
        site = aiohttp.web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        port = self.runner.addresses[0][1]
        return self, f"http://127.0.0.1:{port}"

    async def __aexit__(self, *_):
        for proxy in self.proxies:
            proxy.transport.close()
        await self.runner.cleanup()

    async def offer(self, request):
        await asyncio.sleep(2 * self.settings[1])
        body = await request.read()
        headers = {"Content-Type": "application/sdp"}
        async with aiohttp.ClientSession() as http:
            async with http.post(self.base + request.path, data=body, headers=headers) as reply:
                answer = await reply.text()
                if reply.status != 201:
                    return aiohttp.web.Response(status=reply.status, text=answer)
                location = reply.headers["Location"]
        host, port = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", answer).groups()
        loop = asyncio.get_running_loop()
        loss, delay_s, seed, spare = self.settings
        _, proxy = await loop.create_datagram_endpoint(
            lambda: Proxy((host, int(port)), loss, delay_s, seed, spare),
            local_addr=("127.0.0.1", 0),
        )
        self.proxies.append(proxy)
        ours = proxy.transport.get_extra_info("sockname")[1]
        answer = re.sub(rf"(a=candidate:.* ){port} typ", rf"\g<1>{ours} typ", answer)
        headers = {"Location": location}
        return aiohttp.web.Response(
            status=201, text=answer, content_type="application/sdp", headers=headers
        )

    async def end(self, request):
        async with aiohttp.ClientSession() as http:
            async with http.delete(self.base + request.path) as reply:
                return aiohttp.web.Response(status=reply.status)
