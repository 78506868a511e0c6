"""The network of all cells of a space at once: every edge computes all its operators, mixed by a softmax of the architecture parameters.

Source: Liu et al., "DARTS: differentiable architecture search", 2019, sections 2.2 to 2.4, and its `model_search.py`.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from facenas.backbones.architecture import Architecture
from facenas.backbones.cell_choices import Edge, operator_cost
from facenas.backbones.cell_network import entrances
from facenas.backbones.cell_operations import operator
from facenas.backbones.cell_places import NODES, CellPlace, places
from facenas.backbones.cells import (
    CellSpace,
    skips,  # noqa: F401 - its place before
)

INPUTS = [tuple(range(2 + node)) for node in range(NODES)]  # of each node
CELL_EDGES = sum(map(len, INPUTS))
NONE = 0  # its place among the architecture parameters of an edge; the space's choices follow
SPREAD = 1e-3  # of the first architecture parameters, as in DARTS' code


class MixedOperation(nn.Module):
    """The sum of all operators of an edge, each times its weight; `none` adds nothing.

    Args:
        choices: Operation and kernel size of each operator that the edge may compute.
        channels: Channels of a node.
        stride: Stride: 1, or 2 in front of a reduction.
        groups: Number of groups of the pointwise convolutions in AllegroNAS' modules.
    """

    def __init__(self, choices: tuple[Edge, ...], channels: int, *, stride: int, groups: int) -> None:
        super().__init__()
        self.operators = nn.ModuleList(operator(edge, channels, stride=stride, groups=groups, searched=True) for edge in choices)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """The weighted sum of what all operators compute (B, C, H / stride, W / stride).

        Args:
            x: Features (B, C, H, W).
            weights: Weights of `none` and of every operator (1 + operators,).
        """
        total, *rest = (weight * made(x) for made, weight in zip(self.operators, weights[1:], strict=True))
        for one in rest:
            total = total + one
        mixed: Tensor = total
        return mixed


class MixedCell(nn.Module):
    """A cell whose nodes see all inputs before them.

    Args:
        place: The cell's place in the network, with its sizes.
        space: Space of the cells, which has the operators.

    Attributes:
        weights: Weights of `none` and the operators of every edge (14, 1 + operators); set for a forward pass.
    """

    def __init__(self, place: CellPlace, space: CellSpace) -> None:
        super().__init__()
        self.reduction, self.weights = place.reduction, torch.zeros(CELL_EDGES, 1 + len(space.choices))
        self.first, self.second = entrances(place, affine=False)
        self.edges = nn.ModuleList(
            MixedOperation(space.choices, place.channels, stride=2 if place.reduction and link < 2 else 1, groups=space.groups)
            for links in INPUTS
            for link in links
        )

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Output of the cell (B, 4 x channels, H, W).

        Args:
            first: Output of the cell before the last (B, C, H, W); it may have twice the resolution.
            second: Output of the last cell (B, C, H, W).
        """
        states, at = [self.first(first), self.second(second)], 0
        for links in INPUTS:
            total, *rest = (self.edges[at + link](states[link], self.weights[at + link]) for link in links)
            for one in rest:
                total = total + one
            states.append(total)
            at += len(links)
        return torch.cat(states[2:], 1)


class CellSupernet(nn.Module):
    """Stem, mixed cells and head of a space; without auxiliary head, dropout and drop path.

    Args:
        space: Space of the cells; the network that the supernet stands for has the space's own depth and width.
        depth: Number of cells of the supernet.
        width: Channels of a node before the first reduction.
    """

    def __init__(self, space: CellSpace, *, depth: int = 8, width: int = 16) -> None:
        super().__init__()
        self.space = space.model_copy(update={"auxiliary": False, "drop_path": 0.0, "dropout": 0.0})
        put = places(depth, width, space.shape, size=space.input_size)
        self.network = self.space.around([MixedCell(place, space) for place in put], put, width)
        shape = (CELL_EDGES, 1 + len(space.choices))
        self.normal, self.reduction = (nn.Parameter(SPREAD * torch.randn(shape)) for _ in range(2))

    @property
    def alphas(self) -> list[nn.Parameter]:
        """The architecture parameters of both cells (14, 1 + operators)."""
        return [self.normal, self.reduction]

    def weights(self) -> Iterator[nn.Parameter]:
        """All parameters but the architecture parameters."""
        return self.network.parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> logits (B, N) or embeddings (B, D)."""
        self._mix(*(alpha.softmax(1) for alpha in self.alphas))
        out: Tensor = self.network(x)
        self._mix(*(alpha.detach() for alpha in self.alphas))  # so that no module holds on to a graph
        return out

    def _mix(self, normal: Tensor, reduction: Tensor) -> None:
        for cell in self.network.cells:
            assert isinstance(cell, MixedCell)
            cell.weights = reduction if cell.reduction else normal

    def derived(self) -> Architecture:
        """The architecture of the likeliest edges: two inputs of a node, each with its likeliest operator but `none`.

        Source: DARTS, section 2.4.
        """
        return next(self.derivations())

    def derivations(self) -> Iterator[Architecture]:
        """The architecture that `derived` gives, then less likely ones that cost less, to choose from where limits hold.

        From one to the next, the edge that loses the least probability by it gets an operator that costs less.
        """
        links, shares = list[int](), list[Tensor]()
        for alpha in self.alphas:
            share, at = alpha.detach().softmax(1)[:, 1:].cpu(), 0
            for inputs in INPUTS:
                order = sorted(inputs, key=lambda link: -float(share[at + link].max()))[:2]
                shares += [share[at + link] for link in order]
                links += order
                at += len(inputs)
        edges = [self.space.choices[int(share.argmax())] for share in shares]
        while True:
            yield self.space.encoded(edges, links)
            steps = [(float(shares[at][old] - shares[at][new]), at, new) for at, old, new in self._cheaper(edges)]
            if not steps:
                return
            _, at, new = min(steps)
            edges[at] = self.space.choices[new]

    def _cheaper(self, edges: list[Edge]) -> Iterator[tuple[int, int, int]]:
        """Each edge with the number of its operator and that of another one that costs less."""
        costs = [operator_cost(edge, self.space.channels, stride=1, groups=self.space.groups, size=1) for edge in self.space.choices]
        for at, edge in enumerate(edges):
            old = self.space.choices.index(edge)
            yield from ((at, old, new) for new, cost in enumerate(costs) if cost < costs[old])
