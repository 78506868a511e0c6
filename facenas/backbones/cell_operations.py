"""What an edge of a cell may compute, built: DARTS' operators and those of AllegroNAS (see `cell_choices`)."""

import torch
from torch import Tensor, nn

from facenas.backbones import layers
from facenas.backbones.cell_choices import CONVOLUTIONS, OPERATORS, Edge, Separable

__all__ = ["OPERATORS", "Edge", "FactorizedReduce", "operator", "relu_conv_norm"]


def operator(edge: Edge, channels: int, *, stride: int, groups: int, searched: bool = False) -> nn.Module:
    """What an edge computes: features (B, C, H, W) -> (B, C, H / stride, W / stride).

    Args:
        edge: Operation and kernel size.
        channels: Channels C of the input and output.
        stride: Stride: 1, or 2 in front of a reduction.
        groups: Number of groups of the pointwise convolutions in AllegroNAS' modules.
        searched: Whether it is for the supernet, where BatchNorms have no weights and pools have one too, so that no operator gains by its
            scale.
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


def relu_conv_norm(channels_in: int, channels_out: int, *, affine: bool = True) -> nn.Module:
    """ReLU, pointwise convolution and BatchNorm, at the entrance of a cell.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        affine: Whether the BatchNorm has weights.
    """
    return nn.Sequential(nn.ReLU(), layers.conv(channels_in, channels_out, 1), nn.BatchNorm2d(channels_out, affine=affine))


class FactorizedReduce(nn.Module):
    """Half the resolution: one half of the channels from the even pixels, the other from the odd ones; sides must be even.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        affine: Whether the BatchNorm has weights.

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
