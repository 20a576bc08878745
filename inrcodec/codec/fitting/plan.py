"""Which model `--model auto` stands for.

Latent grids are better at every rate but in the smallest files, where their networks alone take a
few hundred bytes. By benchmarks/model_choice.py, means of four photographs: in files of 200 and 288
bytes `pe-siren` is 4.3 and 1.6 dB ahead of `coolchic`, in those of 610 and 860 it is 1.1 and 2.2
behind.
"""

from __future__ import annotations

from dataclasses import replace

from inrcodec.codec.format.bitstream import metadata_sections
from inrcodec.codec.options import EncodeOptions
from inrcodec.pixels import Picture

SMALL_FILE_BYTES = 400


def chosen(options: EncodeOptions, picture: Picture) -> EncodeOptions:
    """The options with a model in place of "auto", for the bytes that metadata leaves."""
    if options.model != "auto":
        return options
    asked = options.asked_bytes(picture.width * picture.height)
    if asked is not None and options.metadata:
        asked -= len(metadata_sections(picture.metadata))
    for_grids = (options.complexity, options.slices) != (None, None) or options.effort == 0
    small = asked is not None and asked < SMALL_FILE_BYTES and not for_grids
    return replace(options, model="pe-siren" if small else "coolchic")
