import math

import numpy as np
import pytest
import torch

from inrcodec.codec.families import decoder_of
from inrcodec.codec.format.bitstream import Family, Header
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.errors import FormatError, LimitError


def tensors(model: Siren) -> dict[str, torch.Tensor]:
    start = model.initial(np.random.default_rng(5), np.full(model.channels, 0.25))
    return {name: torch.from_numpy(value) for name, value in start.items()}


@pytest.mark.parametrize("frequencies", [0, 1, 9])
def test_the_grid_equals_the_formula_point_by_point(frequencies: int) -> None:
    model = Siren(7, 3, frequencies, 3)
    parameters = tensors(model)
    ys, xs = coordinates(4), np.array([-1.3, 0.0, 0.7])
    grid = model.render(parameters, ys, xs).numpy()
    for row, y in enumerate(ys):
        for column, x in enumerate(xs):
            hidden = np.array(
                [
                    f
                    for c in (y, x)
                    for f in (
                        [c]
                        + [math.sin(1.4**i * math.pi * c) for i in range(frequencies)]
                        + [math.cos(1.4**i * math.pi * c) for i in range(frequencies)]
                    )
                ]
            )
            for layer in range(3):
                weight = parameters[f"weight.{layer}"].double().numpy()
                hidden = np.sin(weight @ hidden + parameters[f"bias.{layer}"].double().numpy())
            colour = parameters["weight.out"].double().numpy() @ hidden + 0.25
            assert np.abs(grid[row, column] - colour).max() < 1e-4


def test_known_parameter_counts() -> None:
    # Struempler et al. 2022: 1 + 3 hidden layers of 64 on 66 features, 17.0k parameters.
    assert Siren(64, 4, 16, 3).parameter_count == 16963
    # COIN: 10 sine layers of 28, 7479 parameters with the output layer.
    assert Siren(28, 10, 0, 3).parameter_count == 2 * 28 + 28 + 9 * (28 * 28 + 28) + 3 * 28 + 3


@pytest.mark.parametrize("dimensions", [(0, 3, 4), (8, 0, 4), (2000, 3, 4), (8, 17, 4), (8, 3, 33)])
def test_sizes_beyond_the_limits_are_refused(dimensions: tuple[int, int, int]) -> None:
    with pytest.raises(LimitError):
        Siren(*dimensions, 3)


def test_headers_that_describe_no_network_are_refused() -> None:
    def header(family: Family, *dimensions: int) -> Header:
        return Header(8, 8, 3, 8, family, dimensions)

    assert decoder_of(header(Family.SIREN, 9, 2)).model == Siren(9, 2, 0, 3)
    assert decoder_of(header(Family.PE_SIREN, 9, 2, 4)).model == Siren(9, 2, 4, 3)
    with pytest.raises(FormatError, match="dimensions"):
        decoder_of(header(Family.SIREN, 9, 2, 4))
    with pytest.raises(FormatError, match="frequency"):
        decoder_of(header(Family.PE_SIREN, 9, 2, 0))
    with pytest.raises(LimitError, match="parameters"):
        decoder_of(header(Family.SIREN, 1024, 16))
