"""Which backend (backend.py) an encode has: the compiled one wherever it serves."""

from __future__ import annotations

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic import compiled_step
from inrcodec.codec.fitting.coolchic.backend import Backend
from inrcodec.codec.fitting.coolchic.compiled_backend import CompiledBackend
from inrcodec.codec.fitting.robust_options import Robust
from inrcodec.extras import require


def backend_of(
    model: CoolChic,
    *,
    robust: Robust | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> Backend:
    """The faster backend that can fit a model, with weights that survive or not, on a device.
    Raises `MissingExtraError` if that needs torch and there is none."""
    if device == "cpu" and robust is None and compiled_step.serves(model):
        return CompiledBackend()
    require("torch", extra="encode", what="this fit")
    from inrcodec.codec.fitting.coolchic.torch_backend import TorchBackend

    return TorchBackend(device, robust, seed)
