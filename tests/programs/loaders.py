"""Prints how far memory grew, in bytes, while each loader read what tests/test_loaders.py made.

    python loaders.py FOLDER

Every file is read in a forked process of its own. Its name says by what: info-x.inr, init-x.start.
"""

import json
import os
import resource
import sys
from pathlib import Path

import numpy  # noqa: F401

from inrcodec.codec.describe import info
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Header
from inrcodec.codec.networks.init_tables import Initialisation
from inrcodec.errors import InrCodecError
from inrcodec.metrics.curves.rd import read_rows
from inrcodec.metrics.quality import weights
from inrcodec.streaming.layers import stream_of


def npz(path: Path) -> None:
    os.environ["INRCODEC_LPIPS_SQUEEZE"] = str(path)
    weights.load("lpips-squeeze-full")


def metadata(path: Path) -> None:
    bitstream.read(path.read_bytes()).metadata  # noqa: B018


LOADERS = {
    "info": lambda path: info(path.read_bytes()),
    "metadata": metadata,
    "stream": lambda path: stream_of(path.read_bytes()),
    "header": lambda path: Header.from_bytes(path.read_bytes()),
    "init": Initialisation.read,
    "rows": read_rows,
    "weights": npz,
}


def grown(path: Path) -> int:
    """Bytes that the largest size of a process that reads a file is above that before it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            LOADERS[path.name.partition("-")[0]](path)
            ended = "read"
        except InrCodecError as error:
            ended = type(error).__name__
        except BaseException as error:
            ended = f"foreign {error!r}"
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(writing, json.dumps([after - before << 10, ended]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text or '[-1, "killed"]')


print(json.dumps({path.name: grown(path) for path in sorted(Path(sys.argv[1]).iterdir())}))
