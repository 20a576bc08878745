"""Devices that a command is told to compute on."""

from __future__ import annotations

from inrcodec.cli import console


def usable_device(device: str) -> str:
    """The device, or where this machine has none of that name the CPU, which it says."""
    if device == "cpu":
        return device
    from inrcodec.codec.runtime import torch_device
    from inrcodec.errors import DeviceError

    try:
        torch_device(device)
    except DeviceError as error:
        console.note(f"inrcodec: warning: {error}; fitting on the CPU")
        return "cpu"
    return device
