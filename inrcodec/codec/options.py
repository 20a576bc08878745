"""Everything an encoder can be told, checked once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from inrcodec.errors import OptionError

COORDINATE_MODELS = (
    "pe-siren",
    "siren",
    "nif",
    "spinr",
    "fourier",
    "mfn-fourier",
    "mfn-gabor",
    "wire",
    "diner",
)
MODELS = ("coolchic", "coolchic-v1", "coolchic-v2", *COORDINATE_MODELS)
COMPLEXITIES = ("low", "medium", "high", "highest")
DEFAULT_QUALITY = 50
DEFAULT_EFFORT = 5

FEWEST_STEPS = 300
"""Training steps of effort 1 on a photograph; each further effort doubles them."""


METRIC_LOSSES = ("lpips", "iem")
"""Losses that are metrics: their functions are in `metrics.losses`."""

LOSS_ALPHAS = {"lcssim": 0.01, "l1ssim": 0.2, "l1msssim": 0.84, "lpips": 0.01, "iem": 0.9}
"""Share of the term that is not squared or absolute error; the first two as in the paper."""

LOSSES = ("mse", "l1", "logcosh", "lcssim", "l1ssim", "ms-ssim", "l1msssim", *METRIC_LOSSES)

TUNES = {
    "psnr": ("mse",),
    "ms-ssim": ("l1msssim", "lcssim", "mse"),
    "perceptual": ("lcssim", "mse"),
}
"""What to be good at, and the loss for it: the first that takes so small a picture. By
benchmarks/loss_study.py: of files of one size `l1msssim` has the MS-SSIM of `ms-ssim` with a better
PSNR and LPIPS, and `lcssim` the best LPIPS, a better MS-SSIM than `mse`, and nearly its PSNR."""

ROBUST_STRENGTHS = {
    "jacobian": 3e-4,
    "gradient-norm": 3e-3,
    "gradient-norm-exact": 3e-3,
    "l1": 1e-6,
    "lipschitz": 1e-7,
    "noise": 3e-4,
    "neurons": 0.01,
}
"""Ways to fit weights that survive damage (robust.py), and how strong they are by default."""

LATENT_ROBUST = ("jacobian", "gradient-norm", "noise")
"""Those for the networks of the coolchic models: penalties on weights would count against a trained
start, and compiled kernels have one derivative."""

RATES = ("quality", "bpp", "target_size", "psnr", "slope")

LARGEST_SLOPE, SLOPES = 3e-2, 1e3
"""Slope of quality 1, and its ratio to that of quality 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeOptions:
    """Options of `encode`; at most one of `quality`, `bpp`, `target_size`, `psnr` and `slope`.

    - `quality`: 1..100 (default 50). For the coolchic models, 1000 slopes apart from end to end, so
      the rate follows the picture; for coordinate networks, a rate from 0.03 to 3 bits a pixel
    - `bpp`: bits per pixel of the whole file, never exceeded, met within 3 % (5 for
      coordinate networks)
    - `target_size`: bytes of the whole file, likewise; where the model can not use that many, the
      file is smaller, with a `RateWarning`
    - `psnr`: the smallest file of at least so many dB (coolchic models); where the model does not
      reach it, its best, with a `RateWarning`
    - `slope`: the Lagrange multiplier lambda in  MSE (full range 1) + lambda x bits per pixel
    - `model`: "coolchic" (default), "coolchic-v1" or "coolchic-v2", which are latent grids, one of
      `COORDINATE_MODELS`, or "auto", which is "coolchic" or, for a size asked for that is very
      small, "pe-siren" (model_choice.py)
    - `complexity`: "highest", "high", "medium" or "low": about 3600, 2000, 1000 or 500
      multiply-accumulates a pixel to decode (model "coolchic"); None stands for "high", or from
      effort 6 up for "highest" where the file will be large enough
    - `loss`: what is minimised of the picture: "mse" (default), "l1", "logcosh", "lcssim",
      "l1ssim", "ms-ssim", "l1msssim", "lpips" or "iem", a `losses.Loss`, or any function of two
      tensors (1, 3, H, W) in [0, 1], reference and decoded, to a scalar. `quality` and `slope` mean
      the size that they mean for "mse". Alpha of a coolchic model is fitted by squared error
    - `alpha`: share of the structural term in "lcssim" (0.01 by default), "l1ssim" (0.2),
      "l1msssim" (0.84), "lpips" (0.01) or "iem" (0.9), in [0, 1]
    - `tune`: "psnr", "ms-ssim" or "perceptual": picks the loss, in place of `loss`; a picture too
      small for it takes a loss that looks at less around a pixel
    - `robust`: fit weights that survive damage: "jacobian", "gradient-norm", "noise", and for
      coordinate networks also "gradient-norm-exact", "l1", "lipschitz" and "neurons" (robust.py);
      of a coolchic model, the networks behind the latents
    - `robust_strength`: the weight of a penalty; of "jacobian" and "noise" the standard deviation
      of the noise to withstand, in weights as papers write them; of "neurons" the share lost,
      at most 0.9
    - `effort`: 0..9, training steps about double with each; 0 (coolchic only) does not fit at all
    - `time_limit`: seconds for the whole encode; overrides the step count of `effort`
    - `slices`: side of independently decodable latent blocks, in symbols (coolchic models)
    - `init`: what a coordinate network begins with: "random" (default), "meta", the trained start
      of about the right size that comes with the package, or the path of another one, which a
      decoder then needs too; the file stores what differs from it
    - `seed`: any non-negative integer; the same seed, steps and number of threads give
      the same file on one machine
    - `threads`: how many compute; by default one a core, at most 4, for the coolchic models with
      compiled kernels, else 1
    - `device`: a torch device name
    - `metadata`: keep ICC, EXIF and XMP (a target size counts them)
    """

    quality: int | None = None
    bpp: float | None = None
    target_size: int | None = None
    psnr: float | None = None
    slope: float | None = None
    model: str = "coolchic"
    complexity: str | None = None
    loss: str | Callable[[Any, Any], Any] = "mse"
    alpha: float | None = None
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
        _check_known("model", self.model, ("auto", *MODELS))
        grids = self.model not in COORDINATE_MODELS
        ours = self.model in ("coolchic", "auto")
        if self.complexity is not None and self.complexity not in COMPLEXITIES:
            known = ", ".join(COMPLEXITIES)
            raise OptionError(f"unknown complexity {self.complexity!r}; expected one of {known}")
        if self.complexity is not None and not ours:
            raise OptionError(f"complexity needs the coolchic model, not {self.model}")
        self._check_loss()
        self._check_robust()
        _check("quality", self.quality, 1, 100, int)
        _check("bpp", self.bpp, 1e-6, 64.0, float)
        _check("target_size", self.target_size, 1, 1 << 28, int)
        _check("psnr", self.psnr, 1.0, 100.0, float)
        _check("slope (lambda)", self.slope, 1e-8, 10.0, float)
        _check("slices", self.slices, 8, 4096, int)
        _check("effort", self.effort, 0, 9, int)
        if not grids:
            for name in ("psnr", "slope", "slices"):
                if getattr(self, name) is not None:
                    raise OptionError(f"{name} needs a coolchic model, not {self.model}")
            if self.effort == 0:
                raise OptionError(f"effort 0 needs the coolchic model, not {self.model}")
        if not isinstance(self.init, str) or not self.init:
            raise OptionError(f"init must be random, meta or a path, got {self.init!r}")
        if self.init != "random" and grids:
            raise OptionError(f"init needs a coordinate network, not {self.model}")
        if self.effort == 0 and not ours:
            raise OptionError(f"effort 0 needs the trained start of coolchic, not {self.model}")
        _check("time_limit", self.time_limit, 0.1, 1e7, float)
        _check("seed", self.seed, 0, (1 << 63) - 1, int)
        _check("threads", self.threads, 1, 1024, int)

    def _check_loss(self) -> None:
        """Raise `OptionError` for a loss or tune that is not known, or a share it does not have."""
        name = self.loss if isinstance(self.loss, str) else None
        if name is not None:
            _check_known("loss", name, LOSSES)
        if name is None and not callable(self.loss):
            raise OptionError(f"loss must be a name or a function, got {self.loss!r}")
        _check("alpha", self.alpha, 0.0, 1.0, float)
        if self.alpha is not None and name not in LOSS_ALPHAS:
            raise OptionError(f"alpha needs one of the losses {', '.join(LOSS_ALPHAS)}")
        if self.tune is not None:
            _check_known("tune", self.tune, TUNES)
            if self.loss != "mse":
                raise OptionError("give one of tune and loss: tune picks the loss")
        if self.effort == 0 and (self.loss != "mse" or self.tune not in (None, "psnr")):
            raise OptionError("effort 0 does not fit, so it has no loss to choose")

    def _check_robust(self) -> None:
        """Raise `OptionError` for a robust mode that is not known, or not for this model."""
        _check("robust_strength", self.robust_strength, 0.0, 1e6, float)
        if self.robust is None:
            if self.robust_strength is not None:
                raise OptionError("robust_strength needs robust")
            return
        _check_known("robust", self.robust, ROBUST_STRENGTHS)
        if self.model not in COORDINATE_MODELS and self.robust not in LATENT_ROBUST:
            raise OptionError(
                f"robust {self.robust!r} is for coordinate networks, not {self.model}"
            )
        if self.robust == "neurons":
            _check(
                "robust_strength, the share of neurons lost,", self.robust_strength, 0.0, 0.9, float
            )
        if self.effort == 0:
            raise OptionError("effort 0 does not fit, so it has no weights to make robust")

    def asked_bytes(self, pixels: int) -> int | None:
        """The file size asked for of a picture of so many pixels; None where a quality is."""
        return self.target_size if self.bpp is None else int(self.bpp * pixels / 8)

    @classmethod
    def of(cls, **options: object) -> EncodeOptions:
        """Build from keywords; an unknown name is an `OptionError`."""
        known = {field.name for field in fields(cls)}
        for name in options:
            if name not in known:
                raise OptionError(f"unknown option {name!r}; known: {', '.join(sorted(known))}")
        return cls(**options)  # type: ignore[arg-type]


def _check_known(what: str, name: object, known: Iterable[str]) -> None:
    """Raise `OptionError` with what may have been meant unless `name` is one of these."""
    if name in (names := list(known)):
        return
    near = difflib.get_close_matches(str(name), names, 2, 0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    raise OptionError(f"unknown {what} {name!r}; {hint}")


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


def slope_of_quality(quality: int) -> float:
    """Slope of a quality: 0.03 at 1, 0.00003 at 100, even ratios between."""
    return float(LARGEST_SLOPE * SLOPES ** (-(quality - 1) / 99))
