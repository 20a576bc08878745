"""What is said over HTTP about a stream: offers, tokens and signed links, as pure functions.

Signalling is that of WHEP: a receiver POSTs an SDP offer to the URL of a file, gets 201 with the
answer and the Location of the session, and DELETEs that to end it. Offers come from strangers, so
only what a data channel needs is passed on. Candidates are left out, which also keeps a server from
sending anything to addresses that an offer names.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote, urlencode

from inrcodec.errors import OptionError, StreamError

MAX_OFFER_BYTES = 16384
MAX_LINES, MAX_LINE = 200, 1024
"""Lines of an offer, and characters of a line, at most; an offer of aiortc has 21 of up to 213."""

LAYERS_HEADER = "Inr-Layers"
"""HTTP header of a file: where its layers begin, in bytes, with commas between."""

FILES, SESSIONS, PAGES = "/files/", "/sessions/", ("/web/", "/view/")
"""Where files, sessions and the pages that browsers see are asked for."""

HEALTH = "/healthz"

START_HEADER = "Inr-Start"
"""HTTP header of an offer: the receiver's first messages, each in base64, with commas between. If
they do not fit there, they go over the control channel."""

INLINE = "a=x-inr:"
"""Prefix of lines at the end of an answer, each a datagram in base64: the manifest and the base. So
they are there a round trip after the request; other receivers ignore such attributes."""

MAX_INLINE_BYTES = 1 << 14
"""Bytes of the largest base that comes with an answer: those of photographs have 1 to 8 KB."""

MAX_START_BYTES = 4096
"""Characters of the longest `START_HEADER`: aiohttp refuses header lines of 8190 and more."""

MOST_CANDIDATES = 8
"""The most addresses of a server that a receiver tries: one for IPv4 and for IPv6 each, and more
where it has several."""

_CANDIDATE = "a=candidate:"
_KEPT = re.compile(
    r"(v=0|o=|s=|t=|c=|m=application |"
    r"a=(group:|msid-semantic:|mid:|ice-ufrag:|ice-pwd:|fingerprint:|setup:|sctp-port:|"
    r"sctpmap:|max-message-size:|sendrecv))"
)
_DATA = re.compile(r"m=application \d{1,5} (UDP/DTLS/SCTP|DTLS/SCTP|TCP/DTLS/SCTP) \S+")
_NEEDED = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:", "a=mid:")
_FORMS = re.compile(
    r"a=ice-ufrag:[A-Za-z0-9+/]{4,256}|a=ice-pwd:[A-Za-z0-9+/]{22,256}|"
    r"a=fingerprint:sha-(256|384|512) [0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31,63}|"
    r"a=setup:(actpass|active|passive)|a=mid:[A-Za-z0-9_-]{1,32}"
)


class OfferError(StreamError):
    """An offer is not valid, or not one for data channels alone."""


def checked_offer(body: bytes) -> str:
    """Return those lines of an SDP offer that a session of data channels needs; raises
    `OfferError`."""
    if len(body) > MAX_OFFER_BYTES:
        raise OfferError(f"an offer of more than {MAX_OFFER_BYTES} bytes")
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise OfferError("an offer is ASCII text") from None
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES or max(map(len, lines)) > MAX_LINE:
        raise OfferError(f"an offer has at most {MAX_LINES} lines of {MAX_LINE} characters")
    if lines[0] != "v=0":
        raise OfferError("this is not an SDP offer")
    if any(not line.isprintable() for line in lines):
        raise OfferError("an offer has no control characters")
    media = [line for line in lines if line.startswith("m=")]
    if len(media) != 1 or not _DATA.fullmatch(media[0]):
        raise OfferError("an offer asks for data channels, and for nothing else")
    kept = [line for line in lines if _KEPT.match(line)]
    for start in _NEEDED:
        found = [line for line in kept if line.startswith(start)]
        if not found:
            raise OfferError(f"an offer without {start[:-1]}")
        if not all(map(_FORMS.fullmatch, found)):
            raise OfferError(f"an offer whose {start[:-1]} is not valid")
    return "\r\n".join(kept) + "\r\n"


def start_header(datagrams: list[bytes]) -> str | None:
    """Write the header that carries these datagrams; None if it would be too long."""
    text = ",".join(base64.b64encode(datagram).decode() for datagram in datagrams)
    return text if len(text) <= MAX_START_BYTES else None


def started(text: str) -> list[bytes]:
    """Parse the datagrams of a header; raises `OfferError`."""
    if len(text) > MAX_START_BYTES:
        raise OfferError(f"{START_HEADER} has more than {MAX_START_BYTES} characters")
    return [_from_base64(part) for part in text.split(",")]


def with_inline(answer: str, datagrams: list[bytes]) -> str:
    """Append datagrams to an answer."""
    lines = (INLINE + base64.b64encode(datagram).decode() for datagram in datagrams)
    return answer + "".join(f"{line}\r\n" for line in lines)


def without_inline(answer: str) -> tuple[str, list[bytes]]:
    """Split an answer into (the answer itself, its datagrams); raises `OfferError`."""
    lines = answer.splitlines()
    inline = [line for line in lines if line.startswith(INLINE)]
    kept = "".join(f"{line}\r\n" for line in lines if not line.startswith(INLINE))
    return kept, [_from_base64(line[len(INLINE) :]) for line in inline]


def with_candidates(answer: str, addresses: Iterable[str]) -> tuple[str, int]:
    """Leave in an answer only the first `MOST_CANDIDATES` candidates with one of these addresses;
    return it and the number of them. So whoever answers cannot have packets sent to others."""
    allowed = {ip for ip in map(_ip, addresses) if ip is not None}
    kept: list[str] = []
    count = 0
    for line in answer.splitlines():
        if line.startswith(_CANDIDATE):
            fields = line.split()
            named = _ip(fields[4]) if len(fields) > 4 else None
            if named not in allowed or count == MOST_CANDIDATES:
                continue
            count += 1
        kept.append(f"{line}\r\n")
    return "".join(kept), count


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text writes, without the zone; None for a name, or anything else."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _from_base64(text: str) -> bytes:
    """Decode a message; raises `OfferError`."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise OfferError("a message is not base64") from None


