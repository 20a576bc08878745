"""Drawings of a report as inline SVG: a rate-distortion chart and a bar of sections.

Colours are classes that the page's style sheet defines, so that they follow light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inrcodec.metrics.report.markup import Markup, element

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 14, 52
LOGARITHMIC_ABOVE = 8.0
"""Ratio of the largest to the smallest rate above which the rate axis is logarithmic."""

STYLES = 7


@dataclass(frozen=True, slots=True)
class Point:
    """One file: rate, value, and the text shown when the pointer rests on it."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one kind, joined by a line; `style` is a number below `STYLES`. A cloud is many
    points, drawn as dots without a line."""

    name: str
    style: int
    points: tuple[Point, ...]
    is_cloud: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values, where it lies on the drawing, and its ticks."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return the coordinate of a value."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (self.end - self.start) * (value - low) / (high - low)


def chart(series: Sequence[Series], x_title: str, y_title: str, summary: str) -> Markup:
    """Draw a chart of all series; points that are not finite are left out."""
    points = [p for s in series for p in s.points if math.isfinite(p.y)]
    x = _rate_axis([p.x for p in points])
    y = _value_axis([p.y for p in points])
    return element(
        "svg",
        element("title", summary),
        *(_grid_line(x, tick, vertical=True) for tick in x.ticks),
        *(_grid_line(y, tick, vertical=False) for tick in y.ticks),
        element("path", d=f"M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}", class_="axis"),
        _text(x_title, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8),
        _text(y_title, 16, (TOP + HEIGHT - BOTTOM) / 2, upright=True),
        *(_drawn(s, x, y) for s in series),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        class_="chart",
    )


def legend(series: Sequence[Series]) -> Markup:
    """List what each mark means, beside the drawing."""
    entries = [
        element("li", _swatch(s), element("span", s.name)) for s in series if _finite(s.points)
    ]
    return element("ul", *entries, class_="legend")


def bar(parts: Sequence[tuple[str, int, int]], whole: int, summary: str) -> Markup:
    """Draw a bar of stacked parts (name, bytes, style); its full width is `whole` bytes."""
    rectangles, start = [], 0.0
    for name, size, style in parts:
        width = 1000 * size / whole
        rectangles.append(
            element(
                "rect",
                element("title", f"{name}: {size:,} bytes"),
                x=start,
                y=0,
                width=width,
                height=10,
                class_=f"fill{style}",
            )
        )
        start += width
    return element(
        "svg",
        element("title", summary),
        *rectangles,
        viewBox="0 0 1000 10",
        preserveAspectRatio="none",
        role="img",
        class_="bar",
    )


def swatch(style: int) -> Markup:
    """Draw a small square in the colour of a bar's part."""
    square = element("rect", width=10, height=10, class_=f"fill{style}")
    return element("svg", square, viewBox="0 0 10 10", class_="swatch", aria_hidden="true")


def _finite(points: Sequence[Point]) -> list[Point]:
    """The points that can be drawn, from left to right."""
    return sorted((p for p in points if math.isfinite(p.y)), key=lambda p: p.x)


def _drawn(series: Series, x: Axis, y: Axis) -> Markup:
    """The line and the marks of a series."""
    points = _finite(series.points)
    places = [(x.at(p.x), y.at(p.y)) for p in points]
    path = "L".join(f"{left:.1f} {top:.1f}" for left, top in places)
    is_joined = len(places) > 1 and not series.is_cloud
    line = element("path", d=f"M{path}", class_="line") if is_joined else None
    marks = [
        element("g", element("title", p.title), _mark_of(series, *place))
        for p, place in zip(points, places, strict=True)
    ]
    return element("g", line, *marks, class_=f"series stroke{series.style % STYLES}")


def _mark_of(series: Series, x: float, y: float) -> Markup:
    """The mark of a point."""
    if series.is_cloud:
        return element("circle", cx=x, cy=y, r=2.5, class_="dot")
    return _mark(series.style, x, y)


def _mark(style: int, x: float, y: float) -> Markup:
    """A shape that tells the series apart without its colour."""
    if style % STYLES == 0:
        return element("circle", cx=x, cy=y, r=6)
    turn = {2: 45, 4: 180}.get(style % STYLES)
    shapes = {
        1: "M-5-5H5V5H-5Z",
        2: "M-5-5H5V5H-5Z",
        3: "M0-6.5L6 5H-6Z",
        4: "M0-6.5L6 5H-6Z",
        5: "M-6 0H6M0-6V6",
        6: "M-5-5L5 5M-5 5L5-5",
    }
    place = f"translate({x:.1f} {y:.1f})" + (f" rotate({turn})" if turn else "")
    return element("path", d=shapes[style % STYLES], transform=place)


def _swatch(series: Series) -> Markup:
    """The mark of a series for the legend."""
    mark = element("g", _mark_of(series, 9, 9), class_=f"series stroke{series.style % STYLES}")
    return element("svg", mark, viewBox="0 0 18 18", class_="swatch", aria_hidden="true")


def _grid_line(axis: Axis, tick: float, *, vertical: bool) -> Markup:
    """A tick's line across the drawing and its number."""
    place = axis.at(tick)
    if vertical:
        path, number = f"M{place:.1f} {TOP}V{HEIGHT - BOTTOM}", (place, HEIGHT - BOTTOM + 18.0)
    else:
        path, number = f"M{LEFT} {place:.1f}H{WIDTH - RIGHT}", (LEFT - 8.0, place + 4.5)
    text = element(
        "text",
        f"{tick:.10g}",
        x=number[0],
        y=number[1],
        class_="tick" if vertical else "tick end",
    )
    return element("g", element("path", d=path, class_="grid"), text)


def _text(text: str, x: float, y: float, *, upright: bool = False) -> Markup:
    """An axis title, centred."""
    turn = f"rotate(-90 {x:.1f} {y:.1f})" if upright else None
    return element("text", text, x=x, y=y, transform=turn, class_="axis-title")


def _rate_axis(values: Sequence[float]) -> Axis:
    """Bits per pixel: from 0, or logarithmic where the rates lie far apart."""
    low, high = min(values), max(values)
    start, end = float(LEFT), float(WIDTH - RIGHT)
    if high / low <= LOGARITHMIC_ABOVE:
        high *= 1.06
        return Axis(0.0, high, start, end, tuple(_ticks(0.0, high, 7)))
    low, high = low / 1.25, high * 1.25
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    ticks = [float(f"{step}e{power}") for power in powers for step in steps]
    inside = tuple(tick for tick in ticks if low <= tick <= high)
    return Axis(low, high, start, end, inside, logarithmic=True)


def _value_axis(values: Sequence[float]) -> Axis:
    """A metric: a little more than its values span."""
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or max(abs(high) * 0.05, 1e-6)
    low, high = low - margin, high + margin
    return Axis(low, high, float(HEIGHT - BOTTOM), float(TOP), tuple(_ticks(low, high, 6)))


def _ticks(low: float, high: float, most: int) -> list[float]:
    """At most about `most` round numbers in [low, high]."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * unit for unit in (1, 2, 2.5, 5, 10) if power * unit >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]
