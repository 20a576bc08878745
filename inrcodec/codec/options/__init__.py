"""Everything an encoder can be told, checked once.

`EncodeOptions` is the record of it. Beside this file, model_traits.py says which models there are
and which options each takes, and loss_names.py which losses there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from inrcodec import checks
from inrcodec.codec.format.header import SLICE_SIDES
from inrcodec.codec.options.loss_names import LOSS_WEIGHTS, LOSSES, METRIC_LOSSES, TUNES
from inrcodec.codec.options.model_traits import (
    AUTO,
    DEFAULT_MODEL,
    MODELS,
    ROBUST_STRENGTHS,
    TAKEN_BY,
    ModelTraits,
)
from inrcodec.errors import OptionError

DEFAULT_QUALITY = 50
DEFAULT_EFFORT = 5

RATES = ("quality", "bpp", "target_size", "psnr", "lmbda")
"""The options that ask for a rate or a quality; an encode takes one of them."""

COMPLEXITIES = ("low", "medium", "high", "highest")
"""The sizes of the networks of `coolchic` by name, smallest first."""

_WHOLE_RANGES = {
    "quality": (1, 100),
    "target_size": (1, 1 << 28),
    "slices": SLICE_SIDES,
    "effort": (0, 9),
    "seed": (0, (1 << 63) - 1),
    "threads": (1, 1024),
}
"""The least and the most of every option that is a whole number."""

_REAL_RANGES = {
    "bpp": (1e-6, 64.0),
    "psnr": (1.0, 100.0),
    "lmbda": (1e-8, 10.0),
    "loss_weight": (0.0, 1.0),
    "robust_strength": (0.0, 1e6),
    "time_limit": (0.1, 1e7),
}
"""The least and the most of every option that is a real number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeOptions:
    """Options of `encode`; at most one of `quality`, `bpp`, `target_size`, `psnr` and `lmbda`.

    - `quality`: 1..100 (default 50). For the coolchic models it stands for a lambda from 0.03 to
      0.00003, so the rate follows the image; for coordinate networks it stands for a rate from 0.03
      to 3 bits per pixel
    - `bpp`: bits per pixel of the whole file, never exceeded, met within 3 % (5 % for coordinate
      networks)
    - `target_size`: bytes of the whole file, likewise; where the model cannot use that many, the
      file is smaller, with a `RateWarning`
    - `psnr`: the smallest file of at least so many dB (coolchic models); where the model does not
      reach it, its best, with a `RateWarning`
    - `lmbda`: the Lagrange multiplier lambda of the rate-distortion cost
      MSE (full range 1) + lambda x bits per pixel (coolchic models)
    - `model`: "coolchic" (default), "coolchic-v1" or "coolchic-v2", which are latent grids; one of
      the coordinate networks "pe-siren", "siren", "nif", "spinr", "fourier", "mfn-fourier",
      "mfn-gabor", "wire" and "diner"; or "auto", which is "coolchic" or, for a very small size
      asked for, "pe-siren"
    - `complexity`: "highest", "high", "medium" or "low": about 3600, 2000, 1000 or 500
      multiply-accumulates a pixel to decode (model "coolchic"); None stands for "high", or from
      effort 6 up for "highest" where the file will be large enough
    - `loss`: the distortion that is minimised: "mse" (what None stands for), "l1", "logcosh",
      "lcssim", "l1ssim", "ms-ssim", "l1msssim", "lpips", "iem" or "ssimulacra2", a
      `fitting.losses.Loss`, or any function of two tensors (1, 3, H, W) in [0, 1], reference and
      decoded, to a scalar.
      `quality` and `lmbda` mean the size that they mean for "mse". The alpha channel is fitted by
      squared error where the model is a coolchic one
    - `loss_weight`: weight of the structural term in "lcssim" (0.01 by default), "l1ssim" (0.2),
      "l1msssim" (0.84), "lpips" (0.01), "iem" (0.9) or "ssimulacra2" (0.01), in [0, 1]
    - `tune`: "psnr", "ms-ssim", "perceptual" or "ssimulacra2": picks the loss, in place of `loss`;
      an image too small for it takes a loss that looks at less around a pixel
    - `robust`: fit weights that survive damage: "jacobian", "gradient-norm", "noise", and for
      coordinate networks also "gradient-norm-exact", "l1", "lipschitz" and "neurons"; of a coolchic
      model, the networks behind the latents
    - `robust_strength`: the weight of a penalty; of "jacobian" and "noise" the standard deviation
      of the noise to withstand, in weights as papers write them; of "neurons" the share lost,
      at most 0.9
    - `effort`: 0..9; each about doubles the training steps; 0 (coolchic only) does not fit at all,
      but for images unlike photographs (screens, drawings, text), which take half of the steps of 1
    - `time_limit`: seconds for the whole encode; overrides the step count of `effort`
    - `slices`: side of the independently decodable slices of latents, in symbols (coolchic models)
    - `init`: initialisation of a coordinate network: "random" (default), "meta", the meta-learned
      one of about the right size that comes with the package, or the path of another one, which a
      decoder then needs too; the file stores the residual
    - `seed`: any non-negative integer; the same seed, steps and number of threads give
      the same file on one machine
    - `threads`: how many compute; by default one a core, at most 4, where the compiled kernels
      compute, else 1
    - `device`: a torch device name
    - `metadata`: keep ICC, EXIF and XMP (a target size counts them)

    Numbers may be Python's or NumPy's. Raises `OptionError`.
    """

    quality: int | None = None
    bpp: float | None = None
    target_size: int | None = None
    psnr: float | None = None
    lmbda: float | None = None
    model: str = DEFAULT_MODEL
    complexity: str | None = None
    loss: str | Callable[[Any, Any], Any] | None = None
    loss_weight: float | None = None
    tune: str | None = None
    robust: str | None = None
    robust_strength: float | None = None
    effort: int = DEFAULT_EFFORT
    time_limit: float | None = None
    slices: int | None = None
    init: str = "random"
    seed: int = 0
    threads: int | None = None
    device: str = "cpu"
    metadata: bool = True

    def __post_init__(self) -> None:
        rates = [name for name in RATES if getattr(self, name) is not None]
        if len(rates) > 1:
            raise OptionError(f"give one of {', '.join(RATES)}, not {' and '.join(rates)}")
        self._check_numbers()
        checks.known("model", self.model, (AUTO, *MODELS))
        if self.complexity is not None:
            checks.known("complexity", self.complexity, COMPLEXITIES)
        if not isinstance(self.init, str) or not self.init:
            raise OptionError(f"init must be random, meta or a path, got {self.init!r}")
        self._check_model()
        self._check_loss()
        self._check_robust()

    @property
    def traits(self) -> ModelTraits:
        """What the model's encoder can be told."""
        return MODELS["coolchic" if self.model == AUTO else self.model]

    def _check_numbers(self) -> None:
        """Turn every number into Python's; raise `OptionError` for one out of range."""
        for name, (low, high) in _WHOLE_RANGES.items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, checks.whole(name, value, low, high))
        for name, (least, most) in _REAL_RANGES.items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, checks.real(name, value, least, most))
        object.__setattr__(self, "metadata", checks.flag("metadata", self.metadata))

    def _check_model(self) -> None:
        """Raise `OptionError` for an option that the model does not take."""
        for name, models in TAKEN_BY.items():
            given = getattr(self, name) not in (None, "random")
            if given and name not in self.traits.takes:
                raise OptionError(f"{name} needs {models}, not {self.model}")
        if self.effort < self.traits.least_effort:
            raise OptionError(
                f"effort 0 needs the trained initialisation of coolchic, not {self.model}"
            )

    def _check_loss(self) -> None:
        """Raise `OptionError` for a loss or tune that is not known, or a weight that it lacks."""
        name = self.loss if isinstance(self.loss, str) else None
        if name is not None:
            checks.known("loss", name, LOSSES)
        if name is None and self.loss is not None and not callable(self.loss):
            raise OptionError(f"loss must be a name or a function, got {self.loss!r}")
        if self.loss_weight is not None and name not in LOSS_WEIGHTS:
            raise OptionError(f"loss_weight needs one of the losses {', '.join(LOSS_WEIGHTS)}")
        if self.tune is not None:
            checks.known("tune", self.tune, TUNES)
            if self.loss is not None:
                raise OptionError("give one of tune and loss: tune picks the loss")
        if self.tune not in (None, "psnr"):
            self._require_fit(f"tune {self.tune!r}")
        if self.loss not in (None, "mse"):
            self._require_fit("a loss other than mse")

    def _check_robust(self) -> None:
        """Raise `OptionError` for a robust mode that is not known, or not for this model."""
        if self.robust is None:
            if self.robust_strength is not None:
                raise OptionError("robust_strength needs robust")
            return
        checks.known("robust", self.robust, ROBUST_STRENGTHS)
        if self.robust not in self.traits.robust:
            raise OptionError(
                f"robust {self.robust!r} is for coordinate networks, not {self.model}"
            )
        if self.robust == "neurons" and self.robust_strength is not None:
            what = "robust_strength, the share of neurons lost,"
            checks.real(what, self.robust_strength, 0.0, 0.9)
        self._require_fit("robust")

    def _require_fit(self, what: str) -> None:
        """Raise `OptionError` at effort 0, which trains nothing: `what` needs a fit."""
        if self.effort == 0:
            raise OptionError(f"{what} needs a fit: an effort of 1 or more")

    @property
    def metric_loss(self) -> str | None:
        """The name of the loss, as it is given or as `tune` picks it, if the loss is a metric;
        else None."""
        name = self.tune if self.tune in METRIC_LOSSES else self.loss
        return name if isinstance(name, str) and name in METRIC_LOSSES else None

    def asked_bytes(self, pixels: int) -> int | None:
        """Return the bytes that the file of an image of so many pixels may have by `bpp` or
        `target_size`; None where neither is given."""
        return self.target_size if self.bpp is None else int(self.bpp * pixels / 8)

    @classmethod
    def of(cls, **options: object) -> EncodeOptions:
        """Build from keywords; an unknown name is an `OptionError`."""
        known = {field.name for field in fields(cls)}
        for name in options:
            if name not in known:
                raise OptionError(f"unknown option {name!r}; known: {', '.join(sorted(known))}")
        return cls(**options)  # type: ignore[arg-type]


class EncodeKeywords(TypedDict, total=False):
    """The keywords of `encode`, which are the fields of `EncodeOptions`."""

    quality: int | None
    bpp: float | None
    target_size: int | None
    psnr: float | None
    lmbda: float | None
    model: str
    complexity: str | None
    loss: str | Callable[[Any, Any], Any] | None
    loss_weight: float | None
    tune: str | None
    robust: str | None
    robust_strength: float | None
    effort: int
    time_limit: float | None
    slices: int | None
    init: str
    seed: int
    threads: int | None
    device: str
    metadata: bool
