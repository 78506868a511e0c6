"""What an edge of a cell may compute: DARTS' operators and those of AllegroNAS, built and counted from the same table.

AllegroNAS says in a sentence each, and draws without numbers, what its two modules change (section 3.2, figure 2). What it leaves open:

- AllegroSepConv "changes the number of output channels after the first layer": the first of its two separable convolutions ends in
  `WIDENING` times the channels, the second works on them and goes back. The factor is ours.
- AllegroDilConv has "additional convolution layers": one further separable convolution of the same kernel, with its own ReLU and BatchNorm,
  not dilated. As many layers as AllegroSepConv, with which it is to "compete more fairly".
- Group convolution "replaced standard convolution" (section 3.5.2): in the pointwise convolutions of both modules; depthwise ones are
  grouped already. With 2 groups, ours, the modules have as many pointwise weights as DARTS' own, which fits the paper's table 2
  (3.59 M parameters with DARTS' space, 3.67 M and 3.62 M with Allegro's). Channels are not shuffled: the next cell's 1x1 mixes them.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from facenas.backbones import cost, layers
from facenas.backbones.architecture import Kernel, Operation
from facenas.backbones.cost import Cost

WIDENING = 2
Edge = tuple[Operation, Kernel]
POOLS: tuple[Edge, ...] = (("max_pool", 3), ("avg_pool", 3), ("skip", 1))
OPERATORS: dict[str, tuple[Edge, ...]] = {
    "darts": (*POOLS, ("sep_conv", 3), ("sep_conv", 5), ("dil_conv", 3), ("dil_conv", 5)),
    "allegro": (*POOLS, ("allegro_sep_conv", 3), ("allegro_sep_conv", 5), ("allegro_dil_conv", 3), ("allegro_dil_conv", 5)),
}


class Separable(NamedTuple):
    """ReLU - depthwise convolution - pointwise convolution - BatchNorm; channels as multiples of the cell's."""

    channels_in: int
    channels_out: int
    dilation: int


# Liu et al., "DARTS: differentiable architecture search", 2019, section 3.1.1 and `operations.py`; AllegroNAS, section 3.2.
CONVOLUTIONS: dict[str, tuple[Separable, ...]] = {
    "sep_conv": (Separable(1, 1, 1), Separable(1, 1, 1)),
    "dil_conv": (Separable(1, 1, 2),),
    "allegro_sep_conv": (Separable(1, WIDENING, 1), Separable(WIDENING, 1, 1)),
    "allegro_dil_conv": (Separable(1, 1, 2), Separable(1, 1, 1)),
}


def operator(edge: Edge, channels: int, *, stride: int, groups: int, searched: bool = False) -> nn.Module:
    """What an edge computes: features (B, C, H, W) -> (B, C, H / stride, W / stride).

    Args:
        edge: Operation and kernel.
        channels: C.
        stride: 1, or 2 in front of a reduction.
        groups: Of the pointwise convolutions in AllegroNAS' modules.
        searched: As in the supernet, where BatchNorms have no weights and pools have one too, so that no operator gains by its scale.
    """
    kind, kernel = edge
    if kind == "skip":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine=not searched)
    if kind in CONVOLUTIONS:
        grouped = groups if kind.startswith("allegro") else 1
        made = [
            _separable(part, channels, kernel, stride if first else 1, grouped, affine=not searched)
            for first, part in zip((True, False), CONVOLUTIONS[kind], strict=False)
        ]
        return nn.Sequential(*[layer for part in made for layer in part])
    pool = nn.MaxPool2d(kernel, stride, kernel // 2) if kind == "max_pool" else _mean(kernel, stride)
    return nn.Sequential(pool, nn.BatchNorm2d(channels, affine=False)) if searched else pool


def _mean(kernel: int, stride: int) -> nn.Module:
    return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)


def _separable(part: Separable, channels: int, kernel: int, stride: int, groups: int, *, affine: bool) -> list[nn.Module]:
    first, last = part.channels_in * channels, part.channels_out * channels
    padding = part.dilation * (kernel // 2)
    depthwise = nn.Conv2d(first, first, kernel, stride, padding, dilation=part.dilation, groups=first, bias=False)
    return [nn.ReLU(), depthwise, layers.conv(first, last, 1, groups=groups), nn.BatchNorm2d(last, affine=affine)]


def operator_cost(edge: Edge, channels: int, *, stride: int, groups: int, size: int) -> Cost:
    """Cost of `operator(...)`, not searched, with an output of `size` x `size`."""
    kind, kernel = edge
    if kind == "skip":
        return cost.NOTHING if stride == 1 else relu_conv_norm_cost(channels, channels, size=size)
    total, grouped = cost.NOTHING, groups if kind.startswith("allegro") else 1
    for part in CONVOLUTIONS.get(kind, ()):
        first, last = part.channels_in * channels, part.channels_out * channels
        total += cost.convolution(first, first, kernel, size=size, groups=first)
        total += cost.convolution(first, last, 1, size=size, groups=grouped) + cost.batch_norm(last)
    return total


def relu_conv_norm(channels_in: int, channels_out: int, *, affine: bool = True) -> nn.Module:
    """ReLU - pointwise convolution - BatchNorm, at the entrance of a cell."""
    return nn.Sequential(nn.ReLU(), layers.conv(channels_in, channels_out, 1), nn.BatchNorm2d(channels_out, affine=affine))


def relu_conv_norm_cost(channels_in: int, channels_out: int, *, size: int) -> Cost:
    """Cost of `relu_conv_norm`, and of `FactorizedReduce`, with an output of `size` x `size`."""
    return cost.convolution(channels_in, channels_out, 1, size=size) + cost.batch_norm(channels_out)


class FactorizedReduce(nn.Module):
    """Half the resolution: one half of the channels from the even pixels, the other from the odd ones; sides must be even.

    Source: DARTS, `operations.py`.
    """

    def __init__(self, channels_in: int, channels_out: int, *, affine: bool = True) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = layers.conv(channels_in, channels_out // 2, 1, stride=2)
        self.odd = layers.conv(channels_in, channels_out - channels_out // 2, 1, stride=2)
        self.norm = nn.BatchNorm2d(channels_out, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C_in, H, W) -> (B, C_out, H / 2, W / 2)."""
        x = self.relu(x)
        out: Tensor = self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], 1))
        return out
