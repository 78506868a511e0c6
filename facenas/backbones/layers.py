"""The operations of the search spaces."""

from torch import nn

from facenas.backbones.architecture import Operation


def conv(channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A square convolution without bias that keeps the resolution at stride 1."""
    return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)


def operation(kind: Operation, channels_in: int, channels_out: int, kernel: int, *, stride: int, mixed: bool = True) -> nn.Module:
    """Plain convolution, or one channel at a time - convolution, greatest or mean value - and then a pointwise convolution.

    Args:
        kind: `conv`; `sep` and `depthwise` are the same here, `max_pool` and `avg_pool` look at no padding.
        channels_in: Of the input.
        channels_out: Of the output.
        kernel: Side in pixels.
        stride: Of the first part.
        mixed: Whether the pointwise convolution is there even where the number of channels stays.

    Source: EGNAS, section 3.1 (operation types) and the published `NetworkMix.py` (nothing between the two); ENAS, section 2.3, whose
    pooling has a pointwise convolution too.
    """
    if kind == "conv":
        return conv(channels_in, channels_out, kernel, stride=stride)
    each: nn.Module
    if kind == "max_pool":
        each = nn.MaxPool2d(kernel, stride, kernel // 2)
    elif kind == "avg_pool":
        each = nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
    else:
        each = conv(channels_in, channels_in, kernel, stride=stride, groups=channels_in)
    return nn.Sequential(each, conv(channels_in, channels_out, 1)) if mixed or channels_in != channels_out else each
