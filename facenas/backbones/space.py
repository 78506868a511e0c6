"""What every search space offers, and the random walks that all of them share."""

from collections.abc import Sequence
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar

from facenas.backbones.architecture import Architecture, Kernel, Operation
from facenas.backbones.cost import Cost
from facenas.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


class SearchSpace(Protocol):
    """A set of architectures and how networks are made of them."""

    @property
    def depth_step(self) -> int:
        """Layers that one step of growth adds."""

    @property
    def operations(self) -> tuple[Operation, Operation]:
        """The operation every architecture starts from, and the one that the micro search tries instead."""

    @property
    def choices(self) -> tuple[tuple[Operation, Kernel], ...]:
        """What a position may compute."""

    def positions(self, depth: int) -> int:
        """Number of searchable operations at `depth`; an error if no architecture has that depth."""

    def start(self, *, depth: int, width: int) -> Architecture:
        """The architecture with the first operation and 3x3 kernels everywhere."""

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates, without building the network."""

    def build(self, architecture: Architecture) -> "nn.Module":
        """A network with fresh weights."""

    def count_parameters(self, architecture: Architecture) -> int:
        """Trainable parameters, without building the network."""

    def macs(self, architecture: Architecture) -> int:
        """Multiply-accumulates for one image."""

    def sample(self, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
        """An architecture drawn uniformly: depth, width, then every operation and kernel."""

    def mutate(self, architecture: Architecture, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
        """An architecture that differs in one variable by one step."""


KERNELS: tuple[Kernel, Kernel] = (3, 5)
T = TypeVar("T")


def pairs(operations: Sequence[Operation]) -> tuple[tuple[Operation, Kernel], ...]:
    """Each operation with each kernel of the micro search."""
    return tuple(product(operations, KERNELS))


def check_kinds(space: SearchSpace, architecture: Architecture) -> None:
    """Raise a ModelError if the architecture has operations that the space does not know, or links."""
    strange = sorted(set(architecture.operations) - set(space.operations))
    if strange or architecture.links:
        what = f"operation {strange[0]!r}" if strange else f"links {architecture.links}"
        raise ModelError(f"this space knows the operations {' and '.join(space.operations)}, and no links; the architecture has {what}")


def sample(space: SearchSpace, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
    """Draw depth, width, operations and kernels uniformly (EGNAS, section 3.1, equation 1)."""
    architecture = space.start(depth=rng.choice(depths), width=rng.choice(widths))
    positions = range(len(architecture.operations))
    return architecture.replace(
        operations=tuple(rng.choice(space.operations) for _ in positions), kernels=tuple(rng.choice(KERNELS) for _ in positions)
    )


def mutate(space: SearchSpace, architecture: Architecture, rng: Random, *, depths: Sequence[int], widths: Sequence[int]) -> Architecture:
    """Change one variable: one step deeper or shallower, wider or narrower, or one operation or kernel.

    A step in depth appends or removes the last position.
    """
    neighbours = {
        "depth": [d for d in (architecture.depth - space.depth_step, architecture.depth + space.depth_step) if d in depths],
        "width": _beside(architecture.width, widths),
    }
    variable = rng.choice([name for name, steps in neighbours.items() if steps] + ["operation", "kernel"])
    if variable == "depth":
        return _with_depth(space, architecture, rng.choice(neighbours["depth"]))
    if variable == "width":
        return architecture.replace(width=rng.choice(neighbours["width"]))
    position = rng.randrange(len(architecture.operations))
    if variable == "operation":
        return architecture.replace(operations=_flipped(architecture.operations, position, space.operations))
    return architecture.replace(kernels=_flipped(architecture.kernels, position, KERNELS))


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


def _flipped(values: Sequence[T], position: int, pair: Sequence[T]) -> tuple[T, ...]:
    other = pair[1] if values[position] == pair[0] else pair[0]
    return (*values[:position], other, *values[position + 1 :])
