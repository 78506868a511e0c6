"""What every search space offers, and the random walks that all of them share."""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict, TypeVar

from facenas.backbones.architecture import Architecture, Kernel, Operation
from facenas.backbones.cost import Cost
from facenas.backbones.drawing import Drawing, Graph
from facenas.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


class Ranges(TypedDict):
    """The depths and the widths that a search draws from.

    Attributes:
        depths: Numbers of layers.
        widths: Channels of the first resolution.
    """

    depths: range
    widths: range


class Alternatives(NamedTuple):
    """What the micro search tries at a position, each in this order.

    Attributes:
        operations: Operations to try, while the kernel size stays.
        kernels: Kernel sizes in pixels to try, while the operation stays.
    """

    operations: tuple[Operation, ...]
    kernels: tuple[Kernel, ...]


class Refinements(Protocol):
    """A space of refinements of a base network, as the strategy `nar` searches it: an operator for each position, and links."""

    @property
    def operators(self) -> tuple[Any, ...]:
        """Names of the operators, in the order of `choices`."""

    @property
    def choices(self) -> tuple[tuple[Operation, Kernel], ...]:
        """What each operator computes."""

    @property
    def units(self) -> int:
        """Number of units of the base."""

    @property
    def positions_per(self) -> str:
        """What an operator is chosen for, in a word, such as `unit`."""

    def start(self) -> Architecture:
        """The base itself."""

    def encoded(self, operators: Sequence[Any], links: Sequence[int] = ()) -> Architecture:
        """The architecture with these operators and links.

        Args:
            operators: Name of an operator for each position.
            links: The links, each 0 or 1, in the order of `link_pairs.pairs(units)`; empty: none.
        """

    def decoded(self, architecture: Architecture) -> list[Any]:
        """Name of the operator at each position of an architecture."""

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates of an architecture's network."""

    def macs(self, architecture: Architecture) -> int:
        """Number of multiply-accumulates for one image."""

    def supernet(self) -> Any:
        """The network that holds all refinements, with fresh weights: an `nn.Module` such as `facenas.backbones.supernet.Supernet`."""


class MixedCells(Protocol):
    """A space of cells, as the strategy `allegro` searches it: a supernet in which every edge computes all operators."""

    def start(self) -> Architecture:
        """Any architecture of the space."""

    def check_supernet(self, *, depth: int, width: int) -> None:
        """Check that there is a supernet of this size.

        Args:
            depth: Number of cells of the supernet.
            width: Channels of a node in the first cell.

        Raises:
            SettingsError: If there is no such supernet.
        """

    def supernet(self, *, depth: int, width: int) -> Any:
        """A supernet with fresh weights: an `nn.Module` such as `facenas.backbones.cell_supernet.CellSupernet`.

        Args:
            depth: Number of cells.
            width: Channels of a node in the first cell.
        """

    def skips(self, architecture: Architecture) -> tuple[int, int]:
        """Number of edges of the normal cell and of the reduction cell that are skips."""

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates of an architecture's network."""


