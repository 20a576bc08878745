"""Import packages that need torchvision, also where its operators do not fit the torch here.

Its wheels on the index are built for one build of torch; beside the CPU build its import fails at
two operators that none of these packages uses. Their schemas are enough.
"""

import importlib

import torch

_LIBRARY = []
"""Kept, because an operator is gone with its library."""


def imported(name):
    """Import a module, with the schemas of the operators if it takes that."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float threshold) -> Tensor")
        _LIBRARY.append(library)
    return importlib.import_module(name)
