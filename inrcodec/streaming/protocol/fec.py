"""Forward error correction of a layer: RaptorQ symbols (RFC 6330), and how many it needs.

The code is systematic: the first symbols are the layer, cut in pieces. Any `sources` symbols, and
now and then one or two more, give all of it back.
"""

from __future__ import annotations

import math
from functools import lru_cache

from inrcodec.streaming.protocol.messages import LayerInfo

BASE_FAILURE, EARLY_FAILURE, LATE_FAILURE = 1e-4, 1e-3, 1e-2
"""How often the base layer, the layers after it, and the one before the last may stay
incomplete."""

LAST_SHARE = 0.1
"""Most repair symbols of the last layer, beside its own: what it lacks costs small areas only."""

MOST_LOSS = 0.5
"""Beyond it no protection is planned."""

_ID_BYTES = 4


def repair_symbols(layer: bytes, symbol_size: int, count: int) -> list[bytes]:
    """So many repair symbols of a layer."""
    if not count:
        return []
    import raptorq

    sources = -(-len(layer) // symbol_size)
    packets = raptorq.Encoder.with_defaults(layer, symbol_size + _ID_BYTES)
    return [packet[_ID_BYTES:] for packet in packets.get_encoded_packets(count)[sources:]]


def recovered(symbols: dict[int, bytes], layer: LayerInfo) -> bytes | None:
    """The layer that these symbols, by number, are of; None if they are too few."""
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
def repair_count(sources: int, loss: float, failure: float) -> int:
    """The fewest repair symbols with which fewer than `sources` of all arrive at most so often, if
    each is lost by itself with probability `loss`."""
    if loss <= 0:
        return 0
    from scipy.special import bdtr

    def fails(count: int) -> bool:
        return float(1 - bdtr(count, sources + count, loss)) > failure

    low, high = -1, 1
    while fails(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return high


def protection(layers: list[int], loss: float) -> list[int]:
    """Repair symbols of layers of so many source symbols, most for the first: unequal
    protection."""
    loss = min(loss, MOST_LOSS)
    last = len(layers) - 1
    wanted = []
    for i, sources in enumerate(layers):
        if i == 0:
            wanted.append(repair_count(sources, loss, BASE_FAILURE))
        elif i == last:
            wanted.append(math.ceil(sources * min(loss, LAST_SHARE)))
        else:
            failure = LATE_FAILURE if i == last - 1 else EARLY_FAILURE
            wanted.append(repair_count(sources, loss, failure))
    return wanted
