"""The operations of the search spaces, and the layers between features and embeddings."""

import torch
from torch import nn

from facenas.backbones.architecture import Operation
from facenas.backbones.output import Output


def conv(channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A square convolution without bias that keeps the resolution at stride 1.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        kernel: Side of the kernel in pixels, odd.
        stride: Stride.
        groups: Number of groups; as many as channels for a depthwise convolution.
    """
    return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)


def operation(kind: Operation, channels_in: int, channels_out: int, kernel: int, *, stride: int, mixed: bool = True) -> nn.Module:
    """Plain convolution, or one channel at a time - convolution, greatest or mean value - and then a pointwise convolution.

    Args:
        kind: Name of the operation: `conv`; `sep` or `depthwise`, which are the same here; `max_pool` or `avg_pool`, which look at no
            padding.
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        kernel: Side of the kernel in pixels.
        stride: Stride of the first part.
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


def embedding_layer(output: Output, channels: int, *, size: int, dimension: int, dropout: float) -> nn.Sequential:
    """From features to embeddings (B, D) that are not normalised.

    Args:
        output: `flatten`: every place of the map has weights of its own (ArcFace's option E); `gdc`: a global depthwise convolution weighs
            the places of each channel first, with far fewer parameters; `pool`: the features are pooled already, (B, C).
        channels: Channels C of the features.
        size: Side of the map (B, C, H, W), in pixels.
        dimension: Embedding dimension D.
        dropout: Dropout in front of the linear layer, a fraction.

    Source: ArcFace, section 2.2.2 (option E); MobileFaceNets, section 3.1 (global depthwise convolution).
    """
    if output == "gdc":
        whole = nn.Conv2d(channels, channels, size, groups=channels, bias=False)
        features: list[nn.Module] = [whole, nn.BatchNorm2d(channels), nn.Dropout(dropout), nn.Flatten()]
        size = 1
    elif output == "flatten":
        features = [nn.BatchNorm2d(channels), nn.Dropout(dropout), nn.Flatten()]
    else:
        features, size = [nn.BatchNorm1d(channels), nn.Dropout(dropout)], 1
    return nn.Sequential(*features, nn.Linear(channels * size**2, dimension), nn.BatchNorm1d(dimension, affine=False))


def initialise(module: nn.Module) -> None:
    """Draw a module's weights from Kaiming's normal distribution by fan-out, as AdaFace's code begins."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            torch.nn.init.zeros_(module.bias)
