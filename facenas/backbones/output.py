"""The layers between a backbone's features and its embedding, shared by the face space and the networks of timm."""

from typing import Literal

import torch
from torch import nn

from facenas.backbones import cost
from facenas.backbones.cost import Cost

Flat = Literal["flatten", "gdc"]  # of a map
Output = Literal[Flat, "pool"]


def embedding_layer(output: Output, channels: int, *, size: int, dimension: int, dropout: float) -> nn.Sequential:
    """From features to embeddings (B, D) that are not normalised.

    Args:
        output: `flatten`: every place of the map has weights of its own (ArcFace's option E); `gdc`: a global depthwise convolution weighs
            the places of each channel first, with far fewer parameters; `pool`: the features are pooled already, (B, C).
        channels: Channels C of the features.
        size: Side of the map (B, C, H, W), in pixels.
        dimension: Embedding dimension D.
        dropout: A fraction.

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


def embedding_cost(output: Flat, channels: int, *, size: int, dimension: int) -> Cost:
    """Cost of `embedding_layer`; arguments as there."""
    total = cost.batch_norm(channels)
    if output == "gdc":
        total += cost.convolution(channels, channels, size, size=1, groups=channels)
        size = 1
    return total + cost.linear(channels * size**2, dimension)


def initialise(module: nn.Module) -> None:
    """Kaiming's normal distribution by fan-out, as AdaFace's code begins."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            torch.nn.init.zeros_(module.bias)
