"""Options and an image -> a plan in which every choice is made.

Options may leave the model, the loss and the rate open. Here they are resolved, once, and an
encoder is handed an `EncodePlan`; what fits is handed numbers and never sees either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from inrcodec.codec.fitting.losses import Loss, check_sides, loss_of
from inrcodec.codec.fitting.rate_control import Goal, goal_of
from inrcodec.codec.fitting.robust_options import EXPANSION, Robust
from inrcodec.codec.format.metadata import metadata_sections
from inrcodec.codec.options import DEFAULT_QUALITY, EncodeOptions
from inrcodec.codec.options.loss_names import SIGNAL_LOSSES, TUNES
from inrcodec.codec.options.model_traits import (
    AUTO,
    MODELS,
    ROBUST_STRENGTHS,
    SIGNAL_MODELS,
    ModelTraits,
)
from inrcodec.errors import OptionError
from inrcodec.pixels import Picture

SMALL_FILE_BYTES = 400
"""The model "auto" is `pe-siren` for files below. Latent grids are better at every rate but in the
smallest files, where their networks alone take a few hundred bytes. By
benchmarks/rate/model_choice.py, means of four photographs: in files of 200 and 288 bytes `pe-siren`
is 4.3 and 1.6 dB ahead of `coolchic`, in those of 610 and 860 it is 1.1 and 2.2 behind."""


WITHOUT_LIMIT = 1 << 40
"""Steps of a fit that time ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodePlan:
    """What an encoder is to do.

    - `model`: the name of a model, never "auto"; `complexity` its tier, None where it may be chosen
    - `loss`: the distortion that is minimised
    - `goal`: the lambda, the size in bytes or the PSNR; `quality` is what stands for the rate of a
      coordinate network where no size is asked for
    - `robust`: what weights are to survive, None for nothing
    - `effort`, 0..9, and `time_limit` in seconds, which overrides it
    - `slices`: side of the slices of latents in symbols, None for none
    - `init`: "random", "meta" or the path of an initialisation
    - `metadata`: the ICC, EXIF and XMP blocks to keep, by name
    """

    model: str
    complexity: str | None
    loss: Loss
    goal: Goal
    quality: int
    robust: Robust | None
    effort: int
    time_limit: float | None
    slices: int | None
    init: str
    seed: int
    threads: int | None
    device: str
    metadata: dict[str, bytes | None]

    @property
    def traits(self) -> ModelTraits:
        """What the model's encoder can be told."""
        return MODELS[self.model]

    @property
    def metadata_bytes(self) -> int:
        """Bytes of the metadata before compression."""
        return sum(len(block or b"") for block in self.metadata.values())


def plan_of(options: EncodeOptions, picture: Picture) -> EncodePlan:
    """The plan for an image. Raises `OptionError` for an image too small for the loss."""
    model = _model(options, picture)
    loss = _loss(options, picture)
    check_sides(loss, picture.width, picture.height)
    return EncodePlan(
        model=model,
        complexity=options.complexity,
        loss=loss,
        goal=goal_of(options, picture),
        quality=DEFAULT_QUALITY if options.quality is None else options.quality,
        robust=_robust(options, model),
        effort=options.effort,
        time_limit=options.time_limit,
        slices=options.slices,
        init=options.init,
        seed=options.seed,
        threads=options.threads,
        device=options.device,
        metadata=picture.metadata if options.metadata else {},
    )


def options_of_signal(options: EncodeOptions, named: str) -> EncodeOptions:
    """The options for a signal that is no image, `named` for people; "auto" is `SIGNAL_MODELS[0]`.
    Raises `OptionError` for what only images take."""
    if options.model == AUTO:
        options = replace(options, model=SIGNAL_MODELS[0])  # refuses what that one does not take
    if options.model not in SIGNAL_MODELS:
        known = ", ".join(SIGNAL_MODELS)
        raise OptionError(f"model {options.model!r} is for images; {named} takes {known}")
    if options.init != "random":
        raise OptionError(f"trained initialisations are of images, not of {named}")
    loss = TUNES[options.tune][0] if options.tune else options.loss or "mse"
    if loss not in SIGNAL_LOSSES:
        known = ", ".join(SIGNAL_LOSSES)
        raise OptionError(f"{named} takes the losses {known}: others compare images")
    return options


def _model(options: EncodeOptions, picture: Picture) -> str:
    """The model, chosen by the bytes that metadata leaves if it is "auto"."""
    if options.model != AUTO:
        return options.model
    asked = options.asked_bytes(picture.width * picture.height)
    if asked is not None and options.metadata:
        asked -= len(metadata_sections(picture.metadata))
    for_grids = (options.complexity, options.slices) != (None, None) or options.effort == 0
    small = asked is not None and asked < SMALL_FILE_BYTES and not for_grids
    return "pe-siren" if small else "coolchic"


def _loss(options: EncodeOptions, picture: Picture) -> Loss:
    """The loss that is named, or the first that `tune` picks for an image of this size."""
    if options.tune is None:
        return loss_of(options.loss or "mse", options.loss_weight)
    side = min(picture.width, picture.height)
    choices = (loss_of(name) for name in TUNES[options.tune])
    return next(loss for loss in choices if loss.smallest_side <= side)


def _robust(options: EncodeOptions, model: str) -> Robust | None:
    """What weights are to survive."""
    if options.robust is None:
        return None
    strength = options.robust_strength
    if strength is None:
        strength = ROBUST_STRENGTHS[options.robust]
    networks = MODELS[model].encoder == "networks"
    return Robust(options.robust, strength, EXPANSION if strength and networks else 0.0)
