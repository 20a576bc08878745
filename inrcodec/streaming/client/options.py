"""How to receive: options, checked once."""

from __future__ import annotations

from dataclasses import dataclass

from inrcodec.errors import OptionError
from inrcodec.streaming.protocol.messages import MAX_LAYERS, MAX_STREAM_BYTES, Mode, Start
from inrcodec.streaming.simulated.link import NO_LOSS, Loss
from inrcodec.streaming.transport.signaling import check_token

MODES = {mode.name.lower(): mode for mode in Mode}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOptions:
    """How to receive. `layers`, `budget_bytes` and `patience_s` stop early (None: everything);
    `loss_estimate` is the share of packets the link is expected to lose, which repair symbols are
    planned for; `loss` drops media on purpose; `transport` is auto, webrtc or http."""

    mode: str = "fec"
    transport: str = "auto"
    token: str | None = None
    layers: int | None = None
    budget_bytes: int | None = None
    patience_s: float | None = None
    loss_estimate: float = 0.05
    loss: Loss = NO_LOSS
    seed: int = 0
    connect_s: float = 10.0
    silence_s: float = 6.0
    retries: int = 5
    threads: int | None = None

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
        if self.token is not None:
            check_token(self.token)
        if not 0 <= self.loss_estimate <= 0.5:
            raise OptionError("an estimate of loss must be 0 .. 50 %")

    @property
    def start(self) -> Start:
        """The message that begins a session."""
        return Start(
            MODES[self.mode],
            self.layers or 0,
            self.budget_bytes or 0,
            round(1000 * self.loss_estimate),
            round(10 * self.patience_s) if self.patience_s else 0,
        )

    @property
    def asks_again(self) -> bool:
        """Whether the receiver asks for what is missing."""
        return MODES[self.mode] in (Mode.FEC, Mode.NACK)
