"""Weight damage of CT, audio and video (Figures 5 to 7 of Zhou et al. 2025)."""

from __future__ import annotations

from benchmarks.papers.claims import Claim, Study, rows, verdict

STUDY = Study("benchmarks.networks.robust_signals", "networks/robust_signals.jsonl")

STRENGTHS = (0.003, 0.01)
"""Strengths of the gradient norm."""

GAINS = {
    "ct": ("Figure 5, CT", {"gaussian": 7.5, "binary": 7.5}),
    "sound": ("Figure 6, audio", {"gaussian": 2.84, "binary": 2.93}),
    "clip": ("Figure 7, video", {"gaussian": 0.26, "binary": 1.74}),
}
"""Up to so many dB more than squared error, by kind of noise; of CT the paper names no kind."""

COSTS = {"ct": -2.82, "sound": -8.04}
"""What it costs without noise, in dB."""

DATA = (
    "other data: a phantom, synthetic speech and a pan over a photograph here; the paper names "
    "neither its data, its networks nor what its sigma is relative to, and gives the largest gains"
)


def value(signal: str, robust: str | None, strength: float, kind: str) -> float:
    """PSNR in dB after noise of 0.001 of a kind, or "clean"."""
    for row in rows(STUDY.results):
        if (row["signal"], row["robust"], row["strength"]) == (signal, robust, strength):
            damage = {d["kind"]: d["mean"] for d in row["damage"] if d["level"] == 0.001}
            return float(row["clean"] if kind == "clean" else damage[kind])
    raise KeyError(f"{STUDY.results} has no {robust} {strength} of {signal}")


def gains(signal: str, kind: str) -> dict[float, float]:
    """How much higher than that of squared error the PSNR is, by strength."""
    plain = value(signal, None, 0.0, kind)
    return {s: value(signal, "gradient-norm", s, kind) - plain for s in STRENGTHS}


def told(found: dict[float, float]) -> str:
    """Gains by strength as text."""
    return ", ".join(f"{gain:+.2f} dB (strength {s:g})" for s, gain in found.items())


def signals() -> list[Claim]:
    """The claims of all three figures."""
    claims = []
    for signal, (place, published) in GAINS.items():
        name = f"robustness-{place.split(',')[0].lower().replace(' ', '-')}"
        plain = value(signal, None, 0.0, "clean")
        for kind, theirs in published.items():
            ours = gains(signal, kind)
            damaged = value(signal, None, 0.0, kind)
            claims.append(
                STUDY.claim(
                    name=name,
                    place=f"{place}, {kind} noise",
                    says="gain of the gradient norm over squared error",
                    published=f"up to {theirs:+.2f} dB" + (" of either" if signal == "ct" else ""),
                    ours=f"{told(ours)}; squared error {plain:.2f} dB, {damaged:.2f} after it",
                    agrees=verdict(max(ours.values()) > 0.5 * theirs),
                    why=DATA,
                )
            )
        if signal in COSTS:
            costs = gains(signal, "clean")
            claims.append(
                STUDY.claim(
                    name=name,
                    place=place,
                    says="without noise the gradient norm costs quality",
                    published=f"{COSTS[signal]:+.2f} dB",
                    ours=told(costs),
                    agrees=verdict(*(cost < 0 for cost in costs.values())),
                    why=DATA,
                )
            )
    return claims
