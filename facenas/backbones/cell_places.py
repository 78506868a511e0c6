"""How the cells of a network follow each other, and what its stem costs.

Source: Liu et al., "DARTS: differentiable architecture search", 2019, appendix A, and its `model.py`.
"""

from typing import Literal, NamedTuple

from facenas.backbones import cost
from facenas.backbones.cost import Cost

NODES = 4  # intermediate nodes of a cell; its output is their concatenation
Shape = Literal["cifar", "imagenet", "ir"]
HALVINGS: dict[Shape, int] = {"cifar": 2, "imagenet": 5, "ir": 4}


class CellPlace(NamedTuple):
    """A cell's place in its network.

    Attributes:
        reduction: Whether it halves the resolution.
        reduced_before: Whether the cell before it did, so that its first input has twice its second's resolution.
        first: Channels of the output of the cell before the last.
        second: Channels of the last cell's output.
        channels: Channels of each of its nodes.
        size: Side of its output in pixels.
    """

    reduction: bool
    reduced_before: bool
    first: int
    second: int
    channels: int
    size: int


def places(depth: int, width: int, shape: Shape, *, size: int) -> list[CellPlace]:
    """Every cell's place: reductions after a third and two thirds of the cells, or at the beginning of four stages, as in IR networks.

    Args:
        depth: Number of cells.
        width: Channels of a node before the first reduction, or of the stem and the first stage of the shape `ir`.
        shape: Shape of the network: cifar, imagenet or ir.
        size: Side of the image in pixels.
    """
    reductions = {depth // 3, 2 * depth // 3} if shape != "ir" else {stage * depth // 4 for stage in range(4)}
    size = size // 8 if shape == "imagenet" else size
    first = second = 3 * width if shape == "cifar" else width
    made, channels, reduced = list[CellPlace](), width, shape == "imagenet"
    for number in range(depth):
        reduction = number in reductions
        if reduction:
            size //= 2
            channels *= 1 if shape == "ir" and number == 0 else 2
        made.append(CellPlace(reduction, reduced, first, second, channels, size))
        first, second, reduced = second, NODES * channels, reduction
    return made


def stem_cost(width: int, in_channels: int, shape: Shape, *, size: int) -> Cost:
    """Cost of the modules that `cell_network.stem` makes.

    Args:
        width: Channels of a node before the first reduction, or of the stem itself in the shape ir.
        in_channels: Channels of the image.
        shape: Shape of the network: cifar, imagenet or ir.
        size: Side of the image in pixels.
    """
    if shape == "ir":
        return cost.convolution(in_channels, width, 3, size=size) + cost.batch_norm(width) + Cost(width, 0)
    if shape == "cifar":
        return cost.convolution(in_channels, 3 * width, 3, size=size) + cost.batch_norm(3 * width)
    sizes = ((in_channels, width // 2, size // 2), (width // 2, width, size // 4), (width, width, size // 8))
    return sum((cost.convolution(here, there, 3, size=side) + cost.batch_norm(there) for here, there, side in sizes), start=cost.NOTHING)
