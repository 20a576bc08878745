"""The options of a receiver, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from inrcodec.errors import OptionError
from inrcodec.streaming.decoding import limits_of
from inrcodec.streaming.protocol.fec import MOST_EXPECTED_LOSS
from inrcodec.streaming.protocol.manifest import MAX_STREAM_BYTES
from inrcodec.streaming.protocol.messages import MAX_LAYERS, Mode, Start
from inrcodec.streaming.simulated.link import NO_PACKET_LOSS, PacketLoss
from inrcodec.streaming.transport.signaling import check_token

ONCE_PACKET_LOSS = 0.05
"""The packet loss that mode once is planned for by default: it has nothing but repair symbols."""

MOST_RETRIES = 1000

MODES = {mode.name.lower(): mode for mode in Mode}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOptions:
    """How to receive.

    `mode` is how lost packets are made up for: fec, nack, reliable or once. `transport` is webrtc,
    http, or auto (HTTP where WebRTC fails). `layers`, `budget_bytes` and `patience_s` stop early
    (None: everything). `expected_packet_loss` is the share of packets, 0 .. 0.5, that repair
    symbols are sent ahead for (None: 0.05 in mode once; 0 in mode fec, where they are sent once
    loss is seen). `simulated_packet_loss` drops media packets on purpose, by `seed`.
    A connection may take `connect_s` seconds; after `silence_s` seconds without anything new it
    counts as cut, and is made again up to `retries` times in a row without progress. After
    `timeout_s` seconds the reception ends with what there is (None: never). Redirections to other
    hosts are followed if `other_hosts`, without the token. `threads` are those of the decoder,
    `max_pixels` and `max_work` its limits, as `inrcodec.decode_picture` has them (None: its
    defaults); a file beyond them is refused once its header is there.
    Raises `OptionError` for values out of range.
    """

    mode: str = "fec"
    transport: str = "auto"
    token: str | None = None
    layers: int | None = None
    budget_bytes: int | None = None
    patience_s: float | None = None
    expected_packet_loss: float | None = None
    simulated_packet_loss: PacketLoss = NO_PACKET_LOSS
    seed: int = 0
    connect_s: float = 10.0
    silence_s: float = 6.0
    retries: int = 5
    timeout_s: float | None = 600.0
    other_hosts: bool = False
    threads: int | None = None
    max_pixels: int | None = None
    max_work: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise OptionError(f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")
        if self.transport not in ("auto", "webrtc", "http"):
            raise OptionError(f"transport must be auto, webrtc or http, got {self.transport!r}")
        if self.layers is not None and not 1 <= self.layers <= MAX_LAYERS:
            raise OptionError(f"layers must be 1 .. {MAX_LAYERS}, got {self.layers}")
        if self.budget_bytes is not None and not 1 <= self.budget_bytes <= MAX_STREAM_BYTES:
            raise OptionError(f"a budget has 1 .. {MAX_STREAM_BYTES} bytes")
        if self.patience_s is not None and not 0.1 <= self.patience_s <= 6500:
            raise OptionError("patience must be 0.1 .. 6500 seconds")
        if not 0 <= self.retries <= MOST_RETRIES:
            raise OptionError(f"retries must be 0 .. {MOST_RETRIES}, got {self.retries}")
        for name, seconds in (
            ("a timeout", self.timeout_s),
            ("the time to connect", self.connect_s),
            ("a silence", self.silence_s),
        ):
            if seconds is not None and not 0 < seconds < math.inf:
                raise OptionError(f"{name} must be more than 0 seconds, got {seconds}")
        limits_of(self.max_pixels, self.max_work)
        if self.token is not None:
            check_token(self.token)
        if not 0 <= (self.expected_packet_loss or 0) <= MOST_EXPECTED_LOSS:
            raise OptionError(f"the expected packet loss must be 0 .. {MOST_EXPECTED_LOSS:.0%}")

    @property
    def start(self) -> Start:
        """The message that begins a session."""
        packet_loss = self.expected_packet_loss
        if packet_loss is None:
            packet_loss = ONCE_PACKET_LOSS if self.mode == "once" else 0.0
        return Start(
            MODES[self.mode],
            self.layers or 0,
            self.budget_bytes or 0,
            round(1000 * packet_loss),
            round(10 * self.patience_s) if self.patience_s else 0,
        )

    @property
    def asks_again(self) -> bool:
        """Whether the receiver asks again for what is missing."""
        return MODES[self.mode] in (Mode.FEC, Mode.NACK)
