"""The one record of what a receiver had at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Beginning:
    """The beginning of a file, and the version of the file that it is of: the SHA-256 of the whole
    file in hex, or an ETag ("": not known)."""

    data: bytes = b""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a receiver had of a file `elapsed_s` seconds after it asked for it.

    `layers` of `total_layers` were whole (0 of 0 where layers are not known), `received_bytes`
    bytes had come, and `runs` is what of the file can be decoded: its beginning, then runs that
    begin with a section each. `data` is the whole file once it is there. `transport` is what
    brought it: "webrtc", "http", or "" in a simulation; `version` is that of the file, as
    `Beginning` has it.
    """

    elapsed_s: float
    received_bytes: int
    layers: int
    total_layers: int
    runs: tuple[bytes, ...]
    data: bytes | None = None
    transport: str = ""
    version: str = ""

    @property
    def complete(self) -> bool:
        """Whether the whole file is there."""
        return self.data is not None

    @property
    def beginning(self) -> Beginning:
        """What is there of the file without a gap."""
        return Beginning(self.runs[0] if self.runs else b"", self.version)
