"""Names of grids and sections, and what a file lacks of them: texts for people."""

from __future__ import annotations

from collections.abc import Sequence

from inrcodec.codec.coolchic import layout
from inrcodec.codec.coolchic.layout import Piece
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.sections import Kind
from inrcodec.errors import FormatError


def grid_name(model: CoolChic, grid: int) -> str:
    """What a person calls a grid: "level 3", or "level 3 chroma 1" in a model with chroma."""
    name = f"level {model.grid_levels[grid]}"
    if not model.features.chroma:
        return name
    chroma = (len(model.grids) - model.levels) // 2
    pyramid = 0 if grid < model.levels else 1 + (grid - model.levels) // chroma
    return f"{name} {('main', 'chroma 1', 'chroma 2')[pyramid]}"


def section_name(model: CoolChic, side: int | None, payload: bytes) -> str:
    """The name of a section's grid and slice, or of its first and last grid; "?" if its head is not
    valid."""
    try:
        head = layout.head_of(model, side, payload)
    except FormatError:
        return "?"
    name = grid_name(model, head.grids[0])
    if len(head.grids) > 1:
        return f"{name} to {grid_name(model, head.grids[-1])}"
    return name if side is None or head.joint else f"{name} slice {head.slice}"


def arrived(model: CoolChic, side: int | None, found: Sequence[Piece], decoded: int) -> str:
    """How much of a plane a prefix holds, such as "grids 5 of 17 and 40 % of level 1 main".

    `decoded` symbols of the last section are there, if that one is cut short. A grid without a
    section may be all zeros or still to come, so only grids before the last piece count. The text
    is empty if every grid is there.
    """
    last, decoded = _last(found, decoded)
    grids, share = 0, 0.0
    if last is not None:
        grids = model.coding_order.index(last.grid)
        rows, columns = model.grids[last.grid]
        if last.whole and last.slice == layout.slice_count((rows, columns), side) - 1:
            grids += 1
        else:
            # slices of a row of slices have its height, so this counts symbols row by row
            top, bottom, left, _ = last.area
            before = top * columns + left * (bottom - top)
            done = last.symbols if last.whole else decoded
            share = (before + done) / (rows * columns)
    if grids == len(model.grids):
        return ""
    text = f"grids {grids} of {len(model.grids)}"
    return text + (f" and {share:.0%} of {grid_name(model, last.grid)}" if last and share else "")


def _last(found: Sequence[Piece], decoded: int) -> tuple[Piece | None, int]:
    """The last piece of which symbols may be there, and how many of it are decoded, if the last
    section is cut short and holds `decoded` symbols."""
    if not found or found[-1].whole:
        return (found[-1] if found else None), 0
    for piece in found:
        if piece.section == found[-1].section:
            if decoded < piece.symbols or piece is found[-1]:
                return piece, decoded
            decoded -= piece.symbols
    return found[-1], 0


def missing(
    container: Container,
    model: CoolChic,
    found: Sequence[Sequence[Piece]],
    decoded: Sequence[int],
    lost: Sequence[int],
) -> str:
    """What an image lacks of its grids, as a text for people: "" for nothing.

    Of every plane that is there: its pieces; how many symbols of the last section are `decoded`, if
    it is cut short; how many slices are `lost`, if the file has gaps.
    """
    cut = container.partial
    if container.complete or (cut is not None and cut.kind == Kind.END):
        return ""
    side, texts = container.header.slice_side, []
    for plane, symbols, gone in zip(found, decoded, lost, strict=True):
        total = layout.total_slices(model, side)
        if not container.gaps:
            texts.append(arrived(model, side, plane, symbols))
        else:
            texts.append(f"{total - gone} of {total} slices" if gone else "")
    if container.header.channels % 2 == 0:
        texts += ["nothing"] * (2 - len(texts))
        texts = [
            f"{name}: {text}" if text else ""
            for name, text in zip(("colour", "alpha"), texts, strict=True)
        ]
    return "; ".join(filter(None, texts))
