"""The space of DARTS and of AllegroNAS: two cells, a normal one and a reduction, of which a network is stacked."""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from facenas.backbones import cost, space
from facenas.backbones.architecture import Architecture, Kernel, Operation
from facenas.backbones.cell_choices import OPERATORS, Edge, operator_cost, relu_conv_norm_cost
from facenas.backbones.cell_places import HALVINGS, NODES, CellPlace, Shape, places, stem_cost
from facenas.backbones.cost import Cost
from facenas.backbones.drawing import Drawing, Graph, Layer
from facenas.backbones.drawing import Edge as Drawn
from facenas.backbones.output import Flat, embedding_cost
from facenas.backbones.settings import Known, SpaceSection
from facenas.backbones.space import Alternatives, Ranges
from facenas.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from torch import nn

    from facenas.backbones.cell_network import CellNetwork
    from facenas.backbones.cell_supernet import CellSupernet

EDGES = 2 * NODES  # of a cell
POSITIONS = 2 * EDGES  # of both
INPUTS = (("k-2", "the cell before the last"), ("k-1", "the last cell"))
DRAWN = {  # label and colour of an operator
    "sep_conv": ("sep", "sep"),
    "dil_conv": ("dil", "conv"),
    "allegro_sep_conv": ("sep", "sep"),
    "allegro_dil_conv": ("dil", "conv"),
    "max_pool": ("max", "max_pool"),
    "avg_pool": ("mean", "avg_pool"),
    "skip": ("skip", "skip"),
}
DARTS_OPERATORS: dict[str, Edge] = {"s3": ("sep_conv", 3), "d3": ("dil_conv", 3), "i": ("skip", 1), "m": ("max_pool", 3)}
# What DARTS found with its second-order approximation (`genotypes.py`, DARTS_V2): operator:input, an edge each.
DARTS_V2 = "s3:0 s3:1 s3:0 s3:1 s3:1 i:0 i:0 d3:2 m:0 m:1 i:2 m:1 m:0 i:2 i:2 m:1"


