"""The numbers of a server, in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

COUNTER, GAUGE = "counter", "gauge"

METRICS: dict[str, tuple[str, str]] = {
    "inrcodec_sessions": (GAUGE, "WebRTC sessions there are now."),
    "inrcodec_connections": (GAUGE, "TCP connections there are now."),
    "inrcodec_waiting_connections": (GAUGE, "Connections that have not sent a request head."),
    "inrcodec_downloads": (GAUGE, "Downloads, and requests that wait for a file to be read."),
    "inrcodec_readings": (GAUGE, "Files being read, or waiting for their turn."),
    "inrcodec_draining": (GAUGE, "1 while the server takes no more sessions, else 0."),
    "inrcodec_sessions_total": (COUNTER, "WebRTC sessions begun."),
    "inrcodec_requests_total": (COUNTER, "HTTP requests."),
    "inrcodec_responses_total": (COUNTER, "HTTP responses, by the class of their status."),
    "inrcodec_sent_bytes_total": (COUNTER, "Bytes of files sent over WebRTC."),
    "inrcodec_downloaded_bytes_total": (COUNTER, "Bytes of responses sent over HTTP."),
    "inrcodec_bad_messages_total": (COUNTER, "Messages of sessions that are not valid."),
    "inrcodec_slow_connections_total": (COUNTER, "Connections cut for a request head too slow."),
    "inrcodec_refused_connections_total": (COUNTER, "Connections not taken: there were too many."),
    "inrcodec_dropped_on_purpose_total": (COUNTER, "Packets of a simulated loss."),
    "process_resident_memory_bytes": (GAUGE, "Memory of the process (Linux)."),
    "process_open_fds": (GAUGE, "Open file descriptors of the process (Linux)."),
}
"""What each number is, and its kind. docs/guides/server.md says the same."""


def process_numbers() -> dict[str, float]:
    """Memory and descriptors of this process; nothing where the system does not tell."""
    found: dict[str, float] = {}
    with suppress(OSError, IndexError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        found["process_resident_memory_bytes"] = pages * os.sysconf("SC_PAGE_SIZE")
        found["process_open_fds"] = len(os.listdir("/proc/self/fd"))
    return found


def exposition(values: Mapping[str, float]) -> str:
    """Write the numbers of `METRICS`; a name may have labels behind it. A counter without a value
    is 0, and a gauge without one is left out."""
    lines: list[str] = []
    for name, (kind, help_text) in METRICS.items():
        rows = sorted(key for key in values if key == name or key.startswith(f"{name}{{"))
        if not rows and kind == GAUGE:
            continue
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
        lines += [f"{key} {values[key]:.15g}" for key in rows] or [f"{name} 0"]
    return "\n".join(lines) + "\n"
