import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.prior import TensorCode
from inrcodec.errors import FormatError, InrCodecError, LimitError
from tests import reference_reader

CODES = st.builds(
    TensorCode,
    step=st.integers(0, 65535),
    magnitude=st.integers(0, 400),
    decay=st.integers(0, 65535),
    curvature=st.integers(0, 65535),
)


@given(CODES)
@settings(max_examples=60, deadline=None)
def test_every_code_gives_an_exact_distribution(code: TensorCode) -> None:
    table = prior.frequencies(code)
    assert table.sum() == 1 << prior.PRECISION
    assert table.min() >= 1
    assert (table == table[::-1]).all()
    assert TensorCode.from_bytes(code.to_bytes()) == code
    _, reference = reference_reader.prior(code.magnitude, code.decay, code.curvature)
    assert table.tolist() == reference


@given(st.lists(st.lists(st.integers(-300, 300), max_size=50), max_size=5))
@settings(max_examples=60, deadline=None)
def test_symbols_come_back_whatever_they_are(tensors: list[list[int]]) -> None:
    arrays = [np.array(tensor, np.int32) for tensor in tensors if tensor]
    codes = [prior.fit_prior(array, 0) for array in arrays]
    stream = prior.encode(arrays, codes)
    decoded = prior.decode(stream, [array.size for array in arrays], codes)
    for array, back in zip(arrays, decoded, strict=True):
        assert (array == back).all()


@pytest.mark.parametrize("name", ["laplace", "normal", "uniform", "sparse"])
def test_fitted_prior_is_within_three_percent_of_the_empirical_entropy(name: str) -> None:
    random = np.random.default_rng(1)
    values = {
        "laplace": random.laplace(0, 4, 20000),
        "normal": random.normal(0, 12, 20000),
        "uniform": random.uniform(-30, 30, 20000),
        "sparse": random.laplace(0, 0.2, 20000),
    }[name]
    symbols = np.rint(values).astype(np.int32)
    code = prior.fit_prior(symbols, 0)
    counts = np.unique(symbols, return_counts=True)[1]
    ideal = -(counts * np.log2(counts / symbols.size)).sum()
    stream_bits = 8 * len(prior.encode([symbols], [code]))
    assert ideal * 0.999 - 64 < stream_bits < ideal * 1.03 + 64
    assert abs(stream_bits - prior.cost_bits(symbols, code)) < 64


def test_the_stream_is_what_the_specification_says() -> None:
    random = np.random.default_rng(2)
    arrays = [np.rint(random.normal(0, s, 300)).astype(np.int32) for s in (0.4, 9, 120)]
    codes = [prior.fit_prior(array, 0) for array in arrays]
    coder = reference_reader.RangeDecoder(prior.encode(arrays, codes))
    for array, code in zip(arrays, codes, strict=True):
        expected = reference_reader.prior(code.magnitude, code.decay, code.curvature)
        assert [coder.symbol(*expected) - code.magnitude for _ in array] == array.tolist()


def test_deficit_codes_are_within_their_precision() -> None:
    for value in np.geomspace(1e-6, 0.999, 200):
        coded = prior.deficit(prior.deficit_code(value)) / 2**32
        assert value * (1 - 1 / 1024) < coded <= value * (1 + 1e-9)


def test_steps_are_within_their_precision() -> None:
    for step in np.geomspace(1e-10, 1e5, 100):
        assert abs(prior.step_size(prior.step_code(step)) / step - 1) < 4e-4


def test_bad_streams_are_refused() -> None:
    code = TensorCode(0, 5, 100, 100)
    with pytest.raises(FormatError, match="multiple of 4"):
        prior.decode(b"abc", [3], [code])
    with pytest.raises(FormatError, match="range coder"):
        prior.decode(b"\xff" * 8, [3], [code])
    with pytest.raises(LimitError):
        TensorCode.from_bytes(b"\xff" * 8)
    with pytest.raises(LimitError):
        prior.fit_prior(np.array([40000], np.int32), 0)


def test_the_sample_that_checks_the_coder_is_that_of_the_specification() -> None:
    coder = constriction.stream.queue.RangeEncoder()
    for code in prior.SAMPLE_CODES:
        symbols = np.arange(2 * code.magnitude + 1, dtype=np.int32)
        coder.encode(symbols, prior._unchecked_model(code))
    words = coder.get_compressed()
    reader = reference_reader.RangeDecoder(words.astype("<u4").tobytes())
    for code in prior.SAMPLE_CODES:
        table = reference_reader.prior(code.magnitude, code.decay, code.curvature)
        count = 2 * code.magnitude + 1
        assert [reader.symbol(*table) for _ in range(count)] == list(range(count))
    prior.check_sample(words, prior.SAMPLE_CRC)


def test_a_coder_of_other_tables_is_refused() -> None:
    with pytest.raises(InrCodecError, match="does not code by the tables"):
        prior.check_sample(np.zeros(4, np.uint32), prior.SAMPLE_CRC)
