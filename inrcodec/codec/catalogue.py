"""What models there are, for a person to choose from; without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from inrcodec.codec.coolchic.features import COMPLEXITIES
from inrcodec.codec.coolchic.model import grids_model
from inrcodec.codec.entropy.quantized import MAX_PARAMETERS
from inrcodec.codec.families import Model
from inrcodec.codec.format.header import Family
from inrcodec.codec.networks.sizes import LADDERS, ImageShape, network_for

ABOUT = {
    "coolchic": ("ours: latent grids, trained initialisation", "any; the best above 400 bytes"),
    "coolchic-v2": ("latent grids, random initialisation (Leguay et al. 2023)", "any"),
    "coolchic-v1": ("latent grids, random initialisation (Ladune et al. 2023)", "any"),
    "pe-siren": (
        "sines after a positional encoding (Struempler et al. 2022)",
        "best below 400 bytes",
    ),
    "nif": ("sines of modulated frequency (Catania and Allegra 2023)", "0.3 bpp of a photograph"),
    "spinr": (
        "sine layers every prefix of which is an image (Conde et al. 2024)",
        "streaming of one network",
    ),
    "siren": ("sines (Sitzmann et al. 2020; COIN, Dupont et al. 2021)", "for comparison"),
    "fourier": ("ReLU layers after Fourier features (Tancik et al. 2020)", "for comparison"),
    "mfn-fourier": ("products of sines (Fathony et al. 2021)", "for comparison"),
    "mfn-gabor": ("products of Gabor filters (Fathony et al. 2021)", "for comparison"),
    "wire": ("complex Gabor wavelets (Saragadam et al. 2023)", "for comparison"),
    "diner": ("a number pair at every pixel (Xie et al. 2023)", "from 4 bpp; for comparison"),
}
"""A description of each model, and the rates it suits."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model in the list: `parameters` of the networks and multiply-accumulates a pixel to
    decode."""

    name: str
    dimensions: tuple[int, ...]
    parameters: int
    macs_per_pixel: int
    about: str
    rates: str

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, ready for JSON."""
        return asdict(self)


def models(width: int = 768, height: int = 512, bpp: float = 0.3) -> list[ModelInfo]:
    """Every model, as it would be chosen for a colour image of this size at this rate."""
    shape = ImageShape(width, height, 3)
    payload = max(1, int(bpp * width * height / 8))
    rows: list[tuple[str, str, Model]] = []
    for name, family in (("coolchic-v1", Family.COOLCHIC_V1), ("coolchic-v2", Family.COOLCHIC_V2)):
        rows.append((name, name, grids_model(family, width, height)))
    tiers = [
        (f"coolchic, {tier}", "coolchic", grids_model(Family.COOLCHIC, width, height, **sizes))
        for tier, sizes in reversed(COMPLEXITIES.items())
    ]
    networks = [(name, name, network_for(shape, name, payload)) for name in LADDERS]
    return [_info(*row) for row in [*tiers, *reversed(rows), *networks]]


def _info(shown: str, name: str, model: Model) -> ModelInfo:
    """The row of a model; DINER's table of two numbers a pixel may be too large for a file."""
    count, (about, rates) = model.parameter_count, ABOUT[name]
    if count > MAX_PARAMETERS:
        rates = "not this image: too large"
    return ModelInfo(shown, model.dimensions, count, model.macs_per_pixel, about, rates)
