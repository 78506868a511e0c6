"""The two operations of the search spaces."""

from torch import nn

from facenas.backbones.architecture import Operation
from facenas.backbones.convolution import Conv2d


def conv(channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A square convolution without bias that keeps the resolution at stride 1."""
    return Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)


def operation(kind: Operation, channels_in: int, channels_out: int, kernel: int, *, stride: int) -> nn.Module:
    """Plain or separable convolution; separable is depthwise then pointwise with nothing between.

    Source: EGNAS, section 3.1 (operation types) and the published `NetworkMix.py` (nothing between the two).
    """
    if kind == "conv":
        return conv(channels_in, channels_out, kernel, stride=stride)
    depthwise = conv(channels_in, channels_in, kernel, stride=stride, groups=channels_in)
    return nn.Sequential(depthwise, conv(channels_in, channels_out, 1))
