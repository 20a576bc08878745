"""Who asks, and for whom: the address of a client, and the host that a request names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from inrcodec.errors import OptionError, StreamError

Address = IPv4Address | IPv6Address

LOCAL = "localhost"

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]*)?")


class HostError(StreamError):
    """A request does not say for which host it is."""

    def __init__(self) -> None:
        super().__init__("a request has one Host header, which names a host")


class WrongHostError(StreamError):
    """A request is for a host that this server does not answer for."""

    def __init__(self) -> None:
        super().__init__("the server does not answer to this host name (see serve --allow-host)")


def host_of(text: str) -> str | None:
    """Return the host of a Host header in lower case, without port, brackets and final dot; None
    for what is none."""
    match = _HOST.fullmatch(text.lower())
    return match[1].strip("[]").removesuffix(".") if match else None


def check_host(name: str) -> str:
    """Return the host that someone allows, in lower case; raises `OptionError` for what is none."""
    bare = name if ":" not in name or name.startswith("[") else f"[{name}]"  # an IPv6 address
    match = _HOST.fullmatch(bare.lower())
    if match is None or match[2]:
        raise OptionError(f"a host looks like example.org, without scheme and port; got {name!r}")
    return str(host_of(bare))


def check_network(text: str) -> str:
    """Return the address or network of a proxy; raises `OptionError` for what is none."""
    try:
        ip_network(text)
    except ValueError:
        raise OptionError(
            f"a proxy is an address such as 127.0.0.1 or a network such as 10.0.0.0/8, got {text!r}"
        ) from None
    return text


class Hosts:
    """The hosts that a server which was told to listen on `bound`, and does at `addresses`, answers
    for: that one, `localhost`, those `allowed`, and

    - if all addresses are loopback, any loopback address;
    - else any address; if a `token` is needed, any host.

    A stranger's page can have its own name resolve to an address of this machine or its network,
    and would then read what is served there (DNS rebinding). It cannot have a browser say
    `localhost` or an address in its stead, and it does not know the token.
    """

    def __init__(
        self, bound: str, addresses: Sequence[str], allowed: Sequence[str], token: bool
    ) -> None:
        self._local = all(found is None or found.is_loopback for found in map(_address, addresses))
        self._any = token and not self._local
        self._names = {LOCAL, bound.lower(), *map(check_host, allowed)}

    def check(self, headers: Sequence[str], needed: bool) -> None:
        """Check the Host headers of a request; raises `WrongHostError`, or `HostError` if there are
        several, or none though one is `needed` (HTTP/1.1)."""
        if not headers and not needed:
            return  # a browser sends one
        host = host_of(headers[0]) if len(headers) == 1 else None
        if host is None:
            raise HostError
        if self._any or host in self._names:
            return
        address = _address(host)
        if address is None or (self._local and not address.is_loopback):
            raise WrongHostError


class Clients:
    """Tells clients apart by address. What a trusted proxy says in X-Forwarded-For counts as the
    address of its client."""

    def __init__(self, proxies: Sequence[str]) -> None:
        self._proxies = [ip_network(proxy) for proxy in proxies]

    def key(self, remote: str, forwarded: Sequence[str]) -> str:
        """Return the client of a connection from `remote`, as a text; of IPv6, one has 2^64
        addresses. `forwarded` are the X-Forwarded-For headers."""
        address = _address(remote)
        for entry in reversed(",".join(forwarded).split(",")):
            if address is None or not any(address in proxy for proxy in self._proxies):
                break
            before = _address(entry.strip().strip("[]"))
            if before is None:
                break
            address = before
        if address is None:
            return remote
        if address.version == 4 or address.is_link_local:
            return str(address)
        return str(IPv6Network((address, 64), strict=False))


def _address(text: str) -> Address | None:
    """Return an address, that of IPv4 for one that is written as IPv6; None for what is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
