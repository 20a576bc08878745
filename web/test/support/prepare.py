"""Writes what the tests of the npm package compare with, by the Python package.

    python web/test/support/prepare.py FOLDER

photo.inr is a photograph of 768 x 512 pixels, the usual model and no fit, photo.rgb its samples.
native.json says how much processor time the package takes to decode it on one thread, and as which
error it refuses each invalid vector. wide.inr has 20,000 columns, more than a canvas may have.
served/ has files for `inrcodec serve`, references/ the photograph that one of them was made of.
report.html is a report on that file. stream.json has the datagrams of a file, and what a receiver
of the package makes of those that are left when some are lost.
"""

import base64
import json
import random
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

import inrcodec
from inrcodec.errors import FormatError, LimitError, TruncatedError
from inrcodec.metrics.report.evaluation import evaluate
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.options import ReportOptions
from inrcodec.metrics.report.page import to_html
from inrcodec.streaming.layers import cut, stream_of
from inrcodec.streaming.protocol.messages import Mode, Start
from inrcodec.streaming.protocol.packets import pack
from inrcodec.streaming.protocol.receiver import Receiver

RUNS = 5
VECTORS = Path(__file__).parents[3] / "tests" / "vectors"
INVALID = VECTORS / "invalid"
SERVED = ("rgb", "gray-16", "coolchic-slices-alpha", "spinr", "gray-siren")
LOST = 0.3


def code_of(file: bytes) -> str:
    """What the npm package calls the error of a file."""
    try:
        inrcodec.decode(file)
    except TruncatedError:
        return "truncated"
    except LimitError:
        return "limit"
    except FormatError as error:
        return "initial" if "initialisation" in str(error) else "format"
    return "none"


def texts(datagrams: list[bytes]) -> list[str]:
    """Base64 of each."""
    return [base64.b64encode(datagram).decode() for datagram in datagrams]


def stream_facts(file: bytes) -> dict[str, object]:
    """The datagrams of a file; those that are lost; what a receiver then has, says and wants."""
    stream = stream_of(cut(file, 32, None))
    layers = stream.manifest.layers
    places = [(i, n) for i, layer in enumerate(layers) for n in range(layer.sources)]
    symbols = [stream.datagram(*place) for place in places]
    base = layers[0].sources
    draws = random.Random(0)
    lost = [n for n in range(base, len(symbols)) if draws.random() < LOST]
    receiver = Receiver()
    manifest = pack(stream.manifest.stream, stream.manifest)
    receiver.push(manifest)
    for number, symbol in enumerate(symbols):
        if number not in lost:
            receiver.push(symbol)
    return {
        "file": base64.b64encode(stream.data).decode(),
        "layers": len(layers),
        "manifest": texts([manifest])[0],
        "symbols": texts(symbols),
        "lost": lost,
        "runs": texts(receiver.runs()),
        "resume": texts(receiver.resume(Start(Mode.NACK))),
        "wants": texts(receiver.wants_all()),
    }


def main() -> None:
    """Run from the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(data.coffee()).resize((768, 512), Image.Resampling.LANCZOS)
    file = inrcodec.encode(np.asarray(picture), effort=0, threads=1)
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        pixels = inrcodec.decode(file, threads=1)
        times.append(1000 * (time.process_time() - start))
    (folder / "photo.inr").write_bytes(file)
    wide = np.tile(data.coffee()[100:124], (1, 34, 1))[:, :20000]
    (folder / "wide.inr").write_bytes(inrcodec.encode(wide, effort=0, threads=1))
    (folder / "photo.rgb").write_bytes(pixels.tobytes())
    served, references = folder / "served", folder / "references"
    for made in (served, references):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
    (served / "photo.inr").write_bytes(file)
    picture.save(references / "photo.png")
    for name in SERVED:
        shutil.copy(VECTORS / "valid" / f"{name}.inr", served)
    original = File("photo.png", (references / "photo.png").read_bytes())
    options = ReportOptions(metrics=("psnr",), codecs=())
    report = evaluate(original, [File("photo.inr", file)], options)
    (folder / "report.html").write_text(to_html(report), "utf-8")
    (folder / "stream.json").write_text(json.dumps(stream_facts(file)))
    codes = {path.stem: code_of(path.read_bytes()) for path in sorted(INVALID.glob("*.inr"))}
    (folder / "native.json").write_text(json.dumps({"decode_ms": min(times), "codes": codes}))


if __name__ == "__main__":
    main()
