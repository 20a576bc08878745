"""What a server logs of requests and sessions, and lines of JSON for programs that read logs.

Events are records of the logger "inrcodec.server.events" at the level INFO, whose `fields` hold
what the text says. No line holds a token, a signature or the name of a session, which would be
enough to have a file or to end the session.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import Any

SERVER = "inrcodec.server"
"""The logger that all loggers of a server are below."""

log = logging.getLogger(f"{SERVER}.events")


def tell(event: str, **fields: Any) -> None:
    """Log an event, if anyone listens."""
    if is_heard():
        text = " ".join(f"{name}={_short(value)}" for name, value in fields.items())
        log.info("%s %s", event, text, extra={"event": event, "fields": fields})


def is_heard() -> bool:
    """Whether anyone listens."""
    return log.isEnabledFor(logging.INFO)


def public(path: str) -> str:
    """The path of a request without the name of a session."""
    return "/sessions/..." if path.startswith("/sessions/") else path


def _short(value: Any) -> str:
    """A value in a line for people: no blanks and no line breaks of strangers."""
    return (
        value
        if isinstance(value, str) and value.isprintable() and " " not in value
        else (json.dumps(value))
    )


class JsonLines(logging.Formatter):
    """Each record as one line of JSON: time (UTC), level, logger, event or message, and fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the line."""
        time = datetime.fromtimestamp(record.created, timezone.utc)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        event = getattr(record, "event", None)
        if event is None:
            line["message"] = record.getMessage()
        else:
            line |= {"event": event, **getattr(record, "fields", {})}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """Each record as a line for people: time (UTC), level, text."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the line, and a traceback below it if there is one."""
        time = datetime.fromtimestamp(record.created, timezone.utc)
        text = f"{time:%Y-%m-%dT%H:%M:%S}Z {record.levelname.lower()} {record.getMessage()}"
        return text + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")
