"""NIF in the paper on losses (Figure 2c), from curves to 2 bits a pixel."""

from __future__ import annotations

from functools import cache
from statistics import fmean
from typing import Any

from benchmarks.papers.claims import Claim, Study, rows, verdict

STUDY = Study("benchmarks.rate.loss_curves", "rate/loss_curves.jsonl")
LOSSES = ("mse", "l1", "logcosh", "lcssim", "l1ssim")
RATES = (0.3, 0.6, 1.2, 2.0)
PSNR, MS_SSIM, LPIPS = "psnr", "ms-ssim-db", "lpips-squeeze"
PLACE = "Figure 2c, NIF"


def of(row: dict[str, Any]) -> tuple[str, str | None]:
    """What a row belongs to: a model and a loss, or a codec."""
    return row["settings"].get("model", row["codec"]), row["settings"].get("loss")


@cache
def images() -> tuple[str, ...]:
    """The photographs of which all five losses of NIF have all rates."""
    found: dict[str, int] = {}
    for row in rows(STUDY.results):
        if of(row)[0] == "nif":
            found[row["image"]] = found.get(row["image"], 0) + 1
    return tuple(name for name, count in found.items() if count >= len(LOSSES) * len(RATES))


def value(model: str, loss: str | None, metric: str, bpp: float | None = None) -> float:
    """The mean of a metric over photographs, and over rates unless one is named."""
    return fmean(
        row["metrics"][metric]
        for row in rows(STUDY.results)
        if row["image"] in images()
        and of(row) == (model, loss)
        and bpp in (None, row["asked"]["bpp"])
    )


def claims() -> list[Claim]:
    """Those of NIF, if a photograph has its curves."""
    return [psnr(), ms_ssim(), lpips_beside_jpeg(), lpips(), behind_avif()] if images() else []


def missing() -> str:
    """What of Figure 2 was not measured."""
    return "" if images() else "NIF (Figure 2c), "


def psnr() -> Claim:
    """The structural part of its own loss costs a little PSNR."""
    values = {loss: value("nif", loss, PSNR) for loss in LOSSES}
    apart = values["logcosh"] - values["lcssim"]
    return _claim(
        "its own LogCosh+SSIM is among the best in PSNR; without SSIM slightly better",
        published="slightly better",
        ours=f"{_shown(values, 2)} dB",
        agrees=verdict(0 < apart < 0.5, values["lcssim"] > values["l1"]),
        why=f"LogCosh is {apart:+.2f} dB from LogCosh+SSIM",
    )


def ms_ssim() -> Claim:
    """L1+SSIM has the best MS-SSIM."""
    values = {loss: value("nif", loss, MS_SSIM) for loss in LOSSES}
    best = max(values, key=values.__getitem__)
    return _claim(
        "similar in MS-SSIM, L1+SSIM slightly better",
        published="L1+SSIM best",
        ours=f"{_shown(values, 2)} dB",
        agrees=verdict(best == "l1ssim"),
        why=f"{best} is {values[best] - values['l1ssim']:.2f} dB ahead of it",
    )


def lpips_beside_jpeg() -> Claim:
    """Better than JPEG in LPIPS at low rates alone."""
    better = {
        bpp: sum(
            value("nif", loss, LPIPS, bpp) < value("jpeg-444", None, LPIPS, bpp) for loss in LOSSES
        )
        for bpp in RATES
    }
    shown = ", ".join(f"{count} of {len(LOSSES)} at {bpp:g} bpp" for bpp, count in better.items())
    most = len(LOSSES) // 2
    return _claim(
        "most losses better than JPEG in LPIPS at low rates, worse at high ones",
        published="better, worse",
        ours=f"better: {shown}",
        agrees=verdict(better[RATES[0]] > most, better[RATES[-1]] <= most),
        why="other sizes of photographs",
    )


def lpips() -> Claim:
    """Its own loss has the best LPIPS."""
    values = {loss: value("nif", loss, LPIPS) for loss in LOSSES}
    best = min(values, key=values.__getitem__)
    return _claim(
        "its own LogCosh+SSIM has the best LPIPS",
        published="LogCosh+SSIM best",
        ours=_shown(values, 4),
        agrees=verdict(best == "lcssim"),
        why=f"{best} is ahead by {100 * (1 - values[best] / values['lcssim']):.0f} %",
    )


def behind_avif() -> Claim:
    """AVIF is ahead everywhere."""
    behind = [
        max(sign * value("nif", loss, metric, bpp) for loss in LOSSES)
        < sign * value("avif", None, metric, bpp)
        for metric, sign in ((PSNR, 1), (MS_SSIM, 1), (LPIPS, -1))
        for bpp in RATES
    ]
    return _claim(
        "does not reach AVIF",
        published="behind",
        ours=f"behind in {sum(behind)} of {len(behind)} cases (three metrics at four rates)",
        agrees=verdict(*behind),
        why="the best loss is ahead in the others",
    )


def _shown(values: dict[str, float], digits: int) -> str:
    """Values by loss as text."""
    return ", ".join(f"{loss} {each:.{digits}f}" for loss, each in values.items())


def _claim(says: str, **told: Any) -> Claim:
    """A claim on NIF, with the number of photographs."""
    count = len(images())
    told["ours"] += f" ({count} photograph{'' if count == 1 else 's'})"
    return STUDY.claim("losses-figure-2-nif", PLACE, says, **told)
