"""Pictures of pages as a Chromium draws them, by the script of the npm package's tests.

Needs node, a Chromium, and the packages that `make web` installs.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

WEB = Path(__file__).parents[2] / "web"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: the page, the PNG to write, the size of the window in pixels, dark or light, and
    a selector of what must be there first."""

    url: str
    output: str
    width: int
    height: int
    wait: str
    dark: bool = False


def draw(shots: Sequence[Shot]) -> None:
    """Draw them all."""
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        raise SystemExit("needs `make web`")
    jobs = json.dumps([asdict(shot) for shot in shots])
    command = ["node", str(WEB / "test" / "support" / "screenshot.js"), jobs]
    subprocess.run(command, check=True, timeout=600)
