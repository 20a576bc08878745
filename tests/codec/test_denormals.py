"""Subnormal numbers are taken for 0 while pixels are rendered, on every thread, and only then."""

import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.codec import native, runtime
from inrcodec.codec.coolchic import decoder as grid_decoder
from inrcodec.codec.families import compiled
from inrcodec.codec.native import core, pool
from inrcodec.codec.native.denormals import flushed
from inrcodec.codec.native.pool import kernel_threads, run
from inrcodec.codec.networks import render
from inrcodec.codec.networks.siren import Siren
from tests.conftest import VECTORS

needs_kernels = pytest.mark.skipif(native.library() is None, reason="there are no kernels")


def flushes() -> bool:
    smallest = np.full(4, 1e-40, np.float32)
    return bool((smallest * np.float32(1) == 0).all())


@contextmanager
def never(wanted: bool = True):
    yield


@pytest.mark.parametrize("path", sorted((VECTORS / "valid").glob("*.inr")), ids=lambda p: p.stem)
def test_no_sample_changes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = path.read_bytes()
    views = ({}, {"scale": 2.5}, {"scale": 0.3})
    found = [inrcodec.decode(data, bit_depth=16, **view) for view in views]
    monkeypatch.setattr(core, "flushed", never)
    monkeypatch.setattr(grid_decoder, "flushed", never)
    monkeypatch.setattr(render, "denormals_flushed", never)
    for view, pixels in zip(views, found, strict=True):
        assert np.array_equal(inrcodec.decode(data, bit_depth=16, **view), pixels)


@needs_kernels
def test_threads_that_help_flush_too_and_only_meanwhile() -> None:
    together = threading.Barrier(2)
    found: list[bool] = []

    def work(_: int) -> None:
        together.wait(30)
        found.append(flushes())

    pool._pool.cache_clear()  # so a thread begins while this one flushes
    assert not flushes()
    with kernel_threads(2):
        with flushed():
            run(work, 2)
            assert flushes()
        assert not flushes()
        run(work, 2)
    assert found == [True, True, False, False]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("before", [True, False])
def test_what_was_set_is_set_again(
    compiled: bool, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(native, "library", lambda: None)
    elif native.library() is None:
        pytest.skip("there are no kernels")
    if not torch.set_flush_denormal(before):
        pytest.skip("torch cannot flush on this machine")
    try:
        with runtime.denormals_flushed():
            assert flushes()
        assert flushes() == before
    finally:
        torch.set_flush_denormal(False)


def test_networks_are_rendered_with_them_flushed(
    small_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    rendered = Siren.render

    def watched(*arguments):
        found.append(flushes())
        return rendered(*arguments)

    monkeypatch.setattr(Siren, "render", watched)
    monkeypatch.setattr(compiled, "serves", lambda header: False)
    inrcodec.decode(small_file, threads=2, scale=8)
    assert len(found) > 1
    assert all(found)
    assert not flushes()
