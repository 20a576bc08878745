"""The files that `make web` builds: the decoder for browsers and the pages that use it.

A wheel has them in the folder `web` of this package; in a checkout they lie in web/dist. An
installation from elsewhere may have none.
"""

from __future__ import annotations

from pathlib import Path

FOLDERS = (Path(__file__).parent / "web", Path(__file__).parents[1] / "web" / "dist")
"""Where they may be; the first that holds `DECODER` counts."""

DECODER = "inr.wasm"
"""The decoder as WebAssembly."""


def folder() -> Path | None:
    """Return the folder that has them, or None."""
    return next((folder for folder in FOLDERS if (folder / DECODER).is_file()), None)


def initial_name(init: tuple[int, int]) -> str:
    """Return the path in that folder of the initial values of an identity and an index."""
    identity, index = init
    return f"initial/{identity:08x}-{index}.bin"
