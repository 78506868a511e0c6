"""The modules of which ResNet-18 is built."""

from torch import Tensor, nn
from torch.nn import functional

from facenas.backbones import layers
from facenas.backbones.layers import initialise
from facenas.backbones.resnet import Stem, units


class BasicUnit(nn.Module):
    """conv (stride) - BN - ReLU - conv - BN, added to a shortcut, then ReLU.

    The shortcut is a 1x1 convolution with BN where channels change.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        stride: Stride of the first convolution.

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
    """Input layer, units, mean over the map, linear; before embeddings leave, BatchNorm as in the IR networks.

    Args:
        width: Channels of the first stage.
        stem: Kind of input layer.
        in_channels: Channels of the image.
        outputs: Number of classes, or embedding dimension D.
        embeds: Whether it gives embeddings and not logits.
    """

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
