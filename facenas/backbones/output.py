"""What is between a backbone's features and its embedding, shared by the face space and the networks of timm: kinds and cost."""

from typing import Literal

from facenas.backbones import cost
from facenas.backbones.cost import Cost

Flat = Literal["flatten", "gdc"]  # of a map
Output = Literal[Flat, "pool"]


def embedding_cost(output: Flat, channels: int, *, size: int, dimension: int) -> Cost:
    """Cost of `layers.embedding_layer`.

    Args:
        output: Kind of output layer: flatten or gdc.
        channels: Channels of the features.
        size: Side of the features' map in pixels.
        dimension: Embedding dimension D.
    """
    total = cost.batch_norm(channels)
    if output == "gdc":
        total += cost.convolution(channels, channels, size, size=1, groups=channels)
        size = 1
    return total + cost.linear(channels * size**2, dimension)
