"""When a session over data channels pings, asks again and gives up.

Times go in and decisions come out: there is no clock here.
"""

from __future__ import annotations

from inrcodec.errors import StreamError
from inrcodec.streaming.client.failures import Unreachable

HEARTBEAT_S = 2.0
"""Seconds between pings: five of them within the silence that a server allows (10 s)."""

FIRST_PATIENCE_S = 0.5
"""The patience while the round trip is not known: longer than the round trip of most paths."""

LEAST_PATIENCE_S = 0.05
"""The patience on a local network, where timers are slower than the path."""

ROUND_TRIPS = 1.5
"""Round trips of silence after which a packet must have been lost: an answer takes one, and half of
one allows for delays."""


class Pace:
    """The times of one session, in seconds of any one clock."""

    def __init__(self, now: float, *, connect_s: float, silence_s: float) -> None:
        self._begun, self._connect_s, self._silence_s = now, connect_s, silence_s
        self._opened = False
        self._heard = self._news = now
        self._asked = self._pinged = 0.0
        self._round_trip: float | None = None
        self._waiting = False

    @property
    def patience(self) -> float:
        """Seconds of silence after which something must have been lost."""
        if self._round_trip is None:
            return FIRST_PATIENCE_S
        return max(LEAST_PATIENCE_S, ROUND_TRIPS * self._round_trip)

    def opened(self, now: float) -> None:
        """Note that the channels are open."""
        self._opened = True
        self._heard = self._news = now

    def heard(self, now: float, *, news: bool) -> None:
        """Note a message of the server, and whether it brought anything new of the file."""
        self._heard = now
        if news:
            self._news = now

    def pinged(self, now: float) -> None:
        """Note that a ping was sent."""
        self._pinged, self._waiting = now, True

    def answered(self, now: float) -> None:
        """Note that the last ping was answered; only the first answer measures the round trip."""
        if self._waiting:
            self._round_trip, self._waiting = now - self._pinged, False

    def asked(self, now: float) -> None:
        """Note that the receiver asked for everything it lacks."""
        self._asked = now

    def check(self, now: float) -> None:
        """Raise `Unreachable` if the channels do not open in time, `StreamError` if the server has
        sent nothing new for too long."""
        if not self._opened and now - self._begun > self._connect_s:
            raise Unreachable("the server cannot be reached by UDP")
        if self._opened and now - self._news > self._silence_s:
            raise StreamError("nothing new from the server")

    def ping_due(self, now: float) -> bool:
        """Whether it is time for a ping."""
        return self._opened and now - self._pinged > HEARTBEAT_S

    def ask_due(self, now: float) -> bool:
        """Whether it is time to ask for everything that is missing."""
        return self._opened and now - max(self._heard, self._asked) > self.patience
