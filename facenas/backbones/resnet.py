"""ResNet-18, a base for refinement: eight units of two convolutions in four stages of doubling width."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from facenas.backbones import cost, layers
from facenas.backbones.cost import Cost
from facenas.backbones.output import initialise

STAGES = (2, 2, 2, 2)
Stem = Literal["small", "imagenet"]
Units = list[tuple[int, int, int]]  # input channels, output channels and stride


class BasicUnit(nn.Module):
    """conv (stride) - BN - ReLU - conv - BN, added to a shortcut, then ReLU.

    The shortcut is a 1x1 convolution with BN where channels change.

    Source: He et al., "Deep residual learning", 2016, figure 5 and section 3.3, option B.
    """

    def __init__(self, channels_in: int, channels_out: int, *, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            layers.conv(channels_in, channels_out, 3, stride=stride),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            layers.conv(channels_out, channels_out, 3),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.shortcut = nn.Sequential(layers.conv(channels_in, channels_out, 1, stride=stride), nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""
        return functional.relu(self.residual(x) + self.shortcut(x))


class ResNet(nn.Sequential):
    """Input layer, units, mean over the map, linear; before embeddings leave, BatchNorm as in the IR networks."""

    def __init__(self, width: int, *, stem: Stem, in_channels: int, outputs: int, embeds: bool = False) -> None:
        first = nn.Conv2d(in_channels, width, 7, 2, 3, bias=False) if stem == "imagenet" else layers.conv(in_channels, width, 3)
        pool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, outputs))
        if embeds:
            head.append(nn.BatchNorm1d(outputs, affine=False))
        made = (BasicUnit(channels_in, channels_out, stride=stride) for channels_in, channels_out, stride in units(width))
        super().__init__(nn.Sequential(first, nn.BatchNorm2d(width), nn.ReLU(), pool), *made, head)
        self.apply(initialise)

    def stem(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> features of the first unit."""
        features: Tensor = self[0](x)
        return features

    @property
    def units(self) -> list[BasicUnit]:
        """All units in their order."""
        return [module for module in self if isinstance(module, BasicUnit)]


def units(width: int) -> Units:
    """Channels and stride of every unit; the first of each stage but the first has stride 2."""
    sizes = [(width * 2**stage, 2 if stage and not unit else 1) for stage, count in enumerate(STAGES) for unit in range(count)]
    return [(before, channels, stride) for (before, _), (channels, stride) in zip([(width, 1), *sizes], sizes, strict=False)]


def after_stem(input_size: int, stem: Stem) -> int:
    """Side of the first unit's map."""
    return -(-input_size // 4) if stem == "imagenet" else input_size


def base_cost(width: int, *, stem: Stem, in_channels: int, outputs: int, input_size: int) -> Cost:
    """Parameters and multiply-accumulates with 3x3 convolutions everywhere."""
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
