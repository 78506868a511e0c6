"""Networks of the face space: input layer, residual units, embedding layer."""

from torch import Tensor, nn

from facenas.backbones import layers
from facenas.backbones.architecture import Architecture, Operation
from facenas.backbones.fast import fast
from facenas.backbones.ir import REDUCTION, IRSpace, plan
from facenas.backbones.layers import embedding_layer, initialise
from facenas.native.norm_prelu import norm_prelu


def build(space: IRSpace, architecture: Architecture) -> "IRNetwork":
    """A network with fresh weights, from images (B, C, H, W) to embeddings (B, D) that are not normalised.

    Args:
        space: Space with input size and output layer.
        architecture: Point of the space, which is taken to lie in it.
    """
    width = architecture.width
    units = [Unit(kind, kernel, *channels, stride=stride) for kind, kernel, *channels, stride in plan(architecture)]
    size, dimension = space.input_size // REDUCTION, space.dimension(architecture)
    head = embedding_layer(space.output, 8 * width, size=size, dimension=dimension, dropout=space.dropout)
    network = IRNetwork(layers.conv(space.in_channels, width, 3), nn.BatchNorm2d(width), nn.PReLU(width), *units, head)
    network.apply(initialise)
    return network


class IRNetwork(nn.Sequential):
    """Input layer (convolution, BatchNorm, PReLU), units, output layer."""

    slower_uncompiled = 1.1  # without a C compiler: docs/performance.md

    def stem(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> features of the first unit."""
        return activated(self[0](x), self[1], self[2])

    @property
    def units(self) -> "list[Unit]":
        """All units in their order."""
        return [module for module in self if isinstance(module, Unit)]

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> embeddings (B, D)."""
        x = self.stem(x)
        for module in self[3:]:
            x = module(x)
        return x


class Unit(nn.Module):
    """BN - conv - BN - PReLU - conv (stride) - BN, added to a shortcut; no activation after the sum.

    The shortcut is a 1x1 convolution with BN where the channels change and plain subsampling elsewhere.

    Args:
        kind: Operation of both convolutions.
        kernel: Kernel size of both convolutions in pixels.
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        stride: Stride of the second convolution.

    Source: AdaFace, `net.py`, `BasicBlockIR`.
    """

    def __init__(self, kind: Operation, kernel: int, channels_in: int, channels_out: int, *, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            layers.operation(kind, channels_in, channels_out, kernel, stride=1),
            nn.BatchNorm2d(channels_out),
            nn.PReLU(channels_out),
            layers.operation(kind, channels_out, channels_out, kernel, stride=stride),
            nn.BatchNorm2d(channels_out),
        )
        if channels_in != channels_out:
            self.shortcut: nn.Module = nn.Sequential(layers.conv(channels_in, channels_out, 1, stride=stride), nn.BatchNorm2d(channels_out))
        else:
            self.shortcut = nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""
        first_norm, first, norm, prelu, second, last_norm = self.residual
        inner = activated(first(first_norm(x)), getattr(norm, "chosen", norm), prelu)  # a supernet has one for each operator
        out: Tensor = last_norm(second(inner)) + self.shortcut(x)
        return out


def activated(x: Tensor, norm: nn.Module, prelu: nn.Module) -> Tensor:
    """BatchNorm and PReLU of features, in one operation where the compiled ones may be used.

    Args:
        x: Features (B, C, H, W).
        norm: The BatchNorm.
        prelu: The PReLU.
    """
    out: Tensor = norm_prelu(x, norm, prelu) if fast() else prelu(norm(x))
    return out
