"""Cost of a network by what flows through it, without memory for its weights."""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from facenas.backbones.cost import Cost


def counted(build: Callable[[], nn.Module], *, channels: int, size: int) -> Cost:
    """Trainable parameters, and multiply-accumulates of convolutions and matrix products for one image.

    Args:
        build: Function that makes the network.
        channels: Channels of the image.
        size: Side of the image in pixels.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = build().eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, channels, size, size, device="meta"))
    return Cost(sum(p.numel() for p in network.parameters() if p.requires_grad), counter.get_total_flops() // 2)
