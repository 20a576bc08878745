"""Manifests: what they say of layers, and which no sender makes."""

import pytest

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol.manifest import _LAYER, LayerInfo, Manifest, symbol_bytes

DIGEST = bytes(range(32))


@pytest.mark.parametrize(
    ("size", "symbol", "sources"),
    [(1, 8, 1), (8, 8, 1), (9, 16, 1), (1136, 1136, 1), (1137, 1136, 2), (1 << 24, 1136, 14769)],
)
def test_symbols_of_a_layer(size: int, symbol: int, sources: int) -> None:
    assert symbol_bytes(size) == symbol
    assert LayerInfo(size, 0, symbol).sources == sources


def test_the_largest_file_comes_back() -> None:
    manifest = Manifest(DIGEST, (LayerInfo(1 << 24, 7, 1136),) * 4)
    assert manifest.size_bytes == 1 << 26
    assert manifest.stream == DIGEST[:8]
    assert Manifest.of(manifest.body()) == manifest


@pytest.mark.parametrize(
    "layers",
    [
        b"",
        bytes(10),
        (8).to_bytes(4, "big") * 3,
        _LAYER.pack(8, 0, 7),
        _LAYER.pack(8, 0, 2000),
        _LAYER.pack(1 << 25, 0, 1136),
        _LAYER.pack(1 << 24, 0, 8),
        _LAYER.pack(2000, 0, 8),
        _LAYER.pack(1 << 24, 0, 1136) * 4 + _LAYER.pack(1, 0, 8),
        _LAYER.pack(8, 0, 8) * 33,
    ],
)
def test_a_manifest_that_no_sender_makes_is_refused(layers: bytes) -> None:
    with pytest.raises(PacketError):
        Manifest.of(DIGEST + layers)


@pytest.mark.parametrize("size", [0, 31])
def test_a_manifest_without_a_whole_digest_is_refused(size: int) -> None:
    with pytest.raises(PacketError):
        Manifest.of(bytes(size))
