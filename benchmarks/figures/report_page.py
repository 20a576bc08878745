"""The picture of a report page in README and docs: what `make demo` writes, seen in a browser.

    make demo
    python -m benchmarks.figures.report_page

Needs Chromium or Chrome. Writes docs/report.jpg.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

OUTPUT = Path(__file__).parents[2] / "docs" / "report.jpg"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WAIT = "--virtual-time-budget=10000"  # milliseconds for the script of the page to draw
WIDTH, HEIGHT, SHOWN = 1152, 1180, 0.75
"""Of the window, and the scale of the picture."""


def main() -> None:
    """Show the page to a browser without a window, and keep the top of what it draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=Path("demo/report.html"))
    page = parser.parse_args().page
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"needs one of {', '.join(BROWSERS)}")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        size = f"--window-size={WIDTH},{HEIGHT}"
        command = [browser, "--headless", *sandbox, "--hide-scrollbars", size, WAIT]
        subprocess.run(
            [*command, f"--screenshot={shot}", page.resolve().as_uri()],
            check=True,
            timeout=120,
            stderr=subprocess.DEVNULL,
        )
        with Image.open(shot) as image:
            shown = image.convert("RGB").resize((int(WIDTH * SHOWN), int(HEIGHT * SHOWN)))
            shown.save(OUTPUT, quality=88)
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
