import numpy as np
import pytest

from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting.networks.steps import quantize, steps_for_size
from inrcodec.codec.networks.siren import Siren
from inrcodec.errors import FitError, FormatError, LimitError

MODEL = Siren(12, 3, 4, 3)


def parameters() -> dict[str, np.ndarray]:
    return MODEL.initial(np.random.default_rng(3), np.zeros(3))


def test_a_payload_comes_back_exactly() -> None:
    steps = dict.fromkeys(MODEL.shapes, prior.step_code(0.01))
    rounded = quantize(parameters(), steps)
    back = Quantized.from_bytes(rounded.to_bytes(), MODEL.shapes)
    assert back.steps == rounded.steps
    for name, symbols in rounded.symbols.items():
        assert (back.symbols[name] == symbols).all()
    assert back.to_bytes() == rounded.to_bytes()


def test_values_are_within_half_a_step() -> None:
    steps = dict.fromkeys(MODEL.shapes, prior.step_code(0.02))
    values = quantize(parameters(), steps).values()
    for name, tensor in parameters().items():
        assert np.abs(values[name] - tensor).max() <= 0.01 * 1.001


@pytest.mark.parametrize("target", [100, 200, 400, 700])
def test_the_byte_budget_is_met_and_used(target: int) -> None:
    sensitivities = dict.fromkeys(MODEL.shapes, 1.0)
    steps = steps_for_size(parameters(), sensitivities, target)
    size = len(quantize(parameters(), steps).to_bytes())
    assert target * 0.97 - 4 <= size <= target


def test_sensitive_tensors_get_finer_steps() -> None:
    sensitivities = dict.fromkeys(MODEL.shapes, 1.0) | {"weight.1": 100.0}
    steps = steps_for_size(parameters(), sensitivities, 600)
    plain = steps_for_size(parameters(), dict.fromkeys(MODEL.shapes, 1.0), 600)
    assert steps["weight.1"] < plain["weight.1"]
    assert steps["weight.2"] > plain["weight.2"]


def test_what_does_not_fit_is_refused() -> None:
    saturated = quantize({"w": np.array([1e9], np.float32)}, {"w": prior.step_code(1.0)})
    assert saturated.symbols["w"].tolist() == [prior.MAX_MAGNITUDE]
    with pytest.raises(LimitError, match="in 60 bytes"):
        Quantized.from_bytes(bytes(60), {"w": (1000, 1000)})
    with pytest.raises(FitError):
        quantize({"w": np.array([np.nan], np.float32)}, {"w": prior.step_code(1.0)})
    with pytest.raises(FormatError, match="at least"):
        Quantized.from_bytes(bytes(60), MODEL.shapes)
