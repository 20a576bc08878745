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
    in_windows: bool = False,
    robust: Robust | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> Backend:
    """The faster backend that can fit a model, in windows or as a whole, with weights that survive
    or not, on a device. Raises `MissingExtraError` if that needs torch and there is none."""
    on_cpu = device == "cpu" and robust is None
    if on_cpu and not in_windows and compiled_step.serves(model):
        return CompiledBackend()
    large = "fitting an image of over two megapixels (effort 0 fits no photograph)"
    what = large if in_windows else "this fit"
    require("torch", extra="encode", what=what)
    from inrcodec.codec.fitting.coolchic.torch_backend import TorchBackend

    return TorchBackend(device, robust, seed)
