"""Which hosts a server answers for, and how it tells clients apart."""

import asyncio
import socket

import aiohttp
import pytest

from inrcodec.errors import OptionError, StreamError
from inrcodec.streaming.server.app import Server
from inrcodec.streaming.server.callers import Clients, HostError, Hosts, WrongHostError
from inrcodec.streaming.server.options import Limits, ServerOptions
from tests.streaming.peers import Shelf, serving, until

LOCAL = ["127.0.0.1", "127.1.2.3:8750", "localhost", "LocalHost.", "localhost:80", "[::1]:8750"]
LOCAL += ["[::1]", "[::ffff:127.0.0.1]", "localhost:"]
ADDRESSES = ["192.168.1.5:8750", "[2001:db8::1]", "0.0.0.0", "8.8.8.8"]
NAMES = ["evil.example", "evil.example:8750", "localhost.evil.example", "127.0.0.1.evil.example"]
NAMES += ["xlocalhost", "0x7f.1", "2130706433", "127.1", "localhost.."]
NONE = ["", ":80", "a b", "localhost:80:80", "[::1", "::1", "[localhost]", "u@localhost", "a/b"]
NONE += ["localhost, evil.example", "localhost\x00", "localhost:x", "[::1]x"]


def answer(hosts, *headers, needed=True):
    try:
        hosts.check(headers, needed)
    except StreamError as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    ("bound", "addresses"),
    [("127.0.0.1", ["127.0.0.1"]), ("::1", ["::1"]), ("localhost", ["::1", "127.0.0.1"])],
)
@pytest.mark.parametrize("token", [False, True])
def test_on_loopback_only_local_names_and_those_allowed(bound, addresses, token):
    hosts = Hosts(bound, addresses, ["Images.Example.ORG"], token)
    for header in [*LOCAL, "images.example.org", "IMAGES.example.org:443", "images.example.org."]:
        assert answer(hosts, header) is None, header
    for header in ADDRESSES + NAMES:
        assert answer(hosts, header) is WrongHostError, header
    for header in NONE:
        assert answer(hosts, header) is HostError, header


def test_elsewhere_any_address_and_with_a_token_any_host():
    for addresses in (["0.0.0.0"], ["::"], ["192.168.1.5"], ["127.0.0.1", "192.168.1.5"]):
        hosts = Hosts("printer.lan", addresses, [], False)
        for header in [*LOCAL, *ADDRESSES, "printer.lan:8750"]:
            assert answer(hosts, header) is None, header
        for header in NAMES:
            assert answer(hosts, header) is WrongHostError, header
        hosts = Hosts("0.0.0.0", addresses, [], True)
        for header in [*LOCAL, *ADDRESSES, *NAMES]:
            assert answer(hosts, header) is None, header
        for header in NONE:
            assert answer(hosts, header) is HostError, header


def test_a_request_has_one_host():
    hosts = Hosts("127.0.0.1", ["127.0.0.1"], [], False)
    assert answer(hosts) is HostError
    assert answer(hosts, needed=False) is None
    assert answer(hosts, "localhost", "localhost") is HostError
    assert answer(hosts, "evil.example", needed=False) is WrongHostError


def test_hosts_and_proxies_that_are_none():
    for name in ("", "http://example.org", "example.org:80", "a b", "[::1", "a/b", "*:*"):
        with pytest.raises(OptionError, match="a host looks like"):
            ServerOptions(hosts=(name,))
    for text in ("", "proxy.example", "10.0.0.0/40", "10.0.0.1/8"):
        with pytest.raises(OptionError, match="a proxy is an address"):
            ServerOptions(proxies=(text,))
    ServerOptions(hosts=("example.org", "::1", "[::1]"), proxies=("10.0.0.0/8", "::1"))


def test_clients_are_told_apart_by_what_trusted_proxies_say():
    far, near = "198.51.100.7", "10.0.0.9"
    clients = Clients(["127.0.0.1", "10.0.0.0/8"])
    for remote, forwarded, found in (
        (far, [], far),
        (far, ["203.0.113.1"], far),  # a stranger's word
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [far], far),
        ("::ffff:127.0.0.1", [far], far),
        ("127.0.0.1", [f"203.0.113.1, {far}"], far),  # the first was said by `far`
        ("127.0.0.1", [f"203.0.113.1, {far}, {near}"], far),  # two proxies
        ("127.0.0.1", ["203.0.113.1", f"{far},{near}"], far),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", [f"{far}, unknown, {near}"], near),
        ("127.0.0.1", [near], near),
        ("2001:db8:1:2:3::4", [], "2001:db8:1:2::/64"),
        ("127.0.0.1", ["[2001:db8:1:2::9]"], "2001:db8:1:2::/64"),
        ("fe80::1", [], "fe80::1"),
        ("", [], ""),
    ):
        assert clients.key(remote, forwarded) == found, (remote, forwarded)


async def status_of(port, head, host="127.0.0.1"):
    """The status of a request with just this head."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode())
    line = await asyncio.wait_for(reader.readline(), 30)
    writer.close()
    return int(line.split()[1])


def test_a_page_that_resolves_to_loopback_is_refused(tmp_path):
    async def go():
        async with serving(Shelf(file=9), hosts=("example.org",)) as (server, base):
            for head, status in (
                ("GET / HTTP/1.1\r\nHost: localhost", 200),
                ("GET / HTTP/1.1\r\nHost: example.org", 200),
                ("GET / HTTP/1.1\r\nHost: evil.example", 421),
                ("GET /files/file HTTP/1.1\r\nHost: evil.example", 421),
                ("GET /healthz HTTP/1.1\r\nHost: evil.example", 421),
                ("GET /nothing HTTP/1.1\r\nHost: evil.example", 421),
                ("POST /files/file HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0", 421),
                ("GET / HTTP/1.1", 400),
                ("GET / HTTP/1.1\r\nHost:", 400),
                ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 400),
                ("GET / HTTP/1.0", 200),
                ("GET / HTTP/1.0\r\nHost: evil.example", 421),
            ):
                assert await status_of(server.port, head) == status, head
            async with aiohttp.ClientSession() as http:
                async with http.get(base, headers={"Host": "evil.example"}) as reply:
                    text = await reply.text()
                    assert "file" not in text
                    assert "--allow-host" in text

    asyncio.run(go())


def test_a_server_on_ipv6_loopback():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("no IPv6 here")

    async def go():
        server = Server(Shelf(file=9), ServerOptions(host="::1", port=0))
        await server.start()
        found = [
            await status_of(server.port, f"GET / HTTP/1.1\r\nHost: {host}", "::1")
            for host in (f"[::1]:{server.port}", "evil.example")
        ]
        await server.close()
        return found

    assert asyncio.run(go()) == [200, 421]


def test_clients_behind_a_proxy_have_limits_of_their_own():
    async def go():
        limits = Limits(sessions_per_address=1, silence_s=60)
        options = {"limits": limits, "proxies": ("127.0.0.1",)}
        async with serving(Shelf(large=1 << 24), **options) as (server, base):
            async with aiohttp.ClientSession() as http:
                url = f"{base}/files/large"
                _, slow = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
                head = b"GET /files/large HTTP/1.1\r\nHost: localhost\r\n"
                slow.write(head + b"X-Forwarded-For: 198.51.100.7\r\n\r\n")
                assert await until(lambda: server.downloads == 1)
                for address, status in (("198.51.100.7", 429), ("198.51.100.8", 200)):
                    async with http.get(url, headers={"X-Forwarded-For": address}) as reply:
                        assert reply.status == status
                slow.close()

    asyncio.run(go())
