import asyncio
import hashlib
import hmac

import pytest

from inrcodec.errors import OptionError
from inrcodec.streaming.transport.signaling import (
    MOST_CANDIDATES,
    Access,
    OfferError,
    checked_offer,
    signed,
    with_candidates,
)
from tests.streaming.peers import offer_of


def test_what_is_kept_of_an_offer():
    async def go():
        offer, peer = await offer_of()
        await peer.close()
        return offer

    offer = asyncio.run(go())
    kept = checked_offer(offer.encode())
    assert "candidate" not in kept
    assert kept.count("m=") == 1
    with pytest.raises(OfferError):
        checked_offer(("v=0\r\n" + "a=x\r\n" * 300).encode())
    with pytest.raises(OfferError):
        checked_offer(b"v=0\r\na=" + b"x" * 2000)


def test_signed_links():
    link = signed("/files/a b.inr", "the secret", 60, now=1000.0)
    path, _, query = link.partition("?")
    assert path == "/files/a%20b.inr"
    parts = dict(part.split("=") for part in query.split("&"))
    access = Access("the secret")
    assert access.allows("/files/a b.inr", None, parts, now=1059.0)
    assert not access.allows("/files/a b.inr", None, parts, now=1061.0)
    assert not access.allows("/files/other.inr", None, parts, now=1000.0)
    longer = parts | {"expires": "99999999999"}
    assert not access.allows("/files/a b.inr", None, longer, now=1000.0)
    for wrong in ({}, {"expires": "x"}, {"expires": "1e9"}, {"expires": "²"}):
        assert not access.allows("/files/a b.inr", None, parts | wrong | {"signature": "é"})
    assert access.allows("/", "bearer the secret", {})
    for header in (None, "", "the secret", "Basic the secret", "Bearer", "Bearer the secre"):
        assert not access.allows("/", header, {})
    assert Access().allows("/", None, {})
    with pytest.raises(OptionError):
        Access("short")


def test_any_server_can_sign_a_link():
    """With what docs/streaming.md says: HMAC-SHA-256 of the expiry, a space and the path."""
    message = b"1060 /files/a b.inr"
    wanted = hmac.new(b"the secret", message, hashlib.sha256).hexdigest()
    assert signed("/files/a b.inr", "the secret", 60, now=1000.0).endswith(f"signature={wanted}")


def candidate(address, number=1):
    return f"a=candidate:{number} 1 udp 2130706431 {address} 5000 typ host"


def test_only_candidates_of_the_server_itself_are_kept():
    lines = ["v=0", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:0"]
    named = ["10.0.0.7", "192.0.2.1", "fe80::1", "router.local", "192.0.2.01", "x", "2001:DB8:0::2"]
    answer = "\r\n".join([*lines, *map(candidate, named), "a=candidate:1 1 udp", "a=setup:active"])
    kept, count = with_candidates(answer, ["192.0.2.1", "2001:db8::2", "fe80::9%eth0"])
    assert kept.splitlines() == [
        *lines,
        candidate("192.0.2.1"),
        candidate("2001:DB8:0::2"),
        "a=setup:active",
    ]
    assert count == 2
    many = "\r\n".join(candidate("192.0.2.1", n) for n in range(700))
    assert with_candidates(many, ["192.0.2.1"])[1] == MOST_CANDIDATES
