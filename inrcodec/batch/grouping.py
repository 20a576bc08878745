"""Which tasks of a batch are done together: those whose images have one size.

It is a guess by the heads of files. What a job makes of a group it finds out by itself, so a wrong
guess costs time alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from inrcodec.batch.planning import Task
from inrcodec.batch.storage import scheme_of

MOST_IMAGES, MOST_PIXELS = 128, 1 << 26
"""Images of a group, and pixels of it: what a batch loses if it is killed."""

UNKNOWN = (0, 0)
"""The size of an image that is not on this machine, or whose head says none."""


def groups_of(tasks: Iterable[Task]) -> list[list[Task]]:
    """Tasks by the size of their images, in their order; of images elsewhere, as they come."""
    open_groups: dict[tuple[int, int], list[Task]] = {}
    found: list[list[Task]] = []
    for task in tasks:
        size = _size_of(task.item.input)
        pixels = size[0] * size[1]
        group = open_groups.get(size)
        most = min(MOST_IMAGES, max(1, MOST_PIXELS // max(1, pixels)))
        if group is None or len(group) >= most:
            group = open_groups[size] = []
            found.append(group)
        group.append(task)
    return found


def _size_of(name: str) -> tuple[int, int]:
    """Width and height of an image file."""
    from PIL import Image

    if scheme_of(name) is not None:
        return UNKNOWN
    try:
        with Image.open(name) as image:
            return image.size
    except Exception:  # whatever is wrong with it, its job says
        return UNKNOWN
