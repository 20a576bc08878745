"""Everything an encoder can be told, checked once."""

from __future__ import annotations

from dataclasses import dataclass, fields

from inrcodec.errors import OptionError

MODELS = ("pe-siren", "siren")
DEFAULT_QUALITY = 50
DEFAULT_EFFORT = 5

FEWEST_STEPS = 300
"""Training steps of effort 1 on a photograph; each further effort doubles them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeOptions:
    """Options of `encode`; at most one of `quality`, `bpp` and `target_size`.

    - `quality`: 1..100, a rate that grows exponentially from 0.03 to 3 bits a pixel (50: 0.29)
    - `bpp`: bits per pixel of the whole file, never exceeded, met within 5 %
    - `target_size`: bytes of the whole file, never exceeded, met within 5 %; where no network can
      use that many, the file is smaller, with a `RateWarning`
    - `model`: "pe-siren" (default) or "siren"
    - `effort`: 1..9, training steps double with each
    - `time_limit`: seconds for the whole encode; overrides the step count of `effort`
    - `seed`: any non-negative integer; the same seed and steps give the same file on one machine
    - `threads`: torch threads (default 1; 2 gain a third on an idle machine, lose on a busy one)
    - `device`: a torch device name
    - `metadata`: keep ICC, EXIF and XMP (a target size counts them)
    """

    quality: int | None = None
    bpp: float | None = None
    target_size: int | None = None
    model: str = "pe-siren"
    effort: int = DEFAULT_EFFORT
    time_limit: float | None = None
    seed: int = 0
    threads: int | None = None
    device: str = "cpu"
    metadata: bool = True

    def __post_init__(self) -> None:
        rates = [n for n in ("quality", "bpp", "target_size") if getattr(self, n) is not None]
        if len(rates) > 1:
            raise OptionError(
                f"give one of quality, bpp and target_size, not {' and '.join(rates)}"
            )
        if self.model not in MODELS:
            raise OptionError(f"unknown model {self.model!r}; expected one of {', '.join(MODELS)}")
        _check("quality", self.quality, 1, 100, int)
        _check("bpp", self.bpp, 1e-6, 64.0, float)
        _check("target_size", self.target_size, 1, 1 << 28, int)
        _check("effort", self.effort, 1, 9, int)
        _check("time_limit", self.time_limit, 0.1, 1e7, float)
        _check("seed", self.seed, 0, (1 << 63) - 1, int)
        _check("threads", self.threads, 1, 1024, int)

    @classmethod
    def of(cls, **options: object) -> EncodeOptions:
        """Build from keywords; an unknown name is an `OptionError`."""
        known = {field.name for field in fields(cls)}
        for name in options:
            if name not in known:
                raise OptionError(f"unknown option {name!r}; known: {', '.join(sorted(known))}")
        return cls(**options)  # type: ignore[arg-type]


def _check(name: str, value: object, low: float, high: float, kind: type) -> None:
    """Raise `OptionError` unless `value` is None or a number of this kind in [low, high]."""
    if value is None:
        return
    numeric = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, numeric) or value != value:
        expected = "a whole number" if kind is int else "a number"
        raise OptionError(f"{name} must be {expected}, got {value!r}")
    if not low <= value <= high:
        raise OptionError(f"{name} must be in [{low:g}, {high:g}], got {str(value)[:40]}")


def bpp_of_quality(quality: int) -> float:
    """Bits per pixel of a quality: 0.03 at 1, 3 at 100, even ratios between."""
    return float(0.03 * 100 ** ((quality - 1) / 99))
