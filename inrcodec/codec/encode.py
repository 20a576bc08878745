"""Pixels -> bytes, with the encoder of the model that the options name.

job = encoding(picture, EncodeOptions(bpp=0.3))
for progress in job:
    ...                      # break at any time
data = job.finish()
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from inrcodec.codec import native
from inrcodec.codec.ambient import own_settings
from inrcodec.codec.fitting.losses import loss_of
from inrcodec.codec.fitting.plan import options_of_signal, plan_of
from inrcodec.codec.fitting.transparent import fill_hidden
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.options.loss_names import METRIC_LOSSES_OF_ARRAYS, TUNES
from inrcodec.codec.options.model_traits import AUTO
from inrcodec.codec.progress import Progress, in_steps
from inrcodec.extras import require
from inrcodec.pixels import Picture
from inrcodec.signals.records import Timing

if TYPE_CHECKING:
    from inrcodec.codec.networks.module import NetworkModule


FITTED_WITHOUT_TORCH = "coolchic"
"""The model that compiled kernels fit."""


class Encoding(Protocol):
    """One encode in progress. Iterate for `Progress`, then `finish()`; or `finish()` early.

    There is one fit: a loop that was left goes on where it was when it is entered again.
    """

    def __iter__(self) -> Iterator[Progress]:
        """Fit, reporting progress a few times a second."""
        ...

    @property
    def expected_s(self) -> float | None:
        """Seconds that the encode takes on a common machine, roughly; None if nothing is known."""
        ...

    def finish(self) -> bytes:
        """The file holding the best of what was fitted so far."""
        ...


class _Independent:
    """An encode each step of which computes under settings of its own (ambient.py)."""

    def __init__(self, job: Encoding) -> None:
        self._job = job
        self._running = in_steps(iter(job), _own_settings)

    def __iter__(self) -> Iterator[Progress]:
        return self._running

    @property
    def expected_s(self) -> float | None:
        return self._job.expected_s

    def finish(self) -> bytes:
        with _own_settings():
            return self._job.finish()


def check_extras(options: EncodeOptions) -> None:
    """Raise `MissingExtraError` for options that need torch, whatever the image, where there is
    none."""
    if what := _torch_for(options):
        require("torch", extra="encode", what=what)


def _torch_for(options: EncodeOptions) -> str | None:
    """What of the options needs torch, for people; None for nothing."""
    if options.device != "cpu":
        return f"device {options.device!r}"
    if options.robust is not None:
        return "robust"
    if options.model not in (AUTO, FITTED_WITHOUT_TORCH):
        return f"model {options.model!r}"
    names = TUNES.get(options.tune or "", ("mse",)) if options.loss is None else (options.loss,)
    if options.metric_loss is None:
        needing = [loss.name for loss in map(loss_of, names) if loss.needs_torch]
    else:
        needing = [options.metric_loss]
    if needing and needing[0] not in METRIC_LOSSES_OF_ARRAYS:
        return f"loss {needing[0]!r}"
    return None if native.library() is not None else "encoding without compiled kernels"


def encoding(picture: Picture, options: EncodeOptions, timing: Timing | None = None) -> Encoding:
    """Make an encode of an image, which iterating runs, or, with a `timing`, of the signal whose
    sheet the picture is (signals/records.py). Colours where alpha is 0 are not kept.

    Raises `OptionError`, `RateError` for a size out of reach, and `EncoderLimitError` for an image
    too large for the model.
    """
    with _own_settings():
        return _Independent(_encoding(picture, options, timing))


def _own_settings() -> AbstractContextManager[None]:
    """What an encode computes under, whatever the caller has set."""
    return own_settings(gradients=True)


def _encoding(picture: Picture, options: EncodeOptions, timing: Timing | None) -> Encoding:
    """The encode of the model that the options name."""
    if timing is not None:
        options = options_of_signal(options, timing.named)
    plan = plan_of(options, picture)
    if timing is None or timing.frames is not None:  # sound has no alpha
        picture = fill_hidden(picture)
    if plan.traits.encoder == "networks":
        require("torch", extra="encode", what=f"model {plan.model!r}")
        from inrcodec.codec.fitting.networks.encoder import NetworkEncoding

        return NetworkEncoding(picture, plan, timing)
    from inrcodec.codec.fitting.coolchic.encoder import GridEncoding

    return GridEncoding(picture, plan)


def trains_together(picture: Picture, options: EncodeOptions) -> bool:
    """Whether `train_together` takes the encode of an image. Raises `OptionError`."""
    from inrcodec.codec.fitting.coolchic.stacked.encodings import stacks

    return stacks(plan_of(options, picture), picture)


def train_together(encodings: Iterable[Encoding], device: str, share: float = 1.0) -> None:
    """Train encodes of a CPU that have not begun, of images that `trains_together` takes, on a
    device: stacked, as far as they are of one size and a `share` of its memory allows.

    Each is iterated afterwards as ever, and has little left to do: what it writes is what its own
    fit comes to, within what floating point allows. Raises `DeviceError`.
    """
    from inrcodec.codec.fitting.coolchic.encoder import GridEncoding
    from inrcodec.codec.fitting.coolchic.stacked.encodings import train_together
    from inrcodec.codec.runtime import torch_device, torch_threads

    jobs = (each._job if isinstance(each, _Independent) else each for each in encodings)
    grids = [job for job in jobs if isinstance(job, GridEncoding)]
    with _own_settings(), torch_threads(None):
        train_together(grids, torch_device(device), share)


def store_network(module: NetworkModule, step_scale: float, target_size: int | None) -> bytes:
    """Write the file of a network that was loaded; see `inrcodec.store_network`."""
    from inrcodec.codec.fitting.networks.storing import store

    return store(module, step_scale, target_size)
