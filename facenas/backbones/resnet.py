"""ResNet-18, a base for refinement: eight units of two convolutions in four stages of doubling width."""

from typing import Literal

from facenas.backbones import cost
from facenas.backbones.cost import Cost

STAGES = (2, 2, 2, 2)
Stem = Literal["small", "imagenet"]
Units = list[tuple[int, int, int]]  # input channels, output channels and stride


def units(width: int) -> Units:
    """Input channels, output channels and stride of every unit; the first of each stage but the first has stride 2."""
    sizes = [(width * 2**stage, 2 if stage and not unit else 1) for stage, count in enumerate(STAGES) for unit in range(count)]
    return [(before, channels, stride) for (before, _), (channels, stride) in zip([(width, 1), *sizes], sizes, strict=False)]


def after_stem(input_size: int, stem: Stem) -> int:
    """Side of the first unit's map in pixels.

    Args:
        input_size: Side of the image in pixels.
        stem: Kind of input layer: imagenet divides the resolution by 4, the other keeps it.
    """
    return -(-input_size // 4) if stem == "imagenet" else input_size


def base_cost(width: int, *, stem: Stem, in_channels: int, outputs: int, input_size: int) -> Cost:
    """Parameters and multiply-accumulates of the base, which has 3x3 convolutions everywhere.

    Args:
        width: Channels of the first stage.
        stem: Kind of input layer.
        in_channels: Channels of the image.
        outputs: Number of classes, or embedding dimension D.
        input_size: Side of the image in pixels.
    """
    kernel, side = (7, -(-input_size // 2)) if stem == "imagenet" else (3, input_size)
    total = cost.convolution(in_channels, width, kernel, size=side) + cost.batch_norm(width)
    size = after_stem(input_size, stem)
    for channels_in, channels_out, stride in units(width):
        size = -(-size // stride)
        total += cost.convolution(channels_in, channels_out, 3, size=size) + cost.convolution(channels_out, channels_out, 3, size=size)
        total += cost.batch_norm(channels_out) + cost.batch_norm(channels_out)
        if channels_in != channels_out:
            total += cost.convolution(channels_in, channels_out, 1, size=size) + cost.batch_norm(channels_out)
    return total + cost.linear(8 * width, outputs)