def signed(path: str, secret: str, seconds: float, now: float | None = None) -> str:
    """Return the path, quoted, with a query that lets anyone in for so many seconds from `now` on
    (Unix time)."""
    expires = int((time.time() if now is None else now) + seconds)
    query = urlencode({"expires": expires, "signature": _signature(path, expires, secret)})
    return f"{quote(path)}?{query}"


def check_token(token: str) -> None:
    """Raise `OptionError` for a token that an HTTP header cannot carry, or that can be guessed."""
    if len(token) < 8 or not token.isascii() or not token.isprintable() or token != token.strip():
        raise OptionError("a token is at least 8 printable ASCII characters")


@dataclass(frozen=True, slots=True)
class Access:
    """Says who may have files: everyone, or whoever shows the token or a link signed with it."""

    token: str | None = None

    def __post_init__(self) -> None:
        if self.token is not None:
            check_token(self.token)

    def allows(
        self, path: str, authorization: str | None, query: dict[str, str], now: float | None = None
    ) -> bool:
        """Whether a request for this (decoded) path may go on. Takes the same time for all wrong
        tokens. The name of a session is itself a secret, so whoever has it may end the session."""
        if self.token is None or path == HEALTH or path.startswith((SESSIONS, *PAGES)):
            return True
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self.token):
            return True
        expires = query.get("expires", "")
        if not re.fullmatch(r"[0-9]{1,12}", expires):
            return False
        late = int(expires) < (time.time() if now is None else now)
        right = _same(query.get("signature", ""), _signature(path, int(expires), self.token))
        return right and not late


def _signature(path: str, expires: int, secret: str) -> str:
    """Return the HMAC-SHA-256 of a path and the second at which it expires."""
    return hmac.new(secret.encode(), f"{expires} {path}".encode(), hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    """Whether two texts are equal, in a time that does not tell how far they are."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
