"""IEM (2025, "Information-Estimation Metric")."""

from __future__ import annotations

from statistics import fmean

from benchmarks.papers.claims import Claim, Paper, Study, agreements, rows, verdict

OPINIONS = Study("benchmarks.metrics.sensitivity", "metrics/sensitivity.jsonl")
DENOISER = Study("benchmarks.metrics.denoiser", "metrics/denoiser.jsonl")


def paper() -> Paper:
    """All claims of this paper that were measured."""
    return Paper(
        title="The Information-Estimation Metric",
        about=(
            "Rank correlation with KADID-10k's mean opinion score of each type and level, on Kodak "
            "photographs; the paper has whole data sets, and a denoiser trained on ImageNet. That "
            "IEM is a metric, the Mahalanobis distance for Gaussian signals, and a Riemannian "
            "metric nearby is tested (`tests/metrics/quality/test_iem.py`), not measured. "
            "Published figures are rounded."
        ),
        claims=(competitive(), *against(), denoiser()),
        missing="TID2013, LIVE and CSIQ, textures, and the variants of the integrand.",
    )


def competitive() -> Claim:
    """IEM is competitive with supervised metrics."""
    srcc = agreements()
    return _claim(
        "Abstract",
        "as good as supervised metrics in telling what people say",
        "TID2013 0.83, LPIPS 0.71 (SRCC)",
        f"{srcc['iem']:.3f}, LPIPS {srcc['lpips-squeeze']:.3f}",
        srcc["iem"] >= srcc["lpips-squeeze"] - 0.02,
    )


def against() -> list[Claim]:
    """IEM against PSNR and against MS-SSIM."""
    srcc = agreements()
    return [
        _claim(
            "Experiments",
            "better than PSNR",
            "TID2013 0.83, PSNR 0.69 (SRCC)",
            f"{srcc['iem']:.3f}, PSNR {srcc['psnr']:.3f}",
            srcc["iem"] > srcc["psnr"],
        ),
        _claim(
            "Abstract",
            "it adapts to densities that are more complex than Gaussian ones",
            "no figure",
            f"learned {srcc['iem']:.3f}, Gaussian {srcc['iem-gaussian']:.3f}",
            srcc["iem"] > srcc["iem-gaussian"] + 0.01,
            "at gamma_max = 1/4 noise is so strong that the learned part hardly matters",
        ),
    ]


def denoiser() -> Claim:
    """The learned denoiser is better than the Wiener filter."""
    found = rows(DENOISER.results)
    sigmas = found[0]["sigmas"]
    gains = [
        fmean(row["learned_db"][i] - row["wiener_db"][i] for row in found)
        for i in range(len(sigmas))
    ]
    return DENOISER.claim(
        name="iem-denoiser",
        place="Abstract",
        says="a learned denoiser stands for the density of photographs",
        published="no figure",
        ours=f"{', '.join(f'{gain:+.2f}' for gain in gains)} dB at sigma "
        f"{', '.join(map(str, sigmas))} of 255",
        agrees=verdict(*(gain > 0 for gain in gains)),
    )


def _claim(place: str, says: str, published: str, ours: str, holds: bool, why: str = "") -> Claim:
    """A claim on the agreement with people."""
    return OPINIONS.claim(
        "iem-opinions",
        place,
        says,
        published=published,
        ours=ours,
        agrees=verdict(holds),
        why=why,
    )
