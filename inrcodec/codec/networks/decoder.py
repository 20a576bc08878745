"""Files of coordinate networks as `families.py` sees files of any family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from inrcodec.codec.entropy.prior import Symbols
from inrcodec.codec.entropy.quantized import Change, Quantized
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.header import Header, may_hold
from inrcodec.codec.format.sections import Kind, Section
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.families import network_from
from inrcodec.codec.networks.init_tables import Initialisation, initial_values
from inrcodec.codec.networks.sections import read_sections
from inrcodec.codec.networks.work import work_s
from inrcodec.codec.view import View
from inrcodec.extras import require
from inrcodec.pixels import Samples


@dataclass(frozen=True)
class NetworkDecoder:
    """Decodes files of coordinate networks with this header; see `families.Decoder`."""

    header: Header

    @cached_property
    def model(self) -> CoordinateModel:
        """The whole network. Raises `FormatError` or `LimitError`."""
        return network_from(self.header)

    planes = 1
    sliceable = False

    @property
    def layered(self) -> bool:
        """Whether each layer is a section of its own."""
        return may_hold(self.header.family, Kind.LAYER)

    def work_s(self, container: Container, view: View) -> float:
        """Seconds of one core that a view takes; what is missing of the file counts too."""
        return work_s(self.model, view)

    def read(
        self,
        container: Container,
        init: Initialisation | None = None,
        threads: int | None = None,
        device: str = "cpu",
    ) -> StoredNetwork:
        """Decode the parameters that are there. `init` is an initialisation that does not come
        with the package; torch evaluates the network on `device`. Raises `FormatError` for a file
        that is not valid or whose initialisation is not known."""
        model, stored = read_sections(container, self.model)
        given = [] if init is None else [init]
        stored = replace(stored, init=initial_values(self.header.init, model, given))
        missing = ""
        if len(model.parts) < len(self.model.parts):
            missing = f"layers {len(model.parts)} of {len(self.model.parts)}"
        return StoredNetwork(model, stored, missing, device)

    def section_name(self, section: Section) -> str | None:
        """Which layer a section holds; None for another kind."""
        if section.kind != Kind.LAYER or not section.payload:
            return None
        return f"layer {section.payload[0]}"

    def step_of(self, section: Section) -> int | None:
        """The refinement step of a layer, 1 for the first; None for what is not one."""
        if not self.layered or section.kind not in (Kind.PARAMETERS, Kind.LAYER):
            return None
        return 1 + (section.payload[0] if section.kind == Kind.LAYER and section.payload else 0)


@dataclass(frozen=True, slots=True, eq=False)
class StoredNetwork:
    """The parameters of a network, of a cut file as many as are there; see `families.Stored`."""

    model: CoordinateModel
    network: Quantized
    missing: str = ""
    device: str = "cpu"

    @property
    def symbols(self) -> list[Symbols]:
        """The symbols of all tensors in file order."""
        return list(self.network.symbols.values())

    def changed(self, change: Callable[[Symbols], Symbols]) -> StoredNetwork:
        """A copy with other symbols."""
        return replace(self, network=self.network.changed(change))

    def render(
        self,
        view: View,
        bit_depth: int,
        *,
        threads: int | None = None,
        change: Change | None = None,
    ) -> Samples:
        """Samples (rows, columns, channels) of a view, of a clip all frames of it one below the
        other, computed by torch. Raises `MissingExtraError` without it."""
        require("torch", extra="encode")
        from inrcodec.codec.networks import render

        values = self.network.values()
        if change is not None:
            values = dict(change(values, self.model.units))
        return render.render(self.model, values, view, bit_depth, threads, self.device)
