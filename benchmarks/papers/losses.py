"""Losses (Catania and Allegra 2024, "Redefining Visual Quality")."""

from __future__ import annotations

from functools import cache
from statistics import fmean

from benchmarks.papers import losses_nif
from benchmarks.papers.claims import Claim, Paper, Study, rows, verdict

STUDY = Study("benchmarks.rate.losses", "rate/losses.jsonl")
PSNR, MS_SSIM, LPIPS = "psnr", "ms-ssim-db", "lpips-squeeze"
STRUCTURAL = ("lcssim", "l1ssim")
POINT_WISE = ("mse", "logcosh", "l1")
RATES = (0.3, 0.6, 1.2)


@cache
def value(model: str, loss: str | None, metric: str, bpp: float | None = None) -> float:
    """The mean of a metric over images, and over rates unless one is named; a codec has no loss."""
    found = [
        row["metrics"][metric]
        for row in rows(STUDY.results)
        if (row["settings"].get("model", row["codec"]), row["settings"].get("loss"))
        == (model, loss)
        and bpp in (None, row["asked"]["bpp"])
    ]
    return fmean(found)


def paper() -> Paper:
    """All claims of this paper that were measured."""
    return Paper(
        title="Redefining Visual Quality: The Impact of Loss Functions on INR-based Compression",
        about=(
            "The central 256 x 256 of six Kodak photographs at 0.3, 0.6 and 1.2 bits per pixel, "
            "of NIF of fewer of them at 0.3 to 2 bits and with short fits; "
            "the paper has all 24 as a whole. There, sizes differ from loss to loss; here, all "
            "files of a rate have the same size. Crops this small spend a large share of their "
            "bytes on networks. The figures of the paper are drawn, without numbers."
        ),
        claims=(
            best_psnr("coolchic-v1"),
            logcosh("coolchic-v1"),
            structural_ms_ssim("coolchic-v1"),
            jpeg_lpips(),
            structural_lpips(),
            behind_avif(),
            best_psnr("coolchic-v2"),
            structural_ms_ssim("coolchic-v2"),
            avif_ms_ssim(),
            avif_lpips(),
            psnr_cost(),
            *losses_nif.claims(),
        ),
        missing=f"{losses_nif.missing()}whole photographs, and the crops of Figure 3.",
    )


def best_psnr(model: str) -> Claim:
    """Squared error has the highest PSNR."""
    values = {loss: value(model, loss, PSNR) for loss in (*POINT_WISE, *STRUCTURAL)}
    best = max(values, key=values.__getitem__)
    behind = values[best] - values["mse"]
    shown = ", ".join(f"{loss} {psnr:.2f}" for loss, psnr in values.items())
    return STUDY.claim(
        f"losses-figure-2-{model}",
        f"Figure 2, {model}",
        "squared error has the best PSNR",
        published="mse best",
        ours=f"{shown} dB",
        agrees="yes" if behind <= 0.05 else "no",
        why=f"{best} is {behind:.2f} dB ahead",
    )


def logcosh(model: str) -> Claim:
    """Log-cosh performs as squared error does."""
    apart = value(model, "logcosh", PSNR) - value(model, "mse", PSNR)
    return STUDY.claim(
        f"losses-figure-2-{model}",
        f"Figure 2, {model}",
        "LogCosh is about level with squared error in PSNR",
        published="similar",
        ours=f"{apart:+.2f} dB",
        agrees="yes" if abs(apart) < 0.2 else "no",
    )


def structural_ms_ssim(model: str) -> Claim:
    """Losses with SSIM have the better MS-SSIM."""
    gains = {
        loss: value(model, loss, MS_SSIM) - value(model, "mse", MS_SSIM) for loss in STRUCTURAL
    }
    shown = ", ".join(f"{loss} {gain:+.2f} dB" for loss, gain in gains.items())
    return STUDY.claim(
        f"losses-figure-2-{model}",
        f"Figure 2, {model}",
        "losses with SSIM improve MS-SSIM over squared error",
        published="slightly better" if model.endswith("v1") else "consistently better",
        ours=shown,
        agrees=verdict(*(gain > 0 for gain in gains.values())),
        why="not for every loss",
    )