class CellSpace(SpaceSection):
    """Cells of four nodes with two edges each; normal ones and reductions.

    An architecture's depth is the number of cells and its width the channels of a node in the first of them; positions are the edges, the
    normal cell's eight and then the reduction's; `links` has each edge's input, the two of a node in ascending order.

    Source: Liu et al., "DARTS: differentiable architecture search", 2019, sections 2.1 and 3; AllegroNAS, section 3.2.
    """

    one_size: ClassVar[bool] = True

    name: Literal["cells"] = Field("cells", description="Name of the space.")
    operators: Literal["allegro", "darts"] = Field("allegro", description="What edges choose from: AllegroNAS' modules, or DARTS'.")
    groups: int = Field(2, ge=1, description="Groups of the pointwise convolutions in AllegroNAS' modules; 1: none.")
    depth: int = Field(20, ge=3, description="Cells of a network.")
    channels: int = Field(36, ge=4, description="Channels of a node before the first reduction.")
    shape: Shape = Field(
        "cifar", description="cifar: two reductions; imagenet: after a stem of stride 8; ir: four stages and an embedding, for faces."
    )
    input_size: int = Field(32, ge=4, description="Image side in pixels, a multiple of 4; of 32 for imagenet, of 16 for ir.")
    in_channels: int = Field(3, ge=1, description="Image channels.")
    num_classes: int | None = Field(None, ge=2, description="Classes, in the shapes cifar and imagenet.")
    embedding_size: int | None = Field(None, ge=1, description="Embedding dimension D, in the shape ir.")
    output: Flat = Field("flatten", description="Output layer of the shape ir, as in the space `ir`.")
    dropout: float = Field(0.4, ge=0, lt=1, description="Dropout before the embedding layer, a fraction.")
    auxiliary: bool = Field(False, description="A second head after two thirds of the cells, in training alone; not counted as cost.")
    drop_path: float = Field(
        0.0, ge=0, lt=1, description="Share of operators' outputs dropped at the end of training, from 0 at its start."
    )

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        faces = self.shape == "ir"
        if faces != (self.embedding_size is not None) or faces == (self.num_classes is not None):
            raise ValueError("shape ir needs embedding_size and no num_classes; shapes cifar and imagenet the other way round")
        if self.input_size % (step := 2 ** HALVINGS[self.shape]):
            raise ValueError(f"input_size must be a multiple of {step} in the shape {self.shape}, got {self.input_size}")
        if self.channels % (2 * self.groups):
            raise ValueError(f"channels must be a multiple of twice the groups, {2 * self.groups}, got {self.channels}")
        if self.auxiliary and (faces or self.input_size // 2 ** HALVINGS[self.shape] < 6):
            raise ValueError(
                "auxiliary needs classes and features of 6x6 after the second reduction, such as images of 28x28; set it to false"
            )
        return self

    @classmethod
    def known(cls) -> dict[str, Known]:
        """The networks that DARTS found on CIFAR-10, for CIFAR-10 and for ImageNet."""
        imagenet = cls(operators="darts", groups=1, shape="imagenet", depth=14, channels=48, input_size=224, num_classes=1000)
        return {"darts": _darts(cls(operators="darts", groups=1, num_classes=10)), "darts-imagenet": _darts(imagenet)}

    @property
    def choices(self) -> tuple[Edge, ...]:
        """What an edge may compute, as pairs of an operation and a kernel size."""
        return OPERATORS[self.operators]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The convolutions of the space, separable and dilated, by name."""
        return ("allegro_sep_conv", "allegro_dil_conv") if self.operators == "allegro" else ("sep_conv", "dil_conv")

    def positions(self, depth: int) -> int:
        """Number of edges of both cells, whatever the depth; a ModelError if there are too few cells."""
        if depth < (least := 4 if self.shape == "ir" else 3):
            raise ModelError(f"a network of cells has {least} of them or more in the shape {self.shape}, got {depth}")
        return POSITIONS

    def start(self, *, depth: int | None = None, width: int | None = None) -> Architecture:
        """The architecture with separable 3x3 convolutions of both inputs at every node.

        Args:
            depth: Number of cells; None: the space's own.
            width: Channels of a node in the first cell; None: the space's own.
        """
        return self.encoded([(self.operations[0], 3)] * self.positions(depth or self.depth), [0, 1] * (POSITIONS // 2), depth, width)

    def encoded(self, edges: Sequence[Edge], links: Sequence[int], depth: int | None = None, width: int | None = None) -> Architecture:
        """The architecture with these edges, in whichever order the two of a node are.

        Args:
            edges: Operation and kernel size of each edge, the normal cell's eight and then the reduction's.
            links: The input of each edge: 0 and 1 are the outputs of the two cells before, 2 and so on the nodes.
            depth: Number of cells; None: the space's own.
            width: Channels of a node in the first cell; None: the space's own.

        Raises:
            ModelError: If the space has no such architecture.
        """
        pairs = [sorted(zip(links[at : at + 2], edges[at : at + 2], strict=True)) for at in range(0, len(links), 2)]
        ordered = [edge for pair in pairs for edge in pair]
        operations: tuple[Operation, ...] = tuple(operation for _, (operation, _) in ordered)
        kernels: tuple[Kernel, ...] = tuple(kernel for _, (_, kernel) in ordered)
        made = Architecture(
            space="cells",
            depth=depth or self.depth,
            width=width or self.channels,
            operations=operations,
            kernels=kernels,
            links=tuple(link for link, _ in ordered),
        )
        self.check(made)
        return made

    def check(self, architecture: Architecture) -> None:
        """Raise a ModelError unless the architecture lies in this space."""
        self.positions(architecture.depth)
        lengths = {len(part) for part in (architecture.operations, architecture.kernels, architecture.links)}
        if architecture.space != "cells" or architecture.stages or lengths != {POSITIONS}:
            raise ModelError(
                f"an architecture of cells has {POSITIONS} operations, kernels and links and no stages, got space {architecture.space!r}, "
                f"{len(architecture.operations)} operations, {len(architecture.kernels)} kernels, {len(architecture.links)} links, "
                f"stages {architecture.stages}"
            )
        if strange := set(edges(architecture)) - set(self.choices):
            known = ", ".join(f"{kind} {kernel}" for kind, kernel in self.choices)
            kind, kernel = sorted(strange)[0]
            raise ModelError(f"this space knows the operators {known}; the architecture has {kind} {kernel}")
        if architecture.width % (2 * self.groups):
            raise ModelError(f"the width must be a multiple of twice the groups, {2 * self.groups}, got {architecture.width}")
        for at in range(0, POSITIONS, 2):
            low, high = architecture.links[at : at + 2]
            if not low < high < 2 + at % EDGES // 2:
                raise ModelError(
                    f"the edges of a node come from two inputs before it, the lower first; node {at // 2} has {low} and {high}"
                )

    def ranges(self, *, depths: tuple[int, int], widths: range) -> Ranges:
        """The settings' own depth and width, whatever the bounds.

        Args:
            depths: Fewest and most cells; they are not used.
            widths: Channels; they are not used.
        """
        return {"depths": range(self.depth, self.depth + 1), "widths": range(self.channels, self.channels + 1)}

    def alternatives(self, architecture: Architecture, position: int) -> Alternatives:
        """What the micro search tries at an edge: operators with the kernel size that is there, and sizes of the operation that is there.

        Args:
            architecture: The architecture that is changed.
            position: Number of the edge, from 0.
        """
        return space.alternatives_of(self.choices, architecture, position)

    def places(self, architecture: Architecture) -> list[CellPlace]:
        """Every cell's place in the network."""
        return places(architecture.depth, architecture.width, self.shape, size=self.input_size)

    def dimension(self, architecture: Architecture) -> int:
        """Embedding dimension D, or number of classes."""
        return self.num_classes or self.embedding_size or 0

    def build(self, architecture: Architecture) -> "nn.Module":
        """A network from images (B, C, H, W) to logits (B, num_classes) or embeddings (B, D) that are not normalised."""
        from facenas.backbones.cell_network import Cell

        self.check(architecture)
        put = self.places(architecture)
        cells = [
            Cell(place, *half(architecture, reduction=place.reduction), groups=self.groups, dropping=self.drop_path > 0) for place in put
        ]
        return self.around(cells, put, architecture.width)

    def around(self, cells: "Sequence[nn.Module]", put: Sequence[CellPlace], width: int) -> "CellNetwork":
        """The network of given cells: stem and heads are put around them.

        Args:
            cells: Modules of the cells, in their order.
            put: Place of each cell in the network.
            width: Channels of a node in the first cell.
        """
        from facenas.backbones.cell_network import AuxiliaryClassifier, CellNetwork, classifier, stem
        from facenas.backbones.layers import embedding_layer

        last, after = put[-1], 2 * len(put) // 3
        channels = NODES * last.channels
        head = (
            classifier(channels, self.num_classes)
            if self.num_classes is not None
            else embedding_layer(self.output, channels, size=last.size, dimension=self.embedding_size or 0, dropout=self.dropout)
        )
        second = AuxiliaryClassifier(channels, put[after].size, self.num_classes) if self.auxiliary and self.num_classes else None
        before = stem(width, self.in_channels, self.shape)
        return CellNetwork(before, cells, head, auxiliary=second, after=after, drop_path=self.drop_path)

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates at `input_size`, without the auxiliary head, which trained networks do not keep."""
        self.check(architecture)
        put = self.places(architecture)
        total = stem_cost(architecture.width, self.in_channels, self.shape, size=self.input_size)
        for place in put:
            entering = place.size * (2 if place.reduction else 1)
            total += relu_conv_norm_cost(place.first, place.channels, size=entering)
            total += relu_conv_norm_cost(place.second, place.channels, size=entering)
            for edge, link in zip(*half(architecture, reduction=place.reduction), strict=True):
                stride = 2 if place.reduction and link < 2 else 1
                total += operator_cost(edge, place.channels, stride=stride, groups=self.groups, size=place.size)
        channels = NODES * put[-1].channels
        if self.num_classes is None:
            return total + embedding_cost(self.output, channels, size=put[-1].size, dimension=self.embedding_size or 0)
        return total + cost.linear(channels, self.num_classes)

    def mixed_cells(self) -> "CellSpace":
        """The space itself, which the strategy `allegro` can search."""
        return self

    def check_supernet(self, *, depth: int, width: int) -> None:
        """Check that there is a supernet of this size.

        Args:
            depth: Number of cells of the supernet.
            width: Channels of a node in the first cell.

        Raises:
            SettingsError: If the width is no multiple of twice the groups, or there are too few cells.
        """
        if width % (2 * self.groups):
            raise SettingsError(f"strategy.channels must be a multiple of twice space.groups, {2 * self.groups}, got {width}")
        if self.shape == "ir" and depth < 5:
            raise SettingsError(f"in the shape ir four cells are reductions: set strategy.cells to 5 or more, not {depth}")

    def supernet(self, *, depth: int = 8, width: int = 16) -> "CellSupernet":
        """The network of cells whose edges compute all operators, mixed, with fresh weights.

        Args:
            depth: Number of cells.
            width: Channels of a node in the first cell.
        """
        from facenas.backbones.cell_supernet import CellSupernet

        return CellSupernet(self, depth=depth, width=width)

    def skips(self, architecture: Architecture) -> tuple[int, int]:
        """Number of edges of the normal cell and of the reduction cell that are skips."""
        return skips(architecture)

    def drawing(self, architecture: Architecture) -> Drawing:
        """The network for a report: a block for every cell."""
        layers = [
            Layer("reduction" if place.reduction else "normal", 0, place.second, NODES * place.channels, 2 if place.reduction else 1)
            for place in self.places(architecture)
        ]
        return Drawing(layers, self.input_size // (8 if self.shape == "imagenet" else 1), "cell", "cell")

    def graphs(self, architecture: Architecture) -> tuple[Graph, Graph]:
        """The normal cell and the reduction cell as graphs.

        Source: AllegroNAS, figure 5; Liu et al., "DARTS: differentiable architecture search", 2019, figures 4 and 5.
        """
        normal, reduction = (half(architecture, reduction=which) for which in (False, True))
        return (
            Graph("normal cell", INPUTS, NODES, [_drawn(*one) for one in enumerate(zip(*normal, strict=True))]),
            Graph("reduction cell", INPUTS, NODES, [_drawn(*one) for one in enumerate(zip(*reduction, strict=True))]),
        )

    def sample(self, rng: Random, *, depths: Sequence[int] = (), widths: Sequence[int] = ()) -> Architecture:
        """Random cells: two different inputs of every node, and any operators.

        Args:
            rng: Source of the random numbers.
            depths: Numbers of cells to draw from; empty: the space's own.
            widths: Channels of a node in the first cell to draw from; empty: the space's own.
        """
        links = [link for node in range(POSITIONS // 2) for link in rng.sample(range(2 + node % NODES), 2)]
        return self.encoded(
            [rng.choice(self.choices) for _ in links], links, *(rng.choice(some) if some else None for some in (depths, widths))
        )

    def mutate(self, architecture: Architecture, rng: Random, *, depths: Sequence[int] = (), widths: Sequence[int] = ()) -> Architecture:
        """The architecture with another operator or another input of one edge; depth and width stay.

        Args:
            architecture: The architecture that is changed.
            rng: Source of the random numbers.
            depths: Numbers of cells; they are not used.
            widths: Channels; they are not used.
        """
        at, made, links = rng.randrange(POSITIONS), edges(architecture), list(architecture.links)
        free = [link for link in range(2 + at % EDGES // 2) if link not in links[at - at % 2 : at - at % 2 + 2]]
        if free and rng.random() < 0.5:
            links[at] = rng.choice(free)
        else:
            made[at] = rng.choice([edge for edge in self.choices if edge != made[at]])
        return self.encoded(made, links, architecture.depth, architecture.width)


def edges(architecture: Architecture) -> list[Edge]:
    """Operation and kernel size of every edge, the normal cell's eight and then the reduction's."""
    return list(zip(architecture.operations, architecture.kernels, strict=True))


def skips(architecture: Architecture) -> tuple[int, int]:
    """Number of edges of the normal cell and of the reduction cell that are skips."""
    normal, reduction = architecture.operations[:EDGES], architecture.operations[EDGES:]
    return normal.count("skip"), reduction.count("skip")


def half(architecture: Architecture, *, reduction: bool) -> tuple[list[Edge], tuple[int, ...]]:
    """Edges and links of one of the two cells.

    Args:
        architecture: An architecture of this space.
        reduction: Whether it is the reduction cell, or else the normal one.
    """
    part = slice(EDGES, None) if reduction else slice(EDGES)
    return edges(architecture)[part], architecture.links[part]


def _darts(space: CellSpace) -> Known:
    names, links = zip(*(edge.split(":") for edge in DARTS_V2.split()), strict=True)
    return Known(space.encoded([DARTS_OPERATORS[name] for name in names], [int(link) for link in links]), space)


def _drawn(at: int, edge: tuple[Edge, int]) -> Drawn:
    (kind, kernel), link = edge
    label, colour = DRAWN[kind]
    sized = kind != "skip"
    return Drawn(link, at // 2, f"{label} {kernel}" * sized or label, f"{colour}{kernel}" * sized or colour, f"{kind} {kernel}x{kernel}")
