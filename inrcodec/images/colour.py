"""ICC profiles made from what a PNG file says of its colours without one: cICP, gAMA, cHRM."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Primaries = tuple[tuple[float, float], ...]
"""CIE x and y of white, red, green and blue."""

D65, D50_XYZ = (0.3127, 0.3290), (0.9642, 1.0, 0.8249)
SRGB: Primaries = (D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
PAL: Primaries = (D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06))
NTSC: Primaries = (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
BT2020: Primaries = (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
P3: Primaries = (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
PRIMARIES = {1: SRGB, 5: PAL, 6: NTSC, 7: NTSC, 9: BT2020, 12: P3}
PRIMARIES |= {11: ((0.314, 0.351), *P3[1:])}
"""Colour primaries by their code in ITU-T H.273, table 2."""

SRGB_GAMMA, TOLERANCE = 0.45455, 0.0005
"""What gAMA says for sRGB (PNG specification, 11.3.2.5), and by how much a value may miss it."""

BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
CURVE_STEPS = 1024


def _s15f16(*values: float) -> bytes:
    """Numbers as an ICC profile has them: signed, 16 bits behind the point."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _power(gamma: float) -> bytes:
    return b"para" + struct.pack(">IHH", 0, 0, 0) + _s15f16(gamma)


def _broken(gamma: float, a: float, b: float, c: float, d: float) -> bytes:
    """(a x + b)^gamma from d on, c x below (ICC.1:2022, 10.18, function 3)."""
    return b"para" + struct.pack(">IHH", 0, 3, 0) + _s15f16(gamma, a, b, c, d)


def _sampled(function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> bytes:
    values = np.round(function(np.linspace(0, 1, CURVE_STEPS)) * 65535).astype(">u2")
    return b"curv" + struct.pack(">II", 0, CURVE_STEPS) + values.tobytes()


def _pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light for a signal, both 0 to 1 (SMPTE ST 2084)."""
    root = signal ** (1 / 78.84375)
    light: NDArray[np.float64] = (
        np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    ) ** (1 / 0.1593017578125)
    return light


def _hlg(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light for a signal, both 0 to 1 (ITU-R BT.2100, without the display's part)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


SRGB_CURVE = _broken(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
VIDEO_CURVE = _broken(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
CURVES = dict.fromkeys((1, 6, 14, 15), VIDEO_CURVE)
CURVES |= {4: _power(2.2), 5: _power(2.8), 8: _power(1.0), 13: SRGB_CURVE}
CURVES |= {16: _sampled(_pq), 17: _power(2.6), 18: _sampled(_hlg)}
"""Transfer characteristics by their code in ITU-T H.273, table 3, as ICC curves."""


def profile_of(
    gamma: float | None, primaries: Primaries | None, *, gray: bool
) -> tuple[bytes | None, str | None]:
    """The profile for gAMA and cHRM, None where they say sRGB, and what could not be kept, if any.

    What is missing is taken from sRGB. A gray image has a curve, but no primaries.
    """
    if primaries is not None and not _usable(primaries):
        return None, "the colours of the chunk cHRM cannot be used and were dropped"
    if gamma is not None and not 0.01 <= gamma <= 10:
        return None, "the gamma of the chunk gAMA cannot be used and was dropped"
    usual_curve = gamma is None or abs(gamma - SRGB_GAMMA) <= TOLERANCE
    usual_colours = primaries is None or gray or np.allclose(primaries, SRGB, 0, TOLERANCE)
    if usual_curve and usual_colours:
        return None, None
    curve = SRGB_CURVE if usual_curve or gamma is None else _power(1 / gamma)
    name = "PNG gAMA and cHRM"
    return _profile(name, curve, None if gray else primaries or SRGB, None), None


def profile_of_codes(codes: bytes, place: str, *, gray: bool) -> tuple[bytes | None, str | None]:
    """The same for the four bytes of cICP: primaries, transfer, matrix, and whether full range.

    `place` says where in a file they stand.
    """
    primaries, curve = PRIMARIES.get(codes[0]), CURVES.get(codes[1])
    if primaries is None or curve is None or codes[2:] != b"\0\1":
        told = "/".join(map(str, codes))
        return None, f"the colour space in {place} ({told}) is not known and was dropped"
    if codes[:2] == b"\1\x0d":
        return None, None
    return _profile(f"Colours of {place}", curve, None if gray else primaries, codes), None


def codes_of(profile: bytes) -> bytes | None:
    """The four bytes that a profile holds in its tag cicp (ICC.1:2022, 9.2.17), if it does."""
    (count,) = struct.unpack(">I", profile[128:132].rjust(4, b"\0"))
    for at in range(132, min(132 + 12 * min(count, 100), len(profile) - 11), 12):
        signature, offset, size = struct.unpack_from(">4sII", profile, at)
        if signature == b"cicp" and size == 12 and offset + size <= len(profile):
            return profile[offset + 8 : offset + 12]
    return None


def _usable(primaries: Primaries) -> bool:
    """Whether white and primaries span a space of colours."""
    if any(not (0 <= x <= 1 and 0 < y <= 1) for x, y in primaries):
        return False
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries[1:]]).T
    return bool(abs(np.linalg.det(columns)) > 1e-4)


def _columns(primaries: Primaries) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """XYZ of red, green and blue under D50, as columns, and the matrix that took them there."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries])
    white, columns = xyz[0], xyz[1:].T
    columns = columns * np.linalg.solve(columns, white)
    gains = (BRADFORD @ np.array(D50_XYZ)) / (BRADFORD @ white)
    adapted = np.linalg.inv(BRADFORD) @ np.diag(gains) @ BRADFORD
    return adapted @ columns, adapted


def _profile(name: str, curve: bytes, primaries: Primaries | None, codes: bytes | None) -> bytes:
    """A display profile of version 4.4: one curve, and three colours unless it is gray."""

    def text(words: str) -> bytes:
        letters = words.encode("utf-16-be")
        return b"mluc" + struct.pack(">III4sII", 0, 1, 12, b"enUS", len(letters), 28) + letters

    def colour(values: NDArray[np.float64] | tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + _s15f16(*values)

    tags = {b"desc": text(name), b"cprt": text("No copyright"), b"wtpt": colour(D50_XYZ)}
    if primaries is None:
        tags[b"kTRC"] = curve
    else:
        columns, adapted = _columns(primaries)
        tags[b"chad"] = b"sf32\0\0\0\0" + _s15f16(*adapted.ravel())
        for letter, column in zip((b"r", b"g", b"b"), columns.T, strict=True):
            tags[letter + b"XYZ"], tags[letter + b"TRC"] = colour(column), curve
        if codes is not None:
            tags[b"cicp"] = b"cicp\0\0\0\0" + codes
    table, body, spots = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    start = 128 + 4 + 12 * len(tags)
    for signature, value in tags.items():
        if value not in spots:
            spots[value] = start + len(body)
            body += value + bytes(-len(value) % 4)
        table += struct.pack(">4sII", signature, spots[value], len(value))
    space = b"GRAY" if primaries is None else b"RGB "
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x04400000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s28x", 2022, 1, 1, 0, 0, 0, b"acsp") + _s15f16(*D50_XYZ)
    return header.ljust(128, b"\0") + table + body