def jpeg_lpips() -> Claim:
    """With squared error, v1 loses to JPEG in LPIPS."""
    ours, jpeg = value("coolchic-v1", "mse", LPIPS), value("jpeg-444", None, LPIPS)
    rates = [
        bpp
        for bpp in RATES
        if value("coolchic-v1", "mse", LPIPS, bpp) > value("jpeg-444", None, LPIPS, bpp)
    ]
    return STUDY.claim(
        "losses-figure-2-coolchic-v1",
        "Figure 2, coolchic-v1",
        "with squared error it loses to JPEG in LPIPS",
        published="JPEG better",
        ours=f"{ours:.3f}, JPEG {jpeg:.3f}; JPEG better at {len(rates)} of {len(RATES)} rates",
        agrees=verdict(*(bpp in rates for bpp in RATES)),
        why="sizes are equal here; the paper names no trunk of its LPIPS (SqueezeNet here)",
    )


def structural_lpips() -> Claim:
    """Losses with SSIM have the better LPIPS."""
    base = value("coolchic-v1", "mse", LPIPS)
    values = {loss: value("coolchic-v1", loss, LPIPS) for loss in STRUCTURAL}
    shown = ", ".join(f"{loss} {lpips:.3f}" for loss, lpips in values.items())
    return STUDY.claim(
        "losses-figure-2-coolchic-v1",
        "Figure 2, coolchic-v1",
        "losses with SSIM improve LPIPS",
        published="better than squared error",
        ours=f"{shown}, mse {base:.3f}",
        agrees=verdict(*(lpips < base for lpips in values.values())),
    )


def behind_avif() -> Claim:
    """v1 is always behind AVIF."""
    losses = (*POINT_WISE, *STRUCTURAL)
    behind = []
    ahead = []
    for metric, sign in ((PSNR, 1), (MS_SSIM, 1), (LPIPS, -1)):
        for bpp in RATES:
            avif = sign * value("avif", None, metric, bpp)
            best = max(sign * value("coolchic-v1", loss, metric, bpp) for loss in losses)
            behind.append(best < avif)
            if best >= avif:
                ahead.append(f"{metric} at {bpp:g} bpp")
    return STUDY.claim(
        "losses-figure-2-coolchic-v1",
        "Figure 2, coolchic-v1",
        "always behind AVIF",
        published="at every rate by every metric",
        ours=f"behind in {sum(behind)} of {len(behind)} cases (three metrics at three rates)",
        agrees=verdict(*behind),
        why=f"the best loss is ahead in {', '.join(ahead)}",
    )


def avif_ms_ssim() -> Claim:
    """v2 with LcSSIM is level with AVIF in MS-SSIM."""
    ours, mse, avif = (
        value(model, loss, MS_SSIM, 1.2)
        for model, loss in (("coolchic-v2", "lcssim"), ("coolchic-v2", "mse"), ("avif", None))
    )
    return STUDY.claim(
        "losses-figure-2-coolchic-v2",
        "Figure 2, coolchic-v2",
        "LcSSIM is level with AVIF in MS-SSIM at 0.9 to 2 bpp, squared error is not",
        published="comparable",
        ours=f"at 1.2 bpp {ours:.2f} dB, AVIF {avif:.2f}, mse {mse:.2f}",
        agrees=verdict(abs(ours - avif) < 0.5 or ours > avif, mse < avif),
        why="short fits of small crops",
    )


def avif_lpips() -> Claim:
    """v2 with a structural loss is level with AVIF in LPIPS."""
    ours = {loss: value("coolchic-v2", loss, LPIPS, 1.2) for loss in (*STRUCTURAL, "mse")}
    avif = value("avif", None, LPIPS, 1.2)
    shown = ", ".join(f"{loss} {lpips:.3f}" for loss, lpips in ours.items())
    return STUDY.claim(
        "losses-figure-2-coolchic-v2",
        "Figure 2, coolchic-v2",
        "losses with SSIM are level with AVIF in LPIPS, squared error is not",
        published="similar",
        ours=f"at 1.2 bpp {shown}, AVIF {avif:.3f}",
        agrees=verdict(min(ours["lcssim"], ours["l1ssim"]) <= 1.1 * avif, ours["mse"] > avif),
        why="squared error is level with AVIF too",
    )


def psnr_cost() -> Claim:
    """The structural factor hardly costs PSNR."""
    costs = {
        model: value(model, "mse", PSNR) - value(model, "lcssim", PSNR)
        for model in ("coolchic-v1", "coolchic-v2")
    }
    shown = ", ".join(f"{model} {-cost:+.2f} dB" for model, cost in costs.items())
    return STUDY.claim(
        "losses-psnr-cost",
        "Conclusion",
        "LcSSIM does not considerably affect the PSNR",
        published="no figure",
        ours=shown,
        agrees=verdict(*(cost < 0.5 for cost in costs.values())),
        why="half a decibel or more on one model",
    )
