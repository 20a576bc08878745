"""Points to measure, and a run in this process."""

from inrcodec.metrics.curves.rd import Point, run

POINTS = [Point("jpeg", {"quality": quality}) for quality in (20, 50, 90)]


def rows_of(*arguments: object, **options: object) -> list[dict]:
    return list(run(*arguments, **({"processes": 0} | options)))  # type: ignore[arg-type]
