"""A network that was loaded from a file, and perhaps changed, -> a file."""

from __future__ import annotations

import numpy as np

from inrcodec import checks
from inrcodec.codec.ambient import own_settings
from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting.networks.sensitivity import sensitivities
from inrcodec.codec.fitting.networks.steps import check_finite, quantize, steps_for_size
from inrcodec.codec.format import bitstream
from inrcodec.codec.networks import sections
from inrcodec.codec.networks.module import NetworkModule
from inrcodec.errors import OptionError, RateError

LARGEST_SCALE = 1e6


def store(module: NetworkModule, step_scale: float, target_size: int | None) -> bytes:
    """Round the parameters of a module and write its file; see `inrcodec.store_network`."""
    scale = checks.real("step_scale", step_scale, 1 / LARGEST_SCALE, LARGEST_SCALE)
    values = module.values()
    check_finite(values)
    if target_size is None:
        return _written(module, quantize(values, _steps(module, scale), module.stored.init))
    if scale != 1:
        raise OptionError("give step_scale or target_size, not both")
    size = checks.whole("target_size", target_size, 1, 1 << 30)
    empty = {name: np.zeros_like(symbols) for name, symbols in module.stored.symbols.items()}
    least = Quantized(empty, module.stored.steps, module.stored.init)
    payload = size - (len(_written(module, least)) - len(least.to_bytes()))
    header = module.header
    sheet = header.frames * header.height, header.width, header.frames
    with own_settings(gradients=True):
        sensitive = sensitivities(module.model, dict(module.tensors), *sheet)
    data = b""
    for _ in range(8):  # what sections take beside the payload differs by some bytes
        steps = steps_for_size(values, sensitive, max(payload, 0), module.stored.init)
        data = _written(module, quantize(values, steps, module.stored.init))
        if len(data) <= size:
            return data
        payload -= len(data) - size
    raise RateError(f"{size} bytes are too little: the file of this network has {len(data)}")


def _steps(module: NetworkModule, scale: float) -> dict[str, int]:
    """The step codes of the file times a factor; raises `OptionError` where a parameter, less its
    initial value, is more steps than a symbol can say."""
    stored = module.stored
    steps = {n: prior.step_code(prior.step_size(c) * scale) for n, c in stored.steps.items()}
    for name, value in module.values().items():
        rest = value if stored.init is None else value - stored.init[name]
        most = float(np.abs(rest).max(initial=0)) / prior.step_size(steps[name])
        if most > prior.MAX_MAGNITUDE + 0.5:
            raise OptionError(
                f"tensor {name} has a parameter of {most:.0f} steps, the most is "
                f"{prior.MAX_MAGNITUDE}: a larger step_scale stores it"
            )
    return steps


def _written(module: NetworkModule, network: Quantized) -> bytes:
    """The file of a network."""
    parts = sections.sections_of(module.model, network)
    return bitstream.write(module.header, parts, dict(module.metadata))
