import asyncio
import hashlib
import hmac

import pytest

from inrcodec.errors import OptionError
from inrcodec.streaming.transport.signaling import Access, OfferError, checked_offer, signed
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
