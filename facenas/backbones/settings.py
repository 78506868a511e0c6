"""What the settings of all networks and search spaces have, and the spaces that a configuration can name."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

from facenas.backbones import space
from facenas.backbones.architecture import Architecture, Kernel, Operation
from facenas.backbones.cost import Cost
from facenas.backbones.drawing import Drawing, Graph, Layer
from facenas.backbones.space import Alternatives, MixedCells, Ranges, Refinements
from facenas.errors import ModelError
from facenas.registry import OneOf, Registry
from facenas.settings import Section

if TYPE_CHECKING:
    from torch import Tensor, nn


class Known(NamedTuple):
    """A network that has a name: a point and the space that builds it."""

    architecture: Architecture
    space: "NetworkSection"


class NetworkSection(Section):
    """What builds networks of architectures, whether there is one of them or many.

    A class of its own adds `name`, `input_size` and `in_channels` as fields, and `num_classes` if it builds classifiers; it must have
    `check`, `build` and `dimension`, and `cost` if there is a quicker way than to build the network without memory for its weights.

    Attributes:
        chain: Whether a network computes its modules one after the other, so that the sum of their latencies predicts its own.
    """

    chain: ClassVar[bool] = False

    if TYPE_CHECKING:  # fields of each class, in an order of its own

        @property
        def name(self) -> str:
            """Name of the space."""

        @property
        def input_size(self) -> int:
            """Image side in pixels."""

        @property
        def in_channels(self) -> int:
            """Image channels."""

    @classmethod
    def known(cls) -> Mapping[str, Known]:
        """The networks of this class that have a name, for `facenas models` and `facenas train --architecture`."""
        return {}

    @property
    def classes(self) -> int:
        """Number of classes of a classifier; 0 for a network that embeds."""
        return getattr(self, "num_classes", None) or 0

    @property
    def choices(self) -> tuple[tuple[Operation, Kernel], ...]:
        """What a position may compute, as pairs of an operation and a kernel size; nothing where there is one network."""
        return ()

    def check(self, architecture: Architecture) -> None:
        """Raise a ModelError unless the architecture is one that can be built."""
        raise NotImplementedError

    def build(self, architecture: Architecture) -> "nn.Module":
        """A network with fresh weights, from images (B, C, H, W) to embeddings (B, D) that are not normalised or to logits (B, N)."""
        raise NotImplementedError

    def dimension(self, architecture: Architecture) -> int:
        """Size of the network's output: embedding dimension D, or number of classes."""
        raise NotImplementedError

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates at `input_size`, counted of the network built without memory for its weights."""
        self.check(architecture)
        return _counted(self, architecture)

    def count_parameters(self, architecture: Architecture) -> int:
        """Number of trainable parameters."""
        return self.cost(architecture).parameters

    def macs(self, architecture: Architecture) -> int:
        """Number of multiply-accumulates for one image of `input_size`."""
        return self.cost(architecture).macs

    def drawing(self, architecture: Architecture) -> Drawing:
        """The network for a report; here, a block of the same size for every position."""
        width, positions = architecture.width, zip(architecture.operations, architecture.kernels, strict=True)
        return Drawing([Layer(kind, kernel, width, width, 1) for kind, kernel in positions], self.input_size)

    def graphs(self, architecture: Architecture) -> Sequence[Graph]:
        """Cells to draw as graphs, in the same number for every architecture."""
        return ()

    def stage_ends(self, architecture: Architecture) -> Sequence[tuple[str, int]]:
        """Module and channels at the end of each stage, of which each halves the resolution; none where feature maps are not offered."""
        return ()

    def described(self, architecture: Architecture) -> str:
        """The network as a model card names it."""
        return f"space {self.name}, depth {architecture.depth}, width {architecture.width} ({architecture.identity})"

    def published_weights(self, file: str | None = None) -> "dict[str, Tensor]":
        """Weights that somebody has published, by their names in the network.

        Args:
            file: A safetensors file of the weights; None: those are fetched from where they are published.

        Raises:
            ModelError: If they cannot be had.
        """
        raise ModelError(f"there are no published weights for networks of the space {self.name!r}; train from the start")


class SpaceSection(NetworkSection):
    """What a search space has besides; a class of its own adds `operations`, and overrides what differs in its space.

    The architectures of this class have one operation and one kernel size for each position, no stages and no links.

    Attributes:
        depth_step: Number of layers that one step of growth adds.
        width_step: Channels by which the micro search makes networks wider or narrower, where only multiples can be built.
        one_size: Whether all architectures have the same depth and width, so that the bounds of a search say nothing.
    """

    depth_step: ClassVar[int] = 1
    width_step: ClassVar[int] = 1
    one_size: ClassVar[bool] = False

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What a position may compute; the first is what every architecture starts from."""
        raise NotImplementedError

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """Kernel sizes in pixels; the first is what every architecture starts from."""
        return space.KERNELS

    @property
    def choices(self) -> tuple[tuple[Operation, Kernel], ...]:
        """What a position may compute, as pairs of an operation and a kernel size."""
        return tuple(product(self.operations, self.kernels))

    def positions(self, depth: int) -> int:
        """Number of searchable operations at `depth`: one per layer; an error if no architecture has that depth."""
        return depth

    def start(self, *, depth: int, width: int) -> Architecture:
        """The architecture with the first operation and the first kernel size everywhere.

        Args:
            depth: Number of layers, as the space counts them.
            width: Channels of the first resolution.

        Raises:
            ModelError: If no architecture has that depth.
        """
        count = self.positions(depth)
        operations, kernels = (self.operations[0],) * count, (self.kernels[0],) * count
        return Architecture(space=self.name, depth=depth, width=width, operations=operations, kernels=kernels)

    def check(self, architecture: Architecture) -> None:
        """Raise a ModelError unless the architecture lies in this space."""
        expected = self.positions(architecture.depth)
        lengths = (len(architecture.operations), len(architecture.kernels))
        space.check_kinds(self, architecture)
        if architecture.space != self.name or architecture.stages or lengths != (expected, expected):
            raise ModelError(
                f"an architecture of the space {self.name!r} and of depth {architecture.depth} needs {expected} operations and kernels "
                f"and no stages, got space {architecture.space!r}, {lengths[0]} operations, {lengths[1]} kernels, "
                f"stages {architecture.stages}"
            )

    def ranges(self, *, depths: tuple[int, int], widths: range) -> Ranges:
        """The depths and widths to draw from, within bounds.

        Args:
            depths: Fewest and most layers.
            widths: Channels of the first resolution.

        Raises:
            ModelError: If no architecture has the first or the last depth.
        """
        return space.ranges(self, depths=depths, widths=widths)

    def alternatives(self, architecture: Architecture, position: int) -> Alternatives:
        """What the micro search tries at a position, in this order.

        Args:
            architecture: The architecture that is changed.
            position: Number of the position, from 0.
        """
        return space.alternatives(self, architecture, position)

    def sample(self, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
        """A random architecture: depth, width, then every operation and kernel size.

        Args:
            rng: Source of the random numbers.
            depths: Numbers of layers to draw from.
            widths: Channels of the first resolution to draw from.
        """
        return space.sample(self, rng, depths=depths, widths=widths)

    def mutate(self, architecture: Architecture, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
        """A neighbour of the architecture within the bounds: one variable differs by one step.

        Args:
            architecture: The architecture that is changed.
            rng: Source of the random numbers.
            depths: Numbers of layers that it may have.
            widths: Channels of the first resolution that it may have.
        """
        return space.mutate(self, architecture, rng, depths=depths, widths=widths)

    def refinements(self) -> Refinements | None:
        """The space as the strategy `nar` searches it; None: it cannot."""
        return None

    def mixed_cells(self) -> MixedCells | None:
        """The space as the strategy `allegro` searches it; None: it cannot."""
        return None


SPACES = Registry("facenas.spaces", "facenas.backbones", NetworkSection)
SEARCHED = OneOf(SPACES, SpaceSection)
Space = Annotated[SpaceSection, SEARCHED]
Builder = Annotated[NetworkSection, OneOf(SPACES)]  # or a network made by hand


@cache
def _counted(network: NetworkSection, architecture: Architecture) -> Cost:
    from facenas.backbones.counting import counted

    return counted(lambda: network.build(architecture), channels=network.in_channels, size=network.input_size)
