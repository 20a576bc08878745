"""What is known of one metric: what it is called, what it says, and what it needs.

Importing this module imports neither torch nor a metric.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from inrcodec import extras
from inrcodec.errors import MissingExtraError, WeightsError
from inrcodec.metrics.quality import weights

if TYPE_CHECKING:
    from torch import Tensor

    Scorer = Callable[[object], Tensor]

CHANNELS = "channels alike"
LUMA = "luma alone"
YIQ = "luma and two differences"
SRGB = "sRGB as the eye mixes it"
NETWORK = "sRGB as a network sees it"
AXES = "sRGB along three axes"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric and its facts. `function` is "module:name" below `inrcodec.metrics.quality`.

    `low` and `high` bound the values, `ideal` is the value of identical images, `smallest_side`
    the least width and height in pixels, `colours` what of the colours is compared. `weights` are
    names of `weights.WEIGHTS`, all needed. `package` is a module that does the work and the extra
    that installs it. `prepares`: the function takes the reference alone and returns the scorer of
    decoded images. `settings` are keywords of it that a caller may set. With its weights or
    package present, every metric works offline.
    """

    name: str
    title: str
    meaning: str
    function: str
    colours: str
    higher_is_better: bool
    ideal: float
    low: float
    high: float
    unit: str = ""
    digits: int = 4
    smallest_side: int = 1
    differentiable: bool = True
    deterministic: bool = True
    weights: tuple[str, ...] = ()
    alternative_weights: tuple[str, ...] = ()
    package: tuple[str, str] | None = None
    prepares: bool = False
    settings: tuple[str, ...] = ()

    @property
    def needs(self) -> str:
        """Name what must be present beside the extra `metrics`; "" for nothing."""
        if self.package is not None:
            return f"inrcodec[{self.package[1]}]"
        return "weights" if self.weights else ""

    def unavailable(self) -> str | None:
        """Say why this metric cannot be used on this machine; None if it can."""
        if self.package is not None:
            try:
                extras.check(self.package[0], extra=self.package[1])
            except MissingExtraError as error:
                return str(error)
        for name in self.alternative_weights:
            try:
                if weights.locate(name):
                    return None
            except WeightsError as error:
                return str(error)
        return weights.missing(*self.weights)

    def can_download(self) -> bool:
        """Tell whether everything that is missing can be downloaded."""
        if self.package is not None:
            return False
        try:
            return all(weights.locate(n) or weights.WEIGHTS[n].url for n in self.weights)
        except WeightsError:
            return False

    def trial(self, *, allow_download: bool = False) -> str | None:
        """Load the weights or the package of a metric and say why it does not work; None if it
        does."""
        if not self.needs:
            return None
        import numpy as np

        gray = np.full((64, 64, 3), 128, np.uint8)
        try:
            self.scorer(gray, allow_download=allow_download)(255 - gray)
        except (WeightsError, MissingExtraError) as error:
            return str(error).removeprefix(f"{self.name} is not available: ")
        return None

    def require(self, *, allow_download: bool = False) -> None:
        """Get what is missing if that is allowed; raises `WeightsError` or `MissingExtraError`."""
        reason = self.unavailable()
        if reason is None:
            return
        if not (allow_download and self.can_download()):
            kind = WeightsError if self.package is None else MissingExtraError
            raise kind(f"{self.name} is not available: {reason}")
        for name in self.weights:
            if weights.locate(name) is None:
                weights.download(name)

    def scorer(
        self,
        reference: object,
        *,
        allow_download: bool = False,
        settings: Mapping[str, float] | None = None,
    ) -> Scorer:
        """Make the function that scores decoded images; raises what `require` does.

        Of `settings` those of this metric are used.
        """
        own = {name: value for name, value in (settings or {}).items() if name in self.settings}
        self.require(allow_download=allow_download)
        module, _, name = self.function.partition(":")
        function = getattr(import_module(f"inrcodec.metrics.quality.{module}"), name)
        make = function if self.prepares else partial(partial, function)
        scorer: Scorer = make(reference, **own)
        return scorer
