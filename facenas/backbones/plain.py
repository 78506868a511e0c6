"""The CIFAR / MNIST space of EGNAS: a plain chain of separable or plain convolutions, without skips."""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from facenas.backbones import cost, space
from facenas.backbones.architecture import Architecture, Layers, Operation
from facenas.backbones.cost import Cost
from facenas.backbones.drawing import Drawing, Layer
from facenas.backbones.settings import SpaceSection
from facenas.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


class PlainSpace(SpaceSection):
    """Input convolution to 2W channels, L layers of ReLU - convolution - BatchNorm, global average pooling, linear.

    Stride 2 and twice the channels at layers L // 3 and 2L // 3 (counted from 0).

    Source: EGNAS, section 3.1; details that the text leaves open from the published `NetworkMix.py`.
    """

    operations: ClassVar[tuple[Operation, ...]] = ("sep", "conv")
    chain: ClassVar[bool] = True

    name: Literal["plain"] = Field("plain", description="Name of the space.")
    in_channels: int = Field(3, ge=1, description="Image channels.")
    num_classes: int = Field(10, ge=2, description="Classes.")
    input_size: int = Field(32, ge=4, description="Image side in pixels; only the multiply-accumulates depend on it.")

    def positions(self, depth: int) -> int:
        """Number of layers, each of which has an operation and a kernel size."""
        if depth < 3:
            raise ModelError(f"a plain network needs at least 3 layers, got depth {depth}")
        return depth

    def start(self, *, depth: int, width: int) -> Architecture:
        """The architecture with separable 3x3 layers everywhere (EGNAS, algorithm 1, initialization).

        Args:
            depth: Number of layers L.
            width: Channels W; the input convolution has 2W.
        """
        return super().start(depth=depth, width=width)

    def dimension(self, architecture: Architecture) -> int:
        """Number of classes, which is the size of the network's output."""
        return self.num_classes

    def check(self, architecture: Architecture) -> None:
        """Raise a ModelError unless the architecture lies in this space."""
        expected = self.positions(architecture.depth)
        lengths = (len(architecture.operations), len(architecture.kernels))
        space.check_kinds(self, architecture, kernels=space.KNOWN_KERNELS)
        if architecture.space != "plain" or architecture.stages or lengths != (expected, expected):
            raise ModelError(
                f"a plain architecture of depth {architecture.depth} needs {expected} operations and kernels and no stages, "
                f"got space {architecture.space!r}, {lengths[0]} operations, {lengths[1]} kernels, stages {architecture.stages}"
            )

    def build(self, architecture: Architecture) -> "nn.Module":
        """A network from images (B, C, H, W) to logits (B, num_classes)."""
        from facenas.backbones.plain_network import build

        self.check(architecture)
        return build(self, architecture)

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates at `input_size`."""
        self.check(architecture)
        size, width = self.input_size, architecture.width
        total = cost.convolution(self.in_channels, 2 * width, 3, size=size) + cost.batch_norm(2 * width)
        for kind, kernel, channels_in, channels_out, stride in plan(architecture):
            size = -(-size // stride)
            total += cost.operation(kind, channels_in, channels_out, kernel, size=size)
            total += cost.batch_norm(channels_out)
        return total + cost.linear(4 * width, self.num_classes)

    def drawing(self, architecture: Architecture) -> Drawing:
        """The network for a report: a block for every layer."""
        return Drawing([Layer(*one) for one in plan(architecture)], self.input_size)

    def sample(self, rng: Random, *, depths: Sequence[int] = range(5, 101), widths: Sequence[int] = range(16, 129, 2)) -> Architecture:
        """A random architecture; the default bounds are the paper's (section 3.1).

        Args:
            rng: Source of the random numbers.
            depths: Numbers of layers to draw from.
            widths: Channels W to draw from.
        """
        return super().sample(rng, depths=depths, widths=widths)

    def mutate(
        self, architecture: Architecture, rng: Random, *, depths: Sequence[int] = range(5, 101), widths: Sequence[int] = range(16, 129, 2)
    ) -> Architecture:
        """A neighbour of the architecture within the bounds: one variable differs by one step.

        Args:
            architecture: The architecture that is changed.
            rng: Source of the random numbers.
            depths: Numbers of layers that it may have.
            widths: Channels W that it may have.
        """
        return super().mutate(architecture, rng, depths=depths, widths=widths)


def plan(architecture: Architecture) -> Layers:
    """Operation, kernel, input channels, output channels and stride of every layer."""
    depth, width = architecture.depth, architecture.width
    halvings = (depth // 3, 2 * depth // 3)
    made: Layers = []
    channels_in, channels = 2 * width, width
    for layer, (kind, kernel) in enumerate(zip(architecture.operations, architecture.kernels, strict=True)):
        stride = 2 if layer in halvings else 1
        channels *= stride
        made.append((kind, kernel, channels_in, channels, stride))
        channels_in = channels
    return made


def __getattr__(name: str) -> Any:
    """The class of the space's networks, which has a file of its own."""
    if name == "PlainNetwork":
        from facenas.backbones.plain_network import PlainNetwork

        return PlainNetwork
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
