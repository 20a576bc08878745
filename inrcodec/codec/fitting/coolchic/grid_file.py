"""The file of an image in latent grids: what it can be, and what becomes of fits as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inrcodec.codec.coolchic import init_tables, layout
from inrcodec.codec.coolchic.model import CoolChic, grids_from
from inrcodec.codec.coolchic.planes import LatentPlane, file_sections
from inrcodec.codec.coolchic.render import Plane, render
from inrcodec.codec.entropy.quantized import Quantized, Tensors
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.least_size import REACHED, least_size
from inrcodec.codec.fitting.coolchic.network_steps import NetworkSearch
from inrcodec.codec.fitting.goal_search import Candidate
from inrcodec.codec.fitting.plan import EncodePlan
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Header
from inrcodec.codec.view import view_of
from inrcodec.errors import EncoderLimitError, LimitError, RateError
from inrcodec.pixels import Picture, psnr

FRAMING, MOST_NETWORKS, NETWORK_SHARE = 90, 800, 0.3
"""Usual bytes of header and section heads, and of the networks the most bytes and the usual share
of a file: rough guesses, which the search for a size corrects by the bytes of the file itself."""


@dataclass(frozen=True, slots=True)
class GridFile:
    """The file of `picture` in grids and networks of `model`. `init` is (identity, index) of the
    trained initialisation to which it stores the residual, None without one."""

    picture: Picture
    plan: EncodePlan
    model: CoolChic
    init: tuple[int, int] | None

    def written(
        self,
        fits: Sequence[GridFit],
        networks: list[Quantized] | None,
        offset: float,
        *,
        compensating: bool,
    ) -> Candidate:
        """Quantise what was fitted, one fit a plane, write the file, and measure it: with the
        networks as given or, for None, at steps searched for, `compensating` as in
        `NetworkSearch`; `offset` as in `GridFit.rounded`."""
        trained, planes = self.trained(), []
        for number, fit in enumerate(fits):
            rounded = fit.rounded(offset)
            if networks is None:
                given = fit.distortion, fit.lmbda, fit.backend
                search = NetworkSearch(
                    self.model, trained, rounded, *given, compensating=compensating
                )
                chosen = search.run(fit.values())
            else:
                chosen = networks[number]
            planes.append(LatentPlane(self.model, chosen, trained, tuple(rounded)))
        sections = file_sections(planes, self.plan.slices)
        data = bitstream.write(self.header(), sections, self.plan.metadata)
        return Candidate(data, self._psnr(planes), [plane.networks for plane in planes])

    def _psnr(self, planes: Sequence[LatentPlane]) -> float:
        """PSNR in dB of the image that a decoder makes of the planes, at its own bit depth."""
        picture = self.picture
        view = view_of(picture.width, picture.height, None, None, None)
        ready = [Plane.of(plane) for plane in planes]
        return psnr(picture.pixels, render(ready, picture.channels, view, picture.bit_depth))

    def trained(self) -> Tensors:
        """The networks that the file stores the residual to, by name."""
        if self.init is None:
            return {n: np.zeros(s, np.float32) for n, s in self.model.shapes.items()}
        return init_tables.initial_parameters(*self.init, self.model)

    def usual_overhead(self, *, fitted: bool) -> float:
        """Bytes beside the latents of a file of the size asked for, roughly."""
        networks = min(MOST_NETWORKS, NETWORK_SHARE * (self.plan.goal.size_bytes or math.inf))
        return FRAMING + self.plan.metadata_bytes + networks * self._planes * fitted

    def check_limits(self) -> None:
        """Raise `EncoderLimitError` for an image that no decoder would take."""
        try:
            grids_from(self.header())
            shapes = layout.slice_shapes(self.model, self.plan.slices)
            layout.check_waves(self.model, shapes * self._planes)
        except LimitError as error:
            raise EncoderLimitError(str(error)) from None

    def check_size(self, latent_bytes: float) -> None:
        """Raise `RateError` for a size asked for that no fit of this image reaches, whose trained
        initialisation has latents of so many bytes at the largest lambda; 0 without one."""
        asked, plan = self.plan.goal.size_bytes, self.plan
        if asked is None:
            return
        least = least_size(self.model, self.header(), self.trained(), plan.metadata)
        if asked < least:
            kept = ", metadata included" if plan.metadata_bytes else ""
            raise RateError(
                f"{asked} bytes are too few: the smallest {plan.model} file of this image has "
                f"{least} bytes{kept}"
            )
        if asked < least + REACHED * latent_bytes:
            raise RateError(
                f"{asked} bytes are too few for this image: at quality 1 it takes about "
                f"{float(f'{least + latent_bytes:.2g}'):.0f}"
            )

    @property
    def _planes(self) -> int:
        """That of the colours, and one more for alpha."""
        return 2 - self.picture.channels % 2

    def header(self) -> Header:
        """The header of the file."""
        return Header(
            self.picture.width,
            self.picture.height,
            self.picture.channels,
            self.picture.bit_depth,
            self.model.family,
            self.model.dimensions,
            init=self.init,
            slice_side=self.plan.slices,
        )
