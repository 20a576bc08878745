"""A cluster in this process, whose workers are threads that see its memory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import AvifImagePlugin

from inrcodec.workers import VARIABLES


@contextmanager
def cluster_here() -> Iterator[Any]:
    """Two workers of one thread; what they set of this process is taken back."""
    distributed = pytest.importorskip("distributed")
    with pytest.MonkeyPatch.context() as kept:
        for name in VARIABLES:
            kept.setenv(name, os.environ.get(name, "1"))
        kept.setattr(AvifImagePlugin, "DEFAULT_MAX_THREADS", AvifImagePlugin.DEFAULT_MAX_THREADS)
        with distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=False,
            protocol="tcp://",
            dashboard_address="127.0.0.1:0",
        ) as local:
            yield local
