"""The analysis network that initial latents come from."""

import torch

from inrcodec.codec.fitting.coolchic import analysis


def test_another_device_leaves_the_network_where_it_is() -> None:
    there = analysis.trained(torch.device("meta"))
    assert all(p.device.type == "meta" for p in there.parameters())
    here = analysis.trained(torch.device("cpu"))
    assert all(p.device.type == "cpu" for p in here.parameters())
    assert analysis.trained(torch.device("cpu")) is here
