"""The options and limits of a server."""

from __future__ import annotations

from dataclasses import dataclass, field

from inrcodec.errors import OptionError
from inrcodec.streaming.server.callers import check_host, check_network
from inrcodec.streaming.simulated.link import NO_PACKET_LOSS, PacketLoss
from inrcodec.streaming.transport.signaling import check_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server allows, so that strangers cannot use it up.

    There are at most `sessions` WebRTC sessions, of which `sessions_per_address` and as many
    downloads are of one address, and `connections`: beyond them, the one that has waited for a
    request longest is cut. A process that may open fewer files (RLIMIT_NOFILE) has fewer of both. A
    session ends
    after `bad_messages` messages that are not valid, after `session_s` seconds, and after
    `silence_s` seconds without a message; a download ends after `silence_s` seconds without
    progress. A request head or an offer may take `request_s` seconds, and connecting `connect_s`.
    When the server stops, sessions have `drain_s` seconds to finish.
    """

    sessions: int = 256
    sessions_per_address: int = 32
    connections: int = 2048
    bad_messages: int = 100
    request_s: float = 10.0
    connect_s: float = 10.0
    silence_s: float = 10.0
    session_s: float = 600.0
    drain_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where a server listens and who may ask.

    `port` 0 takes any free one. `token` is the bearer token (None: everyone may ask), `origins` are
    the exact web origins whose pages may ask, `hosts` further host names that requests may name,
    such as that of a proxy. `proxies` are the addresses or networks of proxies whose
    X-Forwarded-For is believed. `references` is the folder of the images that files were made of:
    that of photo.inr is photo.png there. `simulated_packet_loss` drops media packets on purpose, by
    `seed`.
    Raises `OptionError` for a token, a port, a host or a proxy that is not valid.
    """

    host: str = "127.0.0.1"
    port: int = 8750
    token: str | None = None
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    references: str | None = None
    simulated_packet_loss: PacketLoss = NO_PACKET_LOSS
    seed: int = 0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.token is not None:
            check_token(self.token)
        if not 0 <= self.port <= 65535:
            raise OptionError(f"a port is 0 .. 65535, got {self.port}")
        for host in self.hosts:
            check_host(host)
        for proxy in self.proxies:
            check_network(proxy)
