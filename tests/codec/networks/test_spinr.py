"""SPINR: every prefix of layers is a picture, and lost layers are concealed by those before."""

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.codec.decode import decode_picture
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Kind
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.spinr import PREFIX_WEIGHT, Spinr
from inrcodec.errors import FormatError, PartialFileWarning
from inrcodec.metrics.damage.operations import lost_neurons
from inrcodec.pixels import psnr
from inrcodec.streaming.layers import stream_of


@pytest.fixture(scope="module")
def file(photo: np.ndarray) -> bytes:
    return inrcodec.encode(photo, model="spinr", bpp=3.0, effort=2, threads=1)


def ends(data: bytes) -> list[int]:
    """Where PARAMETERS and every LAYER end."""
    sections = bitstream.read(data).sections
    return [s.offset + s.size for s in sections if s.kind in (Kind.PARAMETERS, Kind.LAYER)]


def test_every_prefix_is_a_better_picture(file: bytes, photo: np.ndarray) -> None:
    values = []
    for end in ends(file):
        with pytest.warns(PartialFileWarning):
            values.append(psnr(photo, inrcodec.decode(file[:end])))
    assert values == sorted(values)
    assert values[-1] > values[0] + 3
    assert psnr(photo, inrcodec.decode(file)) == values[-1]
    assert len(file) <= 3.0 * photo.size / 3 / 8


def test_a_cut_layer_shows_those_before(file: bytes) -> None:
    first, second, *_ = ends(file)
    with pytest.warns(UserWarning, match=r"layers 1 of"):
        cut = inrcodec.decode(file[: second - 1])
    with pytest.warns(PartialFileWarning):
        assert np.array_equal(cut, inrcodec.decode(file[:first]))


def test_a_lost_layer_is_concealed(file: bytes) -> None:
    first, second, third, *_ = ends(file)
    with pytest.warns(UserWarning, match=r"layers 2 of"):
        shown = decode_picture([file[:second], file[third:]]).pixels
    with pytest.warns(PartialFileWarning):
        assert np.array_equal(shown, inrcodec.decode(file[:second]))
    assert first < second


def test_it_streams_layer_by_layer(file: bytes) -> None:
    assert len(stream_of(file).layers[0]) == ends(file)[0]
    assert len(stream_of(file).layers) == len(ends(file))


def test_layers_out_of_place_are_refused(file: bytes) -> None:
    container = bitstream.read(file)
    critical = [(Kind(s.kind), s.payload) for s in container.sections[1:-1]]
    networks, first, second, *rest = critical
    for parts in (
        [networks, second, first, *rest],
        [networks, first, first, second, *rest],
        [networks, first],
        [networks, (Kind.LAYER, b""), first, second, *rest],
        [networks, (Kind.LAYER, b"\0" + first[1][1:]), second, *rest],
        [networks, (Kind.LAYER, b"\x63" + first[1][1:]), second, *rest],
    ):
        with pytest.raises(FormatError):
            inrcodec.decode(bitstream.write(container.header, parts))
    with pytest.raises(FormatError):
        bitstream.read(bitstream.write(container.header, [first, networks, second, *rest]))


def test_other_families_have_no_layers(small_file: bytes) -> None:
    container = bitstream.read(small_file)
    parts = [(Kind.PARAMETERS, container.payload(Kind.PARAMETERS)), (Kind.LAYER, b"\1")]
    with pytest.raises(FormatError):
        inrcodec.decode(bitstream.write(container.header, parts))


def test_the_error_counts_prefixes() -> None:
    network = Spinr(9, 3, 4, 3)
    values = network.initial(np.random.default_rng(1), np.zeros(3))
    tensors = {name: torch.from_numpy(value) for name, value in values.items()}
    ys, xs = coordinates(8), coordinates(10)
    target = torch.zeros(8, 10, 3)
    errors = [float(p.square().mean()) for p in network.pictures(tensors, ys, xs, None)]
    wanted = (errors[2] + PREFIX_WEIGHT * (errors[0] + errors[1]) / 2) / (1 + PREFIX_WEIGHT)
    assert float(network.squared_error(tensors, ys, xs, target)) == pytest.approx(wanted)
    for layers, error in enumerate(errors, 1):
        part = network.prefix(layers).render(tensors, ys, xs)
        assert float(part.square().mean()) == pytest.approx(error)


@pytest.mark.slow
def test_training_with_lost_neurons_pays_when_some_are(photo: np.ndarray) -> None:
    from inrcodec.codec.fitting.networks.batches import image_error
    from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
    from inrcodec.codec.fitting.plan import plan_of
    from inrcodec.codec.fitting.robust import backward_of
    from inrcodec.codec.networks.init_tables import phase_initialisation
    from inrcodec.codec.options import EncodeOptions
    from inrcodec.pixels import Picture

    network = Spinr(32, 3, 8, 3)
    left = []
    for robust in (None, "neurons"):
        plan = plan_of(EncodeOptions(model="spinr", robust=robust), Picture(photo))
        fitting = NetworkFit(
            photo,
            network,
            Budget(500, None),
            backward=backward_of(plan.robust, network.units, 0),
            residual_to=phase_initialisation(network),
        )
        for _ in fitting:
            pass
        errors = []
        for seed in range(5):
            random = np.random.default_rng(seed)
            damaged = lost_neurons(fitting.values(), network.units, 3, random)
            tensors = {n: torch.from_numpy(np.asarray(v)) for n, v in damaged.items()}
            errors.append(image_error(network, tensors, photo))
        left.append(np.mean(errors))
    assert left[1] < 0.8 * left[0]
