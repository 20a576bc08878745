"""The networks of many images in few tensors: one for the matrices of each size, and one for all
vectors. An optimiser then takes a handful of operations, however many images there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from inrcodec.codec import bridge
from inrcodec.codec.native.networks import Array

Shapes = Mapping[str, tuple[int, ...]]


class Networks:
    """Tensors by name of several images, stacked.

    `leaves` are (images, matrices, rows, columns) each, and last (images, numbers of all vectors).
    """

    def __init__(self, shapes: Shapes, leaves: Sequence[Tensor]) -> None:
        self._shapes, self.leaves = shapes, list(leaves)

    @classmethod
    def of(
        cls, shapes: Shapes, arrays: Sequence[Mapping[str, Array]], device: torch.device
    ) -> Networks:
        """Stack the networks of images, which have one shape for each name."""
        images = [{n: torch.from_numpy(v) for n, v in image.items()} for image in arrays]
        leaves = [
            torch.stack([torch.stack([image[n].reshape(size) for n in names])
                         for image in images])
            for size, names in _matrices(shapes).items()
        ]  # fmt: skip
        vectors = _vectors(shapes)
        leaves.append(torch.stack([torch.cat([image[n] for n in vectors]) for image in images]))
        return cls(shapes, [leaf.to(device) for leaf in leaves])

    @classmethod
    def filled(cls, shapes: Shapes, values: Mapping[str, Tensor]) -> Networks:
        """One number for each image and name, (images,): of every leaf what its elements are to be
        multiplied by."""
        leaves = [
            torch.stack([values[n] for n in names], 1)[:, :, None, None]
            for names in _matrices(shapes).values()
        ]
        parts = [values[n][:, None].expand(-1, shapes[n][0]) for n in _vectors(shapes)]
        return cls(shapes, [*leaves, torch.cat(parts, 1)])

    def named(self) -> dict[str, Tensor]:
        """The tensors by name, (images, *shape) each; views of the leaves."""
        found: dict[str, Tensor] = {}
        for leaf, names in zip(self.leaves, _matrices(self._shapes).values(), strict=False):
            for name, part in zip(names, leaf.unbind(1), strict=True):
                found[name] = part.reshape(len(leaf), *self._shapes[name])
        vectors = _vectors(self._shapes)
        sizes = [self._shapes[name][0] for name in vectors]
        return found | dict(zip(vectors, torch.split(self.leaves[-1], sizes, 1), strict=True))

    def image(self, number: int) -> dict[str, Array]:
        """The tensors of one image as arrays."""
        return {n: bridge.array(part[number].cpu()) for n, part in self.named().items()}

    def requires_grad(self) -> Networks:
        """Record gradients from now on."""
        for leaf in self.leaves:
            leaf.requires_grad_()
        return self

    def gradients(self) -> Networks:
        """Take the gradients of the leaves, zeros where there are none."""
        found = [torch.zeros_like(t) if t.grad is None else t.grad for t in self.leaves]
        for leaf in self.leaves:
            leaf.grad = None
        return Networks(self._shapes, found)

    def kept(self, images: Tensor) -> Networks:
        """Those of the images of these numbers."""
        return Networks(self._shapes, [leaf.detach()[images] for leaf in self.leaves])

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.leaves)


def _matrices(shapes: Shapes) -> dict[tuple[int, int], list[str]]:
    """The names of all but vectors, by the rows and columns of the matrices they are."""
    found: dict[tuple[int, int], list[str]] = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            found.setdefault((shape[0], math.prod(shape[1:])), []).append(name)
    return found


def _vectors(shapes: Shapes) -> list[str]:
    """The names of vectors."""
    return [name for name, shape in shapes.items() if len(shape) == 1]
