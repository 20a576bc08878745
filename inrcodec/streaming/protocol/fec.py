"""Forward error correction of a layer: repair symbols of RaptorQ (RFC 6330), and how many to send.

The code is systematic: its first symbols are the layer cut into pieces. Any `sources` symbols of a
layer, rarely one or two more, give back all of it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from inrcodec.errors import PacketError, StreamError
from inrcodec.streaming.protocol.foreign import foreign
from inrcodec.streaming.protocol.manifest import LayerInfo
from inrcodec.streaming.protocol.messages import MOST_EXPECTED_PERMILLE

BASE_FAILURE, EARLY_FAILURE, LATE_FAILURE = 1e-4, 1e-3, 1e-2
"""The probabilities that a layer stays incomplete, which repair symbols are planned for: of the
base, of the layers after it, and of the last but one. Without the base there is no image at all;
each finer layer that is missing costs less (docs/streaming.md, "No retransmission")."""

LAST_SHARE = 0.1
"""Most repair symbols of the last layer, as a share of its own: a slice that it lacks costs detail
in a small area only."""

MOST_EXPECTED_LOSS = MOST_EXPECTED_PERMILLE / 1000
"""The highest packet loss that repair symbols are planned for."""

MOST_SOURCES = 4096
"""The most source symbols of a layer that has repair symbols: 4.6 MB. With so many, a hostile
choice of symbols makes one attempt to recover the layer take 0.07 s; with twice as many, 0.3 s."""

MOST_TRIES = 3
"""How often a receiver tries to recover a layer: with as many symbols as the layer has pieces, and
with one and two more. The last fails in one of a million cases; a hostile sender has it fail
always, and then the pieces themselves are asked for."""

_ID_BYTES = 4


def most_symbols(sources: int) -> int:
    """The most symbols of a layer that a sender makes, its source symbols included.

    It is more than `repair_count` gives at any packet loss that is planned for. Among more of them
    a hostile sender could choose those that take longest to recover a layer from.
    """
    return sources if sources > MOST_SOURCES else 3 * sources + 32


def repair_symbols(layer: bytes, symbol_size: int, count: int) -> list[bytes]:
    """Return the first `count` repair symbols of a layer, each of `symbol_size` bytes."""
    if not count:
        return []
    import raptorq

    sources = -(-len(layer) // symbol_size)
    with foreign(StreamError, "repair symbols cannot be made"):
        packets = raptorq.Encoder.with_defaults(layer, symbol_size).get_encoded_packets(count)
    return [packet[_ID_BYTES:] for packet in packets[sources:]]


class Recovery:
    """Recovers one layer from its symbols, in a bounded number of attempts.

    Each call of `attempt` is one, whatever it costs: the decoder keeps the symbols of the calls
    before. The library holds the interpreter while it decodes, so that a thread would not leave the
    event loop free: hence the bounds above.
    """

    def __init__(self, layer: LayerInfo) -> None:
        self._layer, self._tries = layer, 0
        self.restart()

    def restart(self) -> None:
        """Forget all symbols; the attempts still count."""
        self._decoder: Any = None
        self._known: set[int] = set()

    @property
    def given_up(self) -> bool:
        """Whether there is no attempt left."""
        return self._tries >= MOST_TRIES

    def attempt(self, symbols: dict[int, bytes]) -> bytes | None:
        """Return the layer, or None if these symbols, by number, do not tell all of it. Raises
        `PacketError` if the decoder takes offence at them."""
        import raptorq

        self._tries += 1
        layer, found = self._layer, None
        with foreign(PacketError, "a layer cannot be recovered"):
            if self._decoder is None:
                size = layer.symbol_bytes
                self._decoder = raptorq.Decoder.with_defaults(layer.size_bytes, size)
            for number in symbols.keys() - self._known:
                symbol = symbols[number].ljust(layer.symbol_bytes, b"\0")
                found = self._decoder.decode(number.to_bytes(_ID_BYTES, "big") + symbol)
                self._known.add(number)
        if self.given_up:
            self.restart()
        return None if found is None else bytes(found)


@lru_cache(maxsize=4096)
def repair_count(sources: int, packet_loss: float, failure: float) -> int:
    """The fewest repair symbols with which fewer than `sources` symbols of a layer arrive with a
    probability of at most `failure`.

    Each symbol is lost independently with probability `packet_loss`, so the number of lost symbols
    is binomial.
    """
    if packet_loss <= 0:
        return 0
    from scipy.special import bdtr

    def fails(count: int) -> bool:
        return float(1 - bdtr(count, sources + count, packet_loss)) > failure

    low, high = -1, 1
    while fails(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return high


def protection(layers: list[int], packet_loss: float) -> list[int]:
    """The number of repair symbols of each layer: unequal protection, most for the first layer.

    `layers` are the numbers of source symbols, `packet_loss` is a share of 0 .. 1. A layer of more
    than `MOST_SOURCES` symbols has none.
    """
    packet_loss = min(packet_loss, MOST_EXPECTED_LOSS)
    last = len(layers) - 1
    wanted = []
    for i, sources in enumerate(layers):
        if sources > MOST_SOURCES:
            wanted.append(0)
        elif i == 0:
            wanted.append(repair_count(sources, packet_loss, BASE_FAILURE))
        elif i == last:
            wanted.append(math.ceil(sources * min(packet_loss, LAST_SHARE)))
        else:
            failure = LATE_FAILURE if i == last - 1 else EARLY_FAILURE
            wanted.append(repair_count(sources, packet_loss, failure))
    return wanted
