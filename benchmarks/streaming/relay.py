"""A bad path between real peers: a UDP relay that loses and delays what passes.

An HTTP front hands an offer on to the server, and answers with the relay's port in place of the
server's, so ICE learns of no other way. It loses and delays as a simulated `Link` does.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import aiohttp
from aiohttp import web

from inrcodec.streaming.simulated.link import Link, PacketLoss

SDP = {"Content-Type": "application/sdp"}


class Relay(asyncio.DatagramProtocol):
    """Passes datagrams between one client and a server. The first `spare` ones are never lost, so
    that a handshake can be left out of what is measured."""

    def __init__(self, server: tuple[str, int], there: Link, back: Link, spare: int) -> None:
        self._server, self._links = server, (there, back)
        self._spare = spare
        self._client: tuple[str, int] | None = None
        self.transport: asyncio.DatagramTransport | None = None

    @property
    def lost(self) -> int:
        """The number of datagrams lost."""
        return sum(sum(link.mask) for link in self._links)

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Pass a datagram on, late, or lose it."""
        back = address == self._server
        if not back:
            self._client = address
        target = self._client if back else self._server
        loop = asyncio.get_running_loop()
        link = self._links[back]
        if self._spare > 0:
            self._spare -= 1
            arrival: float | None = loop.time() + link.delay_s
        else:
            _, arrival = link.send(loop.time(), len(data))
        if arrival is not None and target is not None:
            loop.call_at(arrival, self._forward, data, target)

    def _forward(self, data: bytes, target: tuple[str, int]) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(data, target)


class Between:
    """`async with Between(base, loss) as (between, front)`: ask `front` in place of `base`."""

    def __init__(
        self, base: str, loss: PacketLoss, rtt_s: float = 0.0, seed: int = 0, spare: int = 0
    ) -> None:
        self._base, self._loss, self._rtt_s, self._seed = base, loss, rtt_s, seed
        self._spare = spare
        self.relays: list[Relay] = []

    async def __aenter__(self) -> tuple[Between, str]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._http = aiohttp.ClientSession()
        return self, f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        for relay in self.relays:
            if relay.transport is not None:
                relay.transport.close()
        await self._runner.cleanup()
        await self._http.close()

    async def _pass(self, request: web.Request) -> web.Response:
        """Pass a request on to the server a round trip later."""
        await asyncio.sleep(self._rtt_s)
        body = await request.read()
        url = self._base + request.path
        passed = SDP | {k: v for k, v in request.headers.items() if k.startswith("Inr-")}
        async with self._http.request(request.method, url, data=body, headers=passed) as reply:
            text, headers = await reply.text(), {}
            if reply.status == 201:
                text = await self._detour(text)
                headers["Location"] = reply.headers["Location"]
            return web.Response(
                status=reply.status, text=text, content_type="application/sdp", headers=headers
            )

    async def _detour(self, answer: str) -> str:
        """Return the answer with a relay in place of the server."""
        found = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", answer)
        if found is None:
            raise web.HTTPBadGateway
        host, port = found.groups()
        seed = 1000 * self._seed + 2 * len(self.relays)
        links = [Link(self._loss, seed + i, self._rtt_s / 2) for i in range(2)]
        _, relay = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Relay((host, int(port)), links[0], links[1], self._spare),
            local_addr=("127.0.0.1", 0),
        )
        self.relays.append(relay)
        ours = relay.transport.get_extra_info("sockname")[1] if relay.transport else 0
        return re.sub(rf"(a=candidate:.* ){port} typ", rf"\g<1>{ours} typ", answer)