class SearchSpace(Protocol):
    """A set of architectures and how networks are made of them: all that searches, training and reports ask of a space.

    `facenas.backbones.SpaceSection` has most of it; a space of one's own is a class below it. Nothing here needs torch but `build`.
    """

    @property
    def name(self) -> str:
        """What the space is called in settings and files."""

    @property
    def input_size(self) -> int:
        """Image side in pixels."""

    @property
    def in_channels(self) -> int:
        """Image channels."""

    @property
    def classes(self) -> int:
        """Number of classes of a classifier; 0 for a space whose networks embed."""

    @property
    def chain(self) -> bool:
        """Whether a network computes its modules one after the other, so that the sum of their latencies predicts its own."""

    @property
    def one_size(self) -> bool:
        """Whether all architectures have the same depth and width, so that the bounds of a search say nothing."""

    @property
    def depth_step(self) -> int:
        """Number of layers that one step of growth adds."""

    @property
    def width_step(self) -> int:
        """Channels by which the micro search makes networks wider or narrower; 1 where every width can be built."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What a position may compute; the first is what every architecture starts from."""

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """Kernel sizes in pixels; the first is what every architecture starts from."""

    @property
    def choices(self) -> tuple[tuple[Operation, Kernel], ...]:
        """What a position may compute, as pairs of an operation and a kernel size."""

    def positions(self, depth: int) -> int:
        """Number of searchable operations at `depth`; an error if no architecture has that depth."""

    def start(self, *, depth: int, width: int) -> Architecture:
        """The architecture with the first operation and the first kernel size everywhere.

        Args:
            depth: Number of layers, as the space counts them.
            width: Channels of the first resolution.
        """

    def check(self, architecture: Architecture) -> None:
        """Raise a ModelError unless the architecture lies in this space."""

    def ranges(self, *, depths: tuple[int, int], widths: range) -> Ranges:
        """The depths and widths to draw from, within bounds.

        Args:
            depths: Fewest and most layers.
            widths: Channels of the first resolution.

        Raises:
            ModelError: If no architecture has the first or the last depth.
        """

    def alternatives(self, architecture: Architecture, position: int) -> Alternatives:
        """What the micro search tries at a position, in this order.

        Args:
            architecture: The architecture that is changed.
            position: Number of the position, from 0.
        """

    def sample(self, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
        """An architecture drawn uniformly: depth, width, then every operation and kernel.

        Args:
            rng: Source of the random numbers.
            depths: Numbers of layers to draw from.
            widths: Channels of the first resolution to draw from.
        """

    def mutate(self, architecture: Architecture, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
        """An architecture that differs in one variable by one step.

        Args:
            architecture: The architecture that is changed.
            rng: Source of the random numbers.
            depths: Numbers of layers that it may have.
            widths: Channels of the first resolution that it may have.
        """

    def build(self, architecture: Architecture) -> "nn.Module":
        """A network with fresh weights, from images (B, C, H, W) to embeddings (B, D) that are not normalised or to logits (B, N)."""

    def dimension(self, architecture: Architecture) -> int:
        """Size of the network's output: embedding dimension D, or number of classes."""

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates at `input_size`, without memory for the weights."""

    def count_parameters(self, architecture: Architecture) -> int:
        """Number of trainable parameters."""

    def macs(self, architecture: Architecture) -> int:
        """Number of multiply-accumulates for one image."""

    def drawing(self, architecture: Architecture) -> Drawing:
        """The network as blocks, for reports."""

    def graphs(self, architecture: Architecture) -> Sequence[Graph]:
        """Cells to draw as graphs; most spaces have none."""

    def stage_ends(self, architecture: Architecture) -> Sequence[tuple[str, int]]:
        """Module and channels at the end of each stage, of which each halves the resolution; none where feature maps are not offered."""

    def refinements(self) -> Refinements | None:
        """The space as the strategy `nar` searches it; None: it cannot."""

    def mixed_cells(self) -> MixedCells | None:
        """The space as the strategy `allegro` searches it; None: it cannot."""


KERNELS: tuple[Kernel, ...] = (3, 5)  # that a search chooses from
KNOWN_KERNELS: tuple[Kernel, ...] = (1, 3, 5, 7)  # that networks of plain and separable convolutions can be built with
T = TypeVar("T")


def check_kinds(space: SearchSpace, architecture: Architecture, *, kernels: Sequence[Kernel] = ()) -> None:
    """Check that a space knows the operations and kernel sizes of an architecture, which must have no links.

    Args:
        space: The space that the architecture is of.
        architecture: The architecture that is checked.
        kernels: Kernel sizes in pixels that can be built; empty: those that the space chooses from.

    Raises:
        ModelError: If it has others, or links.
    """
    can = kernels or space.kernels
    strange = sorted(set(architecture.operations) - set(space.operations))
    sizes = sorted(set(architecture.kernels) - set(can))
    if strange or architecture.links:
        what = f"operation {strange[0]!r}" if strange else f"links {architecture.links}"
        raise ModelError(f"this space knows the operations {_listed(space.operations)}, and no links; the architecture has {what}")
    if sizes:
        raise ModelError(f"this space knows kernels of {_listed(can)} pixels; the architecture has one of {sizes[0]}")


def ranges(space: SearchSpace, *, depths: tuple[int, int], widths: range) -> Ranges:
    """The depths and widths to draw from: depths in steps of the space's, which must have the first and the last, and all widths.

    Args:
        space: The space.
        depths: Fewest and most layers.
        widths: Channels of the first resolution.

    Raises:
        ModelError: If no architecture has the first or the last depth.
    """
    steps = range(depths[0], depths[1] + 1, space.depth_step)
    for end in (steps[0], steps[-1]):
        space.positions(end)
    return {"depths": steps, "widths": widths}


def alternatives_of(choices: Sequence[tuple[Operation, Kernel]], architecture: Architecture, position: int) -> Alternatives:
    """Where not every operation has every kernel size: the operations with the size that is there, the sizes of the operation there.

    Args:
        choices: What a position may compute, as pairs of an operation and a kernel size.
        architecture: The architecture that is changed.
        position: Number of the position, from 0.
    """
    there, size = architecture.operations[position], architecture.kernels[position]
    return Alternatives(
        tuple(operation for operation, kernel in choices if kernel == size and operation != there),
        tuple(kernel for operation, kernel in choices if operation == there and kernel != size),
    )


def alternatives(space: SearchSpace, architecture: Architecture, position: int) -> Alternatives:
    """The operations that are not there, and all kernel sizes but the one that every architecture starts from.

    Args:
        space: The space.
        architecture: The architecture that is changed.
        position: Number of the position, from 0.

    Source: EGNAS, algorithm 1, with two operations and 3x3 and 5x5: the other operation, and 5x5.
    """
    there = architecture.operations[position]
    return Alternatives(tuple(operation for operation in space.operations if operation != there), space.kernels[1:])


def sample(space: SearchSpace, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
    """Draw depth, width, operations and kernels uniformly (EGNAS, section 3.1, equation 1).

    Args:
        space: The space.
        rng: Source of the random numbers.
        depths: Numbers of layers to draw from.
        widths: Channels of the first resolution to draw from.
    """
    architecture = space.start(depth=rng.choice(depths), width=rng.choice(widths))
    positions = range(len(architecture.operations))
    return architecture.replace(
        operations=tuple(rng.choice(space.operations) for _ in positions), kernels=tuple(rng.choice(space.kernels) for _ in positions)
    )


def mutate(space: SearchSpace, architecture: Architecture, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
    """Change one variable: one step deeper or shallower, wider or narrower, or one operation or kernel.

    A step in depth appends or removes the last position.

    Args:
        space: The space.
        architecture: The architecture that is changed.
        rng: Source of the random numbers.
        depths: Numbers of layers that it may have.
        widths: Channels of the first resolution that it may have.
    """
    neighbours = {
        "depth": [d for d in (architecture.depth - space.depth_step, architecture.depth + space.depth_step) if d in depths],
        "width": _beside(architecture.width, widths),
    }
    kinds = {"operation": space.operations, "kernel": space.kernels}
    variables = [name for name, steps in neighbours.items() if steps] + [name for name, some in kinds.items() if len(some) > 1]
    if not variables:  # there is no other architecture
        return architecture
    variable = rng.choice(variables)
    if variable == "depth":
        return _with_depth(space, architecture, rng.choice(neighbours["depth"]))
    if variable == "width":
        return architecture.replace(width=rng.choice(neighbours["width"]))
    position = rng.randrange(len(architecture.operations))
    if variable == "operation":
        return architecture.replace(operations=_another(architecture.operations, position, space.operations, rng))
    return architecture.replace(kernels=_another(architecture.kernels, position, space.kernels, rng))


def _beside(value: int, values: Sequence[int]) -> list[int]:
    below = [v for v in values if v < value]
    above = [v for v in values if v > value]
    return ([max(below)] if below else []) + ([min(above)] if above else [])


def _with_depth(space: SearchSpace, architecture: Architecture, depth: int) -> Architecture:
    fresh = space.start(depth=depth, width=architecture.width)
    positions = len(fresh.operations)
    return fresh.replace(
        operations=(architecture.operations + fresh.operations)[:positions], kernels=(architecture.kernels + fresh.kernels)[:positions]
    )


def _another(values: Sequence[T], position: int, choices: Sequence[T], rng: Random) -> tuple[T, ...]:
    """Another choice at a position; of two there is nothing to draw."""
    others = [choice for choice in choices if choice != values[position]]
    return (*values[:position], others[0] if len(others) == 1 else rng.choice(others), *values[position + 1 :])


def _listed(values: Sequence[object]) -> str:
    return " and ".join(filter(None, [", ".join(map(str, values[:-1])), str(values[-1])]))
