"""INRIQ (2026, "Implicit Neural Representation for Image Quality Assessment")."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from statistics import fmean, geometric_mean

from benchmarks.metrics.sensitivity import PUBLISHED, PUBLISHED_METRICS, scored, stored
from benchmarks.papers import inriq_studies
from benchmarks.papers.claims import (
    Claim,
    Paper,
    Study,
    agreements,
    factor,
    near,
    rows,
    verdict,
)
from inrcodec.metrics.distortions.kadid import DISTORTIONS
from inrcodec.metrics.distortions.relative_sensitivity import (
    Score,
    Sensitivity,
    relative_sensitivity,
    sensitivity,
)

STUDY = Study("benchmarks.metrics.sensitivity", "metrics/sensitivity.jsonl")
STABILITY = Study("benchmarks.metrics.inriq_stability", "metrics/inriq_stability.jsonl")
METRIC = "inriq-paper"
TITLES = {"lpips-squeeze": "LPIPS", "inriq-paper": "INRIQ", "ms-ssim": "MS-SSIM"}

CASES = {
    "inriq-figure-4": ("Figure 4", "jpeg2000", {1: 1.86, 3: 0.59}),
    "inriq-figure-5": ("Figure 5", "color_diffusion", {1: 13.67, 3: 1.24}),
    "inriq-figure-7": ("Figure 7", "multiplicative_noise", {1: 1.44, 2: 1.06, 3: 0.99, 4: 0.93}),
    "inriq-figure-8": ("Figure 8", "impulse_noise", {1: 1.58, 2: 1.28, 3: 1.08, 4: 1.03}),
    "inriq-figure-9": ("Figure 9", "white_noise", {1: 1.18, 2: 1.08, 3: 1.03, 4: 0.95}),
    "inriq-figure-10": ("Figure 10", "motion_blur", {2: 2.48, 3: 1.09, 4: 0.67}),
    "inriq-figure-11": ("Figure 11", "darken", {1: 3.55, 2: 2.98, 3: 2.98, 4: 2.67}),
}
"""Of each case study the sensitivity by the level at which a step begins."""


SCORES = (
    ("Figure 4", "jpeg2000", 4, (12.09, 23.97)),
    ("Figure 5", "color_diffusion", 1, (0.34, 9.68)),
)
"""Scores themselves: the first level, and those of it and the next."""


@cache
def scores() -> tuple[Score, ...]:
    """The values of every metric for every distorted image."""
    return tuple(scored(stored()))


def images() -> set[str]:
    """The photographs that the published form has scored."""
    return {score.image for score in scores() if METRIC in score.values}


def measured() -> list[str]:
    """The measures of Table 1 that were measured: not CLIP, where nobody has its weights."""
    return [m for m in PUBLISHED_METRICS if any(m in score.values for score in scores())]


def fit_psnrs() -> list[float]:
    """How well the networks of the published form fit their references, in dB."""
    notes = (row["notes"].get(METRIC, {}) for row in rows(STUDY.results))
    return sorted({note["fit_psnr"] for note in notes if "fit_psnr" in note})


def fit_reason() -> str:
    """What the figure depends on beside the distortion."""
    fits = [f"{psnr:.0f}" for psnr in fit_psnrs()]
    span = fits[0] if fits[0] == fits[-1] else f"{fits[0]} to {fits[-1]}"
    count = len(images())
    return (
        f"{count} photograph{'' if count == 1 else 's'} here, 81 there; the score is a ratio over "
        f"the fit error, {span} dB here, and the paper says only that its networks are overfitted"
    )


def paper() -> Paper:
    """All claims of this paper that were measured."""
    every = {score.image for score in scores()}
    return Paper(
        title="INRIQ: Implicit Neural Representation for Image Quality Assessment",
        about=(
            "Relative sensitivities (equations 1 and 2) of the published form, `inriq-paper`, on "
            f"the middle 512 x 384 of {len(images())} of the {len(every)} Kodak photographs that "
            "the other measures scored; the paper has the 81 images of KADID-10k. The case studies "
            "show one image each; ours are means over photographs."
        ),
        claims=(
            *table(),
            *levels(),
            *columns(),
            *cases(),
            most_sensitive(),
            *judgements(),
            *inriq_studies.claims(),
        ),
        missing=inriq_studies.missing(),
    )


def table() -> list[Claim]:
    """The INRIQ column of Table 1, a claim for each distortion."""
    found = []
    for name, published in PUBLISHED.items():
        theirs = published[PUBLISHED_METRICS.index(METRIC)]
        value = sensitivity(scores(), METRIC, name)
        ours = float("nan") if value.mean is None else value.mean
        found.append(
            STUDY.claim(
                name="inriq-table-1",
                place=f"Table 1, {DISTORTIONS[name].title}",
                says="sensitivity of INRIQ",
                published=f"{theirs:.2f}",
                ours=f"{ours:.2f}" + _interval(value),
                agrees=near(ours, theirs),
                why=fit_reason(),
            )
        )
    return found


def columns() -> list[Claim]:
    """Each column of Table 1 as a whole: the geometric mean of the factors between both."""
    found = []
    for metric in measured():
        number = PUBLISHED_METRICS.index(metric)
        factors = []
        for name, published in PUBLISHED.items():
            value = sensitivity(scores(), metric, name).mean
            if value is not None:
                factors.append(factor(value, published[number]))
        typical = geometric_mean(factors)
        why = fit_reason() if metric == METRIC else "other images, whose structure SSIM depends on"
        title = TITLES.get(metric, metric.upper())
        found.append(
            STUDY.claim(
                name="inriq-table-1-columns",
                place=f"Table 1, column {title}",
                says=f"sensitivities of {title}, 14 distortions",
                published="a factor 1",
                ours=f"a factor {typical:.2f} apart (geometric mean)",
                agrees=near(typical, 1.0),
                why=why,
            )
        )
    return found


def steps_of(distortion: str) -> dict[int, float]:
    """The mean sensitivity of each step, over images in which it has one."""
    levels = DISTORTIONS[distortion].levels
    found: dict[int, list[float]] = {}
    for image in sorted(images()):
        those = [s for s in scores() if (s.image, s.distortion) == (image, distortion)]
        values = [s.values[METRIC] for s in sorted(those, key=lambda s: s.level)]
        for level in range(1, 5):
            pair = slice(level - 1, level + 1)
            step, _ = relative_sensitivity(values[pair], levels[pair])
            if step:
                found.setdefault(level, []).append(step[0])
    return {level: fmean(steps) for level, steps in found.items()}


def cases() -> list[Claim]:
    """The case studies, each step from a level to the next."""
    found = []
    for name, (place, distortion, published) in CASES.items():
        ours = steps_of(distortion)
        holds = [near(ours[level], value) == "yes" for level, value in published.items()]
        found.append(
            STUDY.claim(
                name=name,
                place=f"{place}, {DISTORTIONS[distortion].title}",
                says=f"steps from level {_listed(published)}",
                published=_numbers(list(published.values())),
                ours=_numbers([ours[level] for level in published]),
                agrees=verdict(*holds),
                why=fit_reason() if len(images()) > 1 else "one photograph there, another one here",
            )
        )
    return found


def levels() -> list[Claim]:
    """The scores that the text tells, which only networks fitted alike can have in common."""
    found = []
    for place, distortion, first, published in SCORES:
        means = [
            fmean(
                s.values[METRIC]
                for s in scores()
                if METRIC in s.values and (s.distortion, s.level) == (distortion, level)
            )
            for level in range(first, first + len(published))
        ]
        holds = [near(ours, theirs) == "yes" for ours, theirs in zip(means, published, strict=True)]
        title = DISTORTIONS[distortion].title
        found.append(
            STUDY.claim(
                name="inriq-scores",
                place=f"Section 4, {place}",
                says=f"INRIQ of {title}, levels {first} and {first + 1}",
                published=_numbers(published),
                ours=_numbers(means),
                agrees=verdict(*holds),
                why="another photograph",
            )
        )
    return found


def most_sensitive() -> Claim:
    """INRIQ responds most of all metrics."""
    wins = 0
    theirs = 0
    those = [score for score in scores() if score.image in images()]
    for name, published in PUBLISHED.items():
        values = {m: sensitivity(those, m, name).mean or 0.0 for m in measured()}
        wins += values[METRIC] == max(values.values())
        theirs += published[PUBLISHED_METRICS.index(METRIC)] == max(published)
    return STUDY.claim(
        name="inriq-most-sensitive",
        place="Abstract, Table 1",
        says="INRIQ is the most sensitive measure",
        published=f"on {theirs} of {len(PUBLISHED)} distortions",
        ours=f"on {wins} of {len(PUBLISHED)}",
        agrees="yes" if wins >= theirs else near(wins, theirs),
        why=fit_reason(),
    )


def judgements() -> list[Claim]:
    """Whether people agree, and whether the measure is stable."""
    srcc = agreements()
    stable = rows(STABILITY.results)
    noise = [row["noise, sigma 10"] for row in stable]
    fits = [row["paper_fit_psnr"] for row in stable]
    growth = noise[-1][2] / noise[0][2]
    drift = max(row[0] for row in noise) / min(row[0] for row in noise)
    return [
        STUDY.claim(
            name="inriq-opinions",
            place="Abstract",
            says="a perceptually aligned measure of quality",
            published="no figure",
            ours=f"SRCC {srcc[METRIC]:.3f}, PSNR {srcc['psnr']:.3f}, LPIPS "
            f"{srcc['lpips-squeeze']:.3f} (125 types and levels)",
            agrees="yes" if srcc[METRIC] > srcc["lpips-squeeze"] else "no",
            why="it responds strongly where people "
            "hardly see anything, as the paper says itself (A.2)",
        ),
        STABILITY.claim(
            name="inriq-stability",
            place="Section 3.2",
            says="a stable measure",
            published="no figure",
            ours=f"the same noise scores {growth:.0f} times as much after a fit to "
            f"{fits[-1]:.0f} dB as after one to {fits[0]:.0f} dB; our variant moves by a factor "
            f"{drift:.3f}",
            agrees="yes" if growth < 1.3 else "no",
            why="F of the reference is the fit error, which goes to 0",
        ),
    ]


def _interval(value: Sensitivity) -> str:
    """Over photographs, if there are several."""
    if value.low is None or value.low == value.high:
        return ""
    return f" ({value.low:.2f} to {value.high:.2f})"


def _listed(published: dict[int, float]) -> str:
    """Levels as text."""
    return ", ".join(map(str, published))


def _numbers(values: Sequence[float]) -> str:
    """Sensitivities as text."""
    return ", ".join(f"{value:.2f}" for value in values)
