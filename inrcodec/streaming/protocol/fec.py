"""Forward error correction of a layer: repair symbols of RaptorQ (RFC 6330), and how many to send.

The code is systematic: its first symbols are the layer cut into pieces. Any `sources` symbols of a
layer, rarely one or two more, give back all of it.
"""

from __future__ import annotations

import math
from functools import lru_cache

from inrcodec.streaming.protocol.messages import MOST_EXPECTED_PERMILLE, LayerInfo

BASE_FAILURE, EARLY_FAILURE, LATE_FAILURE = 1e-4, 1e-3, 1e-2
"""The probabilities that a layer stays incomplete, which repair symbols are planned for: of the
base, of the layers after it, and of the last but one. Without the base there is no image at all;
each finer layer that is missing costs less (docs/streaming.md, "No retransmission")."""

LAST_SHARE = 0.1
"""Most repair symbols of the last layer, as a share of its own: a slice that it lacks costs detail
in a small area only."""

MOST_EXPECTED_LOSS = MOST_EXPECTED_PERMILLE / 1000
"""The highest packet loss that repair symbols are planned for."""

_ID_BYTES = 4


def repair_symbols(layer: bytes, symbol_size: int, count: int) -> list[bytes]:
    """Return the first `count` repair symbols of a layer, each of `symbol_size` bytes."""
    if not count:
        return []
    import raptorq

    sources = -(-len(layer) // symbol_size)
    packets = raptorq.Encoder.with_defaults(layer, symbol_size + _ID_BYTES)
    return [packet[_ID_BYTES:] for packet in packets.get_encoded_packets(count)[sources:]]


def recovered(symbols: dict[int, bytes], layer: LayerInfo) -> bytes | None:
    """Recover a layer from its symbols, by number; None if they are too few."""
    if len(symbols) < layer.sources:
        return None
    if all(number in symbols for number in range(layer.sources)):
        return b"".join(symbols[number] for number in range(layer.sources))
    import raptorq

    size = layer.symbol_bytes
    decoder = raptorq.Decoder.with_defaults(layer.size_bytes, size + _ID_BYTES)
    for number, symbol in symbols.items():
        found = decoder.decode(number.to_bytes(_ID_BYTES, "big") + symbol.ljust(size, b"\0"))
        if found is not None:
            return bytes(found)
    return None


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

    `layers` are the numbers of source symbols, `packet_loss` is a share of 0 .. 1.
    """
    packet_loss = min(packet_loss, MOST_EXPECTED_LOSS)
    last = len(layers) - 1
    wanted = []
    for i, sources in enumerate(layers):
        if i == 0:
            wanted.append(repair_count(sources, packet_loss, BASE_FAILURE))
        elif i == last:
            wanted.append(math.ceil(sources * min(packet_loss, LAST_SHARE)))
        else:
            failure = LATE_FAILURE if i == last - 1 else EARLY_FAILURE
            wanted.append(repair_count(sources, packet_loss, failure))
    return wanted
