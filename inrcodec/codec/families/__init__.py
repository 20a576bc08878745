"""The families behind one interface: the only room that knows both rooms of models.

A file's header names its family. `decoder_of` gives what knows such files, and everything else
that reads files (decode, describe, streaming, robustness) asks that object and no family. `read`
decodes one: by the compiled core (compiled.py) or, where there is none, by the readable form of
each family, in numpy and torch. Symbols are the same, samples within a level. What a file does not
need is not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.header import Family, Header, may_hold
from inrcodec.codec.format.sections import Kind, Section
from inrcodec.codec.view import View
from inrcodec.pixels import Samples

if TYPE_CHECKING:
    from inrcodec.codec.entropy.prior import Symbols
    from inrcodec.codec.entropy.quantized import Change
    from inrcodec.codec.networks.init_tables import Initialisation


class Model(Protocol):
    """Sizes of the networks of a file."""

    @property
    def family(self) -> Family:
        """The family, whose number the header stores."""

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The integers that the header stores of it."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of the parameters by name, in file order."""

    @property
    def parameter_count(self) -> int:
        """Number of parameters of one set of networks."""

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel to decode."""


class Stored(Protocol):
    """What a file stores of its image, as integers, nothing of it rendered yet."""

    @property
    def missing(self) -> str:
        """What the image lacks where bytes are missing, as a text for people; "" for nothing."""

    @property
    def symbols(self) -> list[Symbols]:
        """Every array of integers in file order: tensors or groups of networks, then grids."""

    def changed(self, change: Callable[[Symbols], Symbols]) -> Stored:
        """The same with other integers: `change` maps each array to one of its shape. The context
        model stays, since nothing could be decoded without it."""

    def render(
        self,
        view: View,
        bit_depth: int,
        *,
        threads: int | None = None,
        change: Change | None = None,
    ) -> Samples:
        """Samples (rows, columns, channels) of a view, uint8 or uint16. `change` may replace the
        parameters that pixels depend on before they are rendered."""


class Decoder(Protocol):
    """What decodes files with one header."""

    @property
    def model(self) -> Model:
        """The sizes of its networks. Raises `FormatError` or `LimitError`."""

    @property
    def planes(self) -> int:
        """How many sets of networks a file holds."""

    @property
    def sliceable(self) -> bool:
        """Whether grids can be cut into slices."""

    @property
    def layered(self) -> bool:
        """Whether each refinement step is one section, a layer of a network."""

    def work_s(self, container: Container, view: View) -> float:
        """Seconds of one core (`limits.py`) that reading a file and rendering a view of it take,
        told from its sections. Raises `FormatError`."""

    def read(
        self,
        container: Container,
        init: Initialisation | None = None,
        threads: int | None = None,
        device: str = "cpu",
    ) -> Stored:
        """As `families.read`, without the compiled core."""

    def section_name(self, section: Section) -> str | None:
        """A name for people of a section that has a number of its own; None for the others."""

    def step_of(self, section: Section) -> int | None:
        """The refinement step to which a section belongs, from 1 on; None for what belongs to
        none."""


def decoder_of(header: Header) -> Decoder:
    """The decoder of files with this header. Raises `FormatError` or `LimitError` for a header
    that describes no model within the limits."""
    decoder: Decoder
    if may_hold(header.family, Kind.LATENTS):
        from inrcodec.codec.coolchic.decoder import GridDecoder

        decoder = GridDecoder(header)
    else:
        from inrcodec.codec.networks.decoder import NetworkDecoder

        decoder = NetworkDecoder(header)
    _ = decoder.model  # raises
    return decoder


def read(
    container: Container,
    init: Initialisation | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> Stored:
    """Decode the integers of a parsed file, or as many as are there.

    `init` is an initialisation that does not come with the package; `device` evaluates coordinate
    networks. The compiled core does it all on a CPU, wherever there is one that knows the family.
    Raises `FormatError`, and `MissingExtraError` for a network that neither it nor torch evaluates.
    """
    from inrcodec.codec.families import compiled

    if device == "cpu" and compiled.serves(container.header):
        return compiled.read(container, init, threads)
    return decoder_of(container.header).read(container, init, threads, device)
