"""A plot of simulated sessions: PSNR against time, and against the bytes that came."""

from __future__ import annotations

import io
import os
from typing import Any

CAP = 60.0
"""Where an image without any error is drawn, in dB: the rounding to 8 bits alone leaves 58.9."""


def draw(rows: list[dict[str, Any]], title: str, path: str) -> bytes:
    """Draw the runs of `inrcodec simulate --json`; return a file of the format of `path`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    modes = list(dict.fromkeys(row["mode"] for row in rows))
    for row in rows:
        number = modes.index(row["mode"])
        frames = row["frames"]
        values = [min(CAP, frame["psnr_db"]) for frame in frames]
        first = row["seed"] == min(r["seed"] for r in rows)
        style: dict[str, Any] = {"color": f"C{number}", "alpha": 1.0 if first else 0.3}
        style |= {"linestyle": "--" if row["mode"].startswith("jpeg") else "-"}
        for panel, key, unit in zip(panels, ("time_s", "received_bytes"), (1, 1000), strict=True):
            places = [frame[key] / unit for frame in frames]
            label = row["mode"] if first else None
            panel.step(places, values, where="post", label=label, **style)
            if places:
                panel.plot(places[-1:], values[-1:], marker="o", markersize=4, **style)
    for panel, label in zip(panels, ("seconds", "kilobytes received"), strict=True):
        panel.set_xlabel(label)
        panel.set_xlim(left=0)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("PSNR (dB)")
    panels[0].legend(fontsize=9)
    figure.suptitle(title.replace("$", r"\$"), fontsize=10)
    drawing = io.BytesIO()
    figure.savefig(drawing, dpi=110, format=os.path.splitext(path)[1][1:].lower())
    return drawing.getvalue()
