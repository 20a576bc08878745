"""The smaller studies of the SPINR paper: large networks, sizes, rates, and settings."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean, pstdev

from benchmarks.networks import hyper_parameters, set14_rates
from benchmarks.papers.claims import Claim, Study, near, rows, verdict

LOST = Study("benchmarks.networks.lost_neurons", "networks/lost_neurons.jsonl")
RATES = Study("benchmarks.networks.set14_rates", "networks/set14_rates.jsonl")
SETTINGS = Study("benchmarks.networks.hyper_parameters", "networks/hyper_parameters.jsonl")
SET14 = Study("benchmarks.networks.set14", "networks/set14.jsonl")

LARGE = {
    "fourier": ("FourierNet", 30.78, 30.10),
    "siren": ("SIREN", 31.68, 30.95),
    "mfn-gabor": ("MFN", 33.98, 32.95),
}
"""PSNR of networks of 132 to 137 and of 66 to 70 thousand parameters, Table 1."""

FACTORS = {
    "fourier, large": ("FourierNet*", 1.22),
    "siren, large": ("SIREN*", 1.22),
    "mfn-gabor, large": ("MFN*", 1.17),
    "fourier": ("FourierNet", 2.41),
    "siren": ("SIREN", 2.40),
    "mfn-gabor": ("MFN", 2.25),
    "wire": ("WIRE", 1.20),
    "diner": ("DINER", 0.32),
}
"""Compression factors, column CF of Table 1."""

FLOAT_BYTES = 4
SENSITIVE_DB = 3.0
"""What a network loses at most between neighbouring settings if it is not sensitive."""


def claims() -> list[Claim]:
    """Those that were measured."""
    return [*large(), *factors(), *figure_4(), *figure_5()]


def large() -> list[Claim]:
    """Table 1: twice the parameters."""
    every = list(rows(LOST.results))
    made = []
    for network, (title, psnr, small) in LARGE.items():
        way = f"{network}, large"
        pairs = [
            (row["psnr"], other["psnr"])
            for row in every
            for other in every
            if row["way"] == way
            and other["way"] == network
            and all(row[k] == other[k] for k in ("picture", "seed"))
        ]
        if not pairs:
            continue
        gained = fmean(a - b for a, b in pairs)
        made.append(
            LOST.claim(
                name="spinr-lost-neurons",
                place=f"Table 1, {title}*",
                says="twice the width and half the layers are better",
                published=f"{psnr - small:+.2f} dB ({psnr:.2f})",
                ours=f"{gained:+.2f} dB ({fmean(a for a, _ in pairs):.2f}; fits: {len(pairs)})",
                agrees=verdict(gained > 0.5 * (psnr - small)),
                why="after 300 steps on 3072 pixels; longer fits were not tried",
            )
        )
    return made


def factors() -> list[Claim]:
    """Column CF of Table 1: bytes of the image over bytes of the network in float32."""
    raw = {
        row["picture"]: row["compression"] * row["size_bytes"]
        for row in rows(RATES.results)
        if row["kind"] == "table 1"
    }
    found: dict[str, dict[str, int]] = {}
    for row in rows(SET14.results):
        found.setdefault(row["network"], {})[row["picture"]] = row["parameters"]
    for row in rows(LOST.results):
        if row["way"].endswith(", large"):
            found[row["way"]] = dict.fromkeys(raw, row["parameters"])
    made = []
    for way, (title, published) in FACTORS.items():
        if not raw or way not in found:
            continue
        ours = fmean(raw[p] / (FLOAT_BYTES * n) for p, n in found[way].items())
        why = "the mean of the factors of 14 images"
        if way == "wire":
            why = "both numbers of a complex parameter are counted here as parameters"
        made.append(
            RATES.claim(
                name="spinr-figure-4",
                place=f"Table 1, CF, {title}",
                says="how many times smaller than the image float32 parameters are",
                published=f"{published:.2f}",
                ours=f"{ours:.2f}",
                agrees=near(ours, published),
                why=why,
            )
        )
    return made


def figure_4() -> list[Claim]:
    """Networks against JPEG and JPEG 2000 of the same size."""
    made = []
    kinds = {
        "table 1": "float32 networks of Table 1 are far below JPEG of quality 90 and JPEG 2000",
        "float": "tiny float32 networks are below both",
        "file": "tiny networks, quantised and entropy coded, are nearer",
    }
    for kind, says in kinds.items():
        those = [row for row in rows(RATES.results) if row["kind"] == kind]
        if not those:
            continue
        sizes = sorted({row["size"] for row in those})
        shown, holds = [], []
        for size in sizes:
            here = [row for row in those if row["size"] == size]
            rate, ours, *codecs = (
                set14_rates.mean(here, k) for k in ("bits_per_pixel", "psnr", *set14_rates.CODECS)
            )
            told = " / ".join("-" if v is None else f"{v:.2f}" for v in (ours, *codecs))
            shown.append(f"{rate:.2f} bpp: {told}")
            holds.append(all(v is None or ours < v for v in codecs))
        made.append(
            RATES.claim(
                name="spinr-figure-4",
                place="Figure 4",
                says=f"{says} (network / JPEG / JPEG 2000)",
                published="no figure",
                ours="; ".join(shown) + " dB",
                agrees=verdict(*holds),
                why="at the lowest rates a quantised network is level with JPEG or above",
            )
        )
    return made


def figure_5() -> list[Claim]:
    """Learning rate, width and depth."""
    titles = {
        "adam": "learning rate, Adam alone",
        "rate": "learning rate, ours, times",
        "width": "width",
        "layers": "depth",
    }
    made = []
    for network in hyper_parameters.NETWORKS:
        for what, title in titles.items():
            found = hyper_parameters.found(list(rows(SETTINGS.results)), network, what)
            if len(found) < 2:
                continue
            means = [fmean(values) for values in found.values()]
            shown = ", ".join(
                f"{value:g}: {fmean(psnr):.1f} ± {pstdev(psnr):.2f}"
                for value, psnr in found.items()
            )
            steps = [abs(a - b) for a, b in pairwise(means)]
            made.append(
                SETTINGS.claim(
                    name="spinr-figure-5",
                    place=f"Figure 5, {network}, {title}",
                    says=f"extremely sensitive: the next value changes over {SENSITIVE_DB:g} dB",
                    published="no figure",
                    ours=f"{shown} dB",
                    agrees=verdict(max(steps) > SENSITIVE_DB),
                    why=f"it changes {max(steps):.1f} dB at most",
                )
            )
    return made
