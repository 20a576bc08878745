"""The smaller studies of the INRIQ paper: the fit, Figure 1, MRI, distances between networks."""

from __future__ import annotations

from statistics import fmean

from benchmarks.metrics.inriq_fit import SIDE, factor, fits, sensitivities
from benchmarks.metrics.inriq_studies import WEIGHT_SIDE, followed
from benchmarks.papers.claims import Claim, Study, near, rows, verdict

FIT = Study("benchmarks.metrics.inriq_fit", "metrics/inriq_fit.jsonl")
STUDIES = Study("benchmarks.metrics.inriq_studies", "metrics/inriq_studies.jsonl")

MRI = {"psnr": 0.0414, "ssim": 0.0403, "lpips-squeeze": 0.438, "inriq-paper": 0.616}
"""Relative sensitivities from an undersampling of 2 to one of 8, section 4."""

MEASURES = {"l2": "L2", "cosine": "cosine", "cca": "CCA", "cka": "CKA"}
STARTS = {"warm": "from the reference's network", "same": "from its start"}
CONSISTENT = 0.95
"""Share of steps from a level to the next at which a consistent measure rises."""


def claims() -> list[Claim]:
    """Those that were measured."""
    return [*overfitted(), *figure_1(), *mri(), *distances()]


def missing() -> str:
    """What was not."""
    named = {
        "Figure 1": figure_1(),
        "the MRI slices of Figure 6": mri(),
        "the distances between networks that the paper found no use for": distances(),
    }
    lacking = [name for name, found in named.items() if not found]
    if not any("clip" in row["values"] for row in rows("metrics/sensitivity.jsonl")):
        lacking.append(
            "the CLIP column of Table 1, because CLIP's weights were not at hand (with OpenAI's "
            "archive, `INRCODEC_CLIP=ViT-B-32.pt python -m benchmarks.metrics.sensitivity "
            "--metrics clip` and then `python -m benchmarks.papers --write` make it)"
        )
    if not lacking:
        return "nothing."
    return ", ".join(lacking[:-1]) + (", and " if lacking[:-1] else "") + lacking[-1] + "."


def of_study(name: str) -> list[dict]:
    """The rows of one study."""
    return [row for row in rows(STUDIES.results) if row["study"] == name]


def overfitted() -> list[Claim]:
    """The reference is overfitted: at which fit Table 1 comes out."""
    every = fits(list(rows(FIT.results)))
    found = {
        (init, target): (
            fmean(row["fit_psnr"] for row in those),
            factor(those),
            sensitivities(those, "jpeg"),
        )
        for init, target, those in every
    }
    if not found:
        return []
    told = [
        f"{psnr:.0f} dB{', pretrained' if init == 'meta' else ''}: {typical:.2f}, {jpeg:.2f}"
        for (init, _), (psnr, typical, jpeg) in found.items()
    ]
    best = min(typical for _, typical, _ in found.values())
    return [
        FIT.claim(
            name="inriq-fit",
            place="Section 3.2",
            says="sensitivities are those of an overfitted reference: factor from Table 1, JPEG",
            published="a factor 1, 1.63",
            ours=f"{'; '.join(told)} ({len(every[0][2])} crops of {SIDE} x {SIDE})",
            agrees=near(best, 1),
            why="crops this small differ from whole photographs",
        )
    ]


def figure_1() -> list[Claim]:
    """Equal PSNR and SSIM, different INRIQ."""
    those = of_study("figure-1")
    if not those:
        return []
    pairs = [(row["saturated"], row["darkened"]) for row in those]
    psnr = max(abs(a["psnr"] - b["psnr"]) for a, b in pairs)
    ssim = max(abs(a["ssim"] - b["ssim"]) for a, b in pairs)
    ratios = [a["inriq-paper"] / b["inriq-paper"] for a, b in pairs]
    apart = [near(ratio, 1) == "no" for ratio in ratios]
    return [
        STUDIES.claim(
            name="inriq-figure-1",
            place="Figure 1",
            says="saturation and darkening of nearly equal PSNR and SSIM, set apart by INRIQ",
            published="no figure",
            ours=f"PSNR within {psnr:.2f} dB, SSIM within {ssim:.3f}: INRIQ of saturation "
            f"{', '.join(f'{ratio:.2f}' for ratio in ratios)} times that of darkening "
            f"({len(pairs)} photographs)",
            agrees=verdict(*apart),
            why="where PSNR is equal, INRIQ of some photographs is about equal too",
        )
    ]


def mri() -> list[Claim]:
    """Undersampled MRI."""
    return [_mri(row) for row in of_study("mri")]


def _mri(row: dict) -> Claim:
    """One slice."""
    ours = [row["sensitivities"][metric] for metric in MRI]
    most = max(MRI, key=lambda metric: row["sensitivities"][metric])
    return STUDIES.claim(
        name="inriq-mri",
        place="Figure 6, section 4",
        says="sensitivity of PSNR, SSIM, LPIPS, INRIQ to undersampling, 2 to 8",
        published=", ".join(f"{value:.3f}" for value in MRI.values()),
        ours=", ".join(f"{value:.3f}" for value in ours)
        + f" (one slice of a head, fitted to {row['notes']['inriq-paper']['fit_psnr']:.0f} dB)",
        agrees=verdict(
            most == "inriq-paper",
            *(near(value, told) == "yes" for value, told in zip(ours, MRI.values(), strict=True)),
        ),
        why="another slice and another choice of the lines that are kept",
    )


def distances() -> list[Claim]:
    """Distances between networks, which the paper found no use for."""
    found = {
        (start, metric): (rank, share)
        for start, metric, rank, share in followed(list(rows(STUDIES.results)))
    }
    claims: list[Claim] = []
    if not found:
        return claims
    for metric, title in MEASURES.items():
        told = [
            f"{label} {found[start, metric][0]:.2f}, {100 * found[start, metric][1]:.0f} %"
            for start, label in (
                ("warm", "from the reference's network"),
                ("same", "from its start"),
            )
            if (start, metric) in found
        ]
        shares = [found[key][1] for key in found if key[1] == metric]
        rank, share = found["warm", "inriq-paper"]
        claims.append(
            STUDIES.claim(
                name="inriq-distances",
                place="Section 3.1",
                says=f"{title} between networks does not follow the level of a distortion",
                published="no figure",
                ours=f"SRCC with the level, steps upwards: {'; '.join(told)}; INRIQ {rank:.2f}, "
                f"{100 * share:.0f} % (one crop of {WEIGHT_SIDE} x {WEIGHT_SIDE})",
                agrees=verdict(*(value < CONSISTENT for value in shares)),
                why="networks fitted from one start differ as their images do",
            )
        )
    return claims
