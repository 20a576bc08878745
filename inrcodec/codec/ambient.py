"""What a caller has set torch and numpy to, kept out of what this library computes.

A computation gives the same result under `torch.no_grad()`, `torch.inference_mode()`,
`torch.autocast`, another default device, another precision of float32 and `np.seterr`, and leaves
all of them as they were. In a forked process, where more threads of torch than one would hang, it
has one meanwhile. The default type of torch is a setting of the whole process that other threads
may rely on, so it is not changed: tensors are made with their type named.

Importing this imports no torch, and without torch there is nothing of it to set.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from inrcodec.codec.native.pool import is_forked

if TYPE_CHECKING:
    import torch
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

EXACT = ("none", "ieee")
"""Values of torch's precision of float32 that mean float32."""


@contextmanager
def own_settings(*, gradients: bool | None = None) -> Iterator[None]:
    """Compute under the settings that torch and numpy begin with, then restore the caller's.

    `gradients` says whether torch records them; None leaves that to the caller. It must not enclose
    a `yield` to a caller.
    """
    with ExitStack() as stack:
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        loaded: Any = sys.modules.get("torch")
        if hasattr(loaded, "set_grad_enabled"):  # not while another thread is importing it
            _enter_torch(stack, loaded, gradients)
        yield


def independent(function: Callable[P, T], *, gradients: bool | None = None) -> Callable[P, T]:
    """Have a function compute under `own_settings`."""

    @wraps(function)
    def computed(*args: P.args, **keywords: P.kwargs) -> T:
        with own_settings(gradients=gradients):
            return function(*args, **keywords)

    return computed


def _enter_torch(stack: ExitStack, torch: Any, gradients: bool | None) -> None:
    """Enter torch's own settings: those of this thread, then those of the process."""
    if is_forked():
        from inrcodec.codec.runtime import torch_threads

        stack.enter_context(torch_threads(1))
    recorded = torch.is_grad_enabled() if gradients is None else gradients
    if torch.is_inference_mode_enabled():
        stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.set_grad_enabled(recorded))
    device: torch.device = torch.get_default_device()
    if device.type != "cpu":
        stack.enter_context(torch.device("cpu"))
    for kind in {"cpu", "cuda", device.type} - {"meta"}:
        if torch.is_autocast_enabled(kind):
            stack.enter_context(torch.autocast(kind, enabled=False))
    stack.enter_context(_PRECISION.exact(torch))


class _Precision:
    """The precision of float32, of the whole process: exact as long as any thread computes."""

    def __init__(self) -> None:
        self._lock, self._computing = threading.Lock(), 0
        self._restore: list[Callable[[], None]] = []

    @contextmanager
    def exact(self, torch: Any) -> Iterator[None]:
        """Compute with exact float32; the last thread to leave restores what was set."""
        with self._lock:
            if not self._computing:
                self._restore = _made_exact(torch)
            self._computing += 1
        try:
            yield
        finally:
            with self._lock:
                self._computing -= 1
                if not self._computing:
                    for restore in self._restore:
                        restore()


_PRECISION = _Precision()


def _made_exact(torch: Any) -> list[Callable[[], None]]:
    """Make float32 exact where it is not; returns what undoes that."""
    backends = torch.backends
    undo: list[Callable[[], None]] = []
    if hasattr(backends.mkldnn, "matmul"):
        for module in (backends.mkldnn.matmul, backends.mkldnn.conv, backends.cuda.matmul):
            if (value := module.fp32_precision) not in EXACT:
                module.fp32_precision = "ieee"
                undo.append(partial(setattr, module, "fp32_precision", value))
    elif (value := torch.get_float32_matmul_precision()) != "highest":  # before torch 2.9
        torch.set_float32_matmul_precision("highest")
        undo.append(partial(torch.set_float32_matmul_precision, value))
    if not backends.mkldnn.enabled:
        backends.mkldnn.enabled = True
        undo.append(partial(setattr, backends.mkldnn, "enabled", False))
    return undo
