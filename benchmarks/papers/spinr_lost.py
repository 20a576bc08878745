"""Lost neurons and noise in the SPINR paper: what every part of SPINR gives, by itself."""

from __future__ import annotations

import math
from statistics import fmean

from benchmarks.networks import lost_neurons
from benchmarks.papers.claims import Claim, Study, rows, verdict

LOST = Study("benchmarks.networks.lost_neurons", "networks/lost_neurons.jsonl")

TABLE_3 = {
    "fourier": (29.80, 23.12, 20.24),
    "siren": (28.26, 20.00, 15.78),
    "paper": (28.32, 24.01, 21.67),
}
"""PSNR whole, after 5 and after 10 lost neurons; `paper` is SPINR."""

WHY_LESS = "300 steps have less to lose than long fits: `siren, long fit` beside `siren`"

LITTLE_DB = 0.5
PARTS = {
    "spinr, clean": "output matrices of its own and the encoding, no lost neurons in training",
    "spinr": "the same, neurons lost in training",
    "pe-siren": "the encoding alone",
    "pe-siren, neurons": "the encoding, neurons lost in training",
    "siren, neurons": "neither, neurons lost in training",
    "pe-siren, more neurons": "the encoding, ten times as many neurons lost in training",
    "spinr, more neurons": "all of it, ten times as many neurons lost in training",
    "siren, adam": "neither, by Adam alone",
    "pe-siren, adam": "the encoding, by Adam alone",
    "pe-siren, long fit": "the encoding alone, 2000 steps, as SIREN",
    "spinr, clean, long fit": "the encoding and output matrices, 2000 steps, as SIREN",
    "joint": "one output layer for all prefixes, no encoding",
    "joint, encoded": "one output layer for all prefixes, and the encoding",
    "paper": "the stages of the paper, a fifth of SIREN's steps each",
    "paper, long": "the stages of the paper, as many steps each as SIREN",
}
"""What a way of `lost_neurons` has, beside a plain SIREN of its size."""


def claims() -> list[Claim]:
    """Those that were measured."""
    return [*lost(), *parts(), *outputs(), *noise()]


def fields(*ways: str) -> list[tuple[float, ...]]:
    """PSNR of ways whole, after 1, 5 and 10 lost neurons, and with noise: means over the pictures
    and seeds that all of them have; nothing if there are none."""
    found = [
        {(row["picture"], row["seed"]): row for row in rows(LOST.results) if row["way"] == way}
        for way in ways
    ]
    common = set.intersection(*map(set, found))
    if not common:
        return []
    return [
        tuple(fmean(those[key][field] for key in common) for field in lost_neurons.FIELDS)
        for those in found
    ]


def told(values: tuple[float, ...]) -> str:
    """Whole and after 1, 5, 10 lost neurons."""
    return " / ".join(f"{value:.2f}" for value in values[:4]) + " dB"


def lost() -> list[Claim]:
    """How much networks lose with 1, 5 and 10 neurons."""
    made = []
    for way in ("siren", "siren, adam", "siren, long fit", *lost_neurons.OTHERS):
        found, theirs = fields(way), TABLE_3.get(way.split(",")[0])
        if not found:
            continue
        ours = found[0]
        whole, _, ten = theirs or TABLE_3["siren"]
        most = ours[0] - ours[3] > 0.5 * (whole - ten)
        published = "no figure"
        if theirs:
            published = " / ".join(f"{v:.2f}" for v in (theirs[0], math.nan, *theirs[1:])) + " dB"
        made.append(
            LOST.claim(
                name="spinr-lost-neurons",
                place=f"Section 3.5, Tables 2 and 3, {way}",
                says="a few lost neurons (none / 1 / 5 / 10) lose most of the image",
                published=published.replace("nan", "-"),
                ours=told(ours),
                agrees=verdict(most),
                why=WHY_LESS if "long" not in way else "other optimiser and schedule",
            )
        )
    return made


def parts() -> list[Claim]:
    """What makes SPINR lose less than SIREN: every way beside SIREN of the same size."""
    made = []
    theirs = [TABLE_3["paper"][i] - TABLE_3["siren"][i] for i in (1, 2)]
    for way, what in PARTS.items():
        found = fields(way, "siren, long fit" if "long fit" in way else "siren")
        if not found:
            continue
        ours, siren = found
        gained = [ours[i] - siren[i] for i in (2, 3)]
        lost_db = f"SIREN loses {siren[0] - siren[3]:.1f} dB to 10 neurons here, 12.5 in the paper"
        less = "so there is less to gain" if max(gained) > 0 else "and this keeps less"
        if "long fit" in way:
            less = "and 10 leave about as little of this"
        made.append(
            LOST.claim(
                name="spinr-lost-neurons",
                place=f"Table 3, L@5 and L@10, `{way}`",
                says=f"SPINR loses less than SIREN of its size ({what})",
                published=f"{theirs[0]:+.2f}, {theirs[1]:+.2f} dB",
                ours=f"{gained[0]:+.2f}, {gained[1]:+.2f} dB; none / 1 / 5 / 10: {told(ours)}, "
                f"SIREN {told(siren)}",
                agrees=verdict(*(g > 0.5 * t for g, t in zip(gained, theirs, strict=True))),
                why=f"{lost_db}, {less}",
            )
        )
    return made


def outputs() -> list[Claim]:
    """What output matrices of one's own cost: not in the paper, but in ours."""
    made = []
    for steps, ways in (
        (lost_neurons.STEPS, ("spinr, clean", "joint, encoded", "pe-siren")),
        (lost_neurons.LONG_STEPS, ("spinr, clean, long fit", "pe-siren, long fit")),
    ):
        found = fields(*ways)
        if not found:
            continue
        own, *others = found
        titles = " and ".join(f"`{way}`" for way in ways[1:])
        made.append(
            LOST.claim(
                name="spinr-lost-neurons",
                place=f"Section 4, `{ways[0]}`",
                says=f"prefixes cost little (under {LITTLE_DB:g} dB): against {titles}, {steps} "
                "steps; none / 1 / 5 / 10 neurons lost",
                published="28.32 against 28.26 dB (SIREN)",
                ours=f"{told(own)} against {' and '.join(map(told, others))}",
                agrees=verdict(*(own[0] > other[0] - LITTLE_DB for other in others)),
                why="a network without prefixes gains more by a long fit",
            )
        )
    return made


def noise() -> list[Claim]:
    """Figure 6: Gaussian noise on weights and on samples."""
    found = fields("siren")
    if not found:
        return []
    ours = found[0]
    shown = ", ".join(f"{value:.2f}" for value in ours[4:])
    samples = ", ".join(f"{-20 * math.log10(sigma):.0f}" for sigma in lost_neurons.SIGMAS)
    sigmas = ", ".join(f"{sigma:g}" for sigma in lost_neurons.SIGMAS)
    return [
        LOST.claim(
            name="spinr-lost-neurons",
            place="Figure 6",
            says="noise that hardly shows on samples ruins a network, and small noise does not",
            published="no figure",
            ours=f"sigma of {sigmas}: {shown} dB from {ours[0]:.2f} dB (samples of a range of 1 "
            f"with as much: {samples} dB)",
            agrees=verdict(ours[0] - ours[4] < 1, ours[0] - ours[6] > 10),
            why="fits this short are no better than what noise leaves",
        )
    ]
