"""The public names of the package, and what importing it costs."""

import subprocess
import sys

import pytest

import inrcodec.streaming as streaming


def test_every_public_name_is_there_and_documented():
    lines = [line.split("  ")[0] for line in streaming.__doc__.splitlines()]
    for name in streaming.__all__:
        value = getattr(streaming, name)
        assert value.__doc__ if callable(value) else value is not None, name
        assert name in lines, name
    assert dir(streaming) == streaming.__all__
    with pytest.raises(AttributeError, match="nothing"):
        _ = streaming.nothing


@pytest.mark.parametrize(
    ("names", "unwanted"),
    [
        ("Sender, Receiver, simulate, PacketLoss", "torch PIL aiohttp aiortc asyncio socket"),
        ("Library", "aiohttp aiortc"),
        ("receive, fetch", "aiohttp aiortc torch inrcodec.streaming.server"),
        ("Server", "aiortc inrcodec.streaming.client"),
    ],
)
def test_names_load_no_more_than_they_need(names, unwanted):
    code = f"""import sys
from inrcodec.streaming import {names}
found = [name for name in {unwanted.split()!r} if name in sys.modules]
sys.exit(" ".join(found) or None)"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
