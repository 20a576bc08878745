"""The coordinate network of a file as a torch module: to look at, to damage, to train further."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.format.header import Header
from inrcodec.codec.networks.base import CoordinateModel, Coordinates
from inrcodec.codec.networks.positions import coordinates, sheet_rows
from inrcodec.errors import OptionError


class NetworkModule(nn.Module):
    """A coordinate network whose parameters are those of a file, float32.

    `module(ys, xs)` gives colours (len(ys), len(xs), C), nominally in [-1, 1], on a grid of
    coordinates, of which the image spans [-1, 1] along both axes; without them, at the pixels of
    the image, (H, W, C), or at the samples of sound and clips (positions.py). Gradients reach the
    parameters. `tensors` has the parameters by the name
    that the file format gives them, "weight.0" and so on; "." is "_" in torch's own names.
    `header` says what image it is, `stored` what the file has: integers and their steps.
    """

    def __init__(
        self,
        header: Header,
        model: CoordinateModel,
        stored: Quantized,
        metadata: Mapping[str, bytes],
    ) -> None:
        super().__init__()
        self.header, self.stored, self.metadata = header, stored, dict(metadata)
        self.model = model
        self._names = {name: name.replace(".", "_") for name in model.shapes}
        for name, value in stored.values().items():
            self.register_parameter(self._names[name], nn.Parameter(torch.from_numpy(value)))

    @property
    def tensors(self) -> dict[str, nn.Parameter]:
        """The parameters by their names in the file format, in file order."""
        return {name: getattr(self, own) for name, own in self._names.items()}

    def values(self) -> dict[str, NDArray[np.float32]]:
        """A copy of the parameters as arrays; raises `OptionError` for one whose shape changed."""
        found = {}
        for name, tensor in self.tensors.items():
            if tuple(tensor.shape) != self.model.shapes[name]:
                raise OptionError(
                    f"tensor {name} has the shape {tuple(tensor.shape)}, its network "
                    f"{self.model.shapes[name]}"
                )
            found[name] = tensor.detach().cpu().float().numpy().copy()
        return found

    def forward(self, ys: Coordinates | None = None, xs: Coordinates | None = None) -> Tensor:
        """Colours on the grid ys x xs, by default at the pixels of the image."""
        header = self.header
        frames = header.frames
        if ys is None:
            ys = sheet_rows(header.axes, frames * header.height, header.width, frames)
        xs = coordinates(header.width) if xs is None else xs
        down, across = (np.asarray(given, np.float64) for given in (ys, xs))
        return self.model.render(self.tensors, down, across)
