"""HTML and SVG elements as `markupsafe.Markup`: whatever is not markup already is escaped."""

from __future__ import annotations

from markupsafe import Markup

__all__ = ["Markup", "element", "joined", "table"]

VOID = {"img", "input", "br", "meta"}

Attribute = str | int | float | bool | None


def element(tag: str, *children: str | None, **attributes: Attribute) -> Markup:
    """Make one element. Children and attributes that are None are left out, and false ones.

    Attribute names: a trailing underscore is dropped (`class_`), others become hyphens
    (`aria_label`). Colours of SVG come from classes, since the page forbids style attributes.
    """
    pairs = (
        Markup(" {}" if value is True else ' {}="{}"').format(
            name.rstrip("_").replace("_", "-"), _plain(value)
        )
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    opening = Markup("<{}{}>").format(tag, joined(*pairs))
    return opening if tag in VOID else opening + joined(*children) + Markup("</{}>").format(tag)


def joined(*children: str | None) -> Markup:
    """Join the children, without those that are None."""
    return Markup("").join(child for child in children if child is not None)


def table(head: list[str], rows: list[list[str]], *, class_: str | None = None) -> Markup:
    """Make a table whose first column names its rows, in a box of its own that scrolls."""
    columns = [element("th", element("span", cell), scope="col") for cell in head]
    lines = [
        element("tr", element("th", row[0], scope="row"), *(_cell(cell) for cell in row[1:]))
        for row in rows
    ]
    body = element("tbody", *lines)
    whole = element("table", element("thead", element("tr", *columns)), body, class_=class_)
    return element("div", whole, class_="scroll", tabindex=0, role="group", aria_label="Table")


def _cell(content: str) -> Markup:
    """A table cell; content that is a cell already stays as it is."""
    is_cell = isinstance(content, Markup) and content.startswith("<td")
    return Markup(content) if is_cell else element("td", content)


def _plain(value: Attribute) -> str:
    """An attribute's value; floats to two digits, enough for a drawing."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
