"""Refinement: the networks that differ from a proven one, the base, in nothing but the operators of its layers."""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from facenas.backbones import cost, ir, resnet, space
from facenas.backbones.architecture import Architecture, Kernel, Layers, Operation
from facenas.backbones.cost import Cost
from facenas.backbones.drawing import Drawing, Layer
from facenas.backbones.link_pairs import check_links
from facenas.backbones.resnet import Stem
from facenas.backbones.settings import Known, SpaceSection
from facenas.backbones.space import Alternatives, Ranges
from facenas.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

    from facenas.backbones.links import Base
    from facenas.backbones.supernet import Supernet

Operator = Literal["conv3", "conv5", "depthwise3", "depthwise5", "max3", "avg3"]
OPERATORS: dict[Operator, tuple[Operation, Kernel]] = {
    "conv3": ("conv", 3),
    "conv5": ("conv", 5),
    "depthwise3": ("depthwise", 3),
    "depthwise5": ("depthwise", 5),
    "max3": ("max_pool", 3),
    "avg3": ("avg_pool", 3),
}
Name = Literal["ir18", "ir34", "ir50", "ir100", "r34-512", "r58-256", "resnet18"]
STAGES: dict[Name, tuple[int, ...]] = {
    "ir18": ir.KNOWN_STAGES[8],
    "ir34": (3, 4, 6, 3),
    "ir50": ir.KNOWN_STAGES[24],
    "ir100": ir.KNOWN_STAGES[49],
    "r34-512": ir.KNOWN_STAGES[16],
    "r58-256": ir.KNOWN_STAGES[28],
    "resnet18": resnet.STAGES,
}


class OperatorPlace(NamedTuple):
    """A convolution of the base that an operator takes the place of.

    Attributes:
        unit: Number of the unit, from 0.
        at: Number of the module in the unit's residual branch, before its BatchNorm.
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        stride: Stride of the convolution.
        size: Side of its output in pixels.
    """

    unit: int
    at: int  # in the unit's residual branch, before its BatchNorm
    channels_in: int
    channels_out: int
    stride: int
    size: int  # side of its output


class RefinedSpace(SpaceSection):
    """A base network with an operator to choose for every convolution, or every unit; depth, width and shortcuts stay.

    An operator but `conv` works on one channel at a time; a pointwise convolution follows. The paper says nothing of it, but the
    multiply-accumulates of its table 5 (11 % and 20 % fewer than ResNet-18's) have it after depthwise convolutions and after pooling.

    Source: NAR, sections 3.4 and 4.2.1.
    """

    depth_step: ClassVar[int] = 2
    one_size: ClassVar[bool] = True
    operations: ClassVar[tuple[Operation, ...]] = ("conv", "depthwise")

    name: Literal["refined"] = Field("refined", description="Name of the space.")
    base: Name = Field("ir50", description="The network to refine.")
    width: int | None = Field(None, ge=1, description="Channels of its first stage; null: the base's own.")
    positions_per: Literal["convolution", "unit"] = Field(
        "convolution", description="What an operator is chosen for: a convolution (ResNet-18-16), or both of a unit (ResNet-18-8)."
    )
    operators: tuple[Operator, ...] = Field(
        ("conv3", "depthwise3", "max3", "avg3"),
        min_length=1,
        description="Operators to choose from; by default none with more parameters than the base's, the paper's rule.",
    )
    pooling: Literal["mixed", "bare"] = Field(
        "mixed",
        description="Whether a pointwise convolution follows pooling and depthwise operators always, or only where channels change.",
    )
    input_size: int = Field(112, ge=4, description="Image side in pixels; of an IR network a multiple of 16.")
    in_channels: int = Field(3, ge=1, description="Image channels.")
    embedding_size: int | None = Field(512, ge=1, description="Embedding dimension D, of a face network; null: 8 x width.")
    output: Literal["flatten", "gdc"] = Field("flatten", description="Output layer of an IR network, as in the space `ir`.")
    dropout: float = Field(0.4, ge=0, lt=1, description="Dropout before the embedding layer, a fraction, of an IR network.")
    num_classes: int | None = Field(None, ge=2, description="Classes; null: it embeds. Of base resnet18 alone.")
    stem: Stem = Field("small", description="First layer of resnet18: 3x3 (CIFAR and its like), or 7x7 and pooling (ImageNet).")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.base != "resnet18" and self.num_classes is not None:
            raise ValueError(f"{self.base} embeds faces and has no num_classes; resnet18 may have them")
        if self.base != "resnet18" and self.input_size % ir.REDUCTION:
            raise ValueError(f"an IR network's input_size is a multiple of {ir.REDUCTION}")
        return self

    @classmethod
    def known(cls) -> dict[str, Known]:
        """ResNet-18 for ImageNet and its refinements in table 5 of NAR.

        NAR prints one digit too few of each (7 and 15): the last unit's, and the last convolution's, are taken to be the base's, 0.
        """
        return {"resnet18": _resnet18("00000000"), "resnet18-8": _resnet18("10000000"), "resnet18-16": _resnet18("1002000010000020")}

    @property
    def channels(self) -> int:
        """Channels of the first stage."""
        return self.width or (32 if self.base == "r58-256" else 64)

    @property
    def depth(self) -> int:
        """Number of layers of the base, counted as its own space counts them."""
        return 2 * sum(STAGES[self.base]) + 2

    @property
    def choices(self) -> tuple[tuple[Operation, Kernel], ...]:
        """What a position may compute, as pairs of an operation and a kernel size."""
        return tuple(OPERATORS[operator] for operator in self.operators)

    @property
    def units(self) -> int:
        """Number of units of the base."""
        return sum(STAGES[self.base])

    def positions(self, depth: int) -> int:
        """Number of operators to choose: one per convolution, or per unit; a ModelError if the base has another depth."""
        if depth != self.depth:
            raise ModelError(f"{self.base} has depth {self.depth}, got {depth}; refinement keeps depth and width")
        return self.units * (2 if self.positions_per == "convolution" else 1)

    def start(self, *, depth: int | None = None, width: int | None = None) -> Architecture:
        """The base itself: 3x3 convolutions everywhere.

        Args:
            depth: Number of layers, which must be the base's; None: the base's.
            width: Channels of the first stage, which must be the base's; None: the base's.

        Raises:
            ModelError: If depth or width is another than the base's.
        """
        count, wide = self.positions(depth or self.depth), width or self.channels
        if wide != self.channels:
            raise ModelError(f"{self.base} has width {self.channels}, got {wide}; refinement keeps depth and width")
        return Architecture(space="refined", depth=self.depth, width=wide, operations=("conv",) * count, kernels=(3,) * count)

    def encoded(self, operators: Sequence[Operator], links: Sequence[int] = ()) -> Architecture:
        """The architecture with these operators and links.

        Args:
            operators: Name of an operator for each position.
            links: The links, each 0 or 1, in the order of `link_pairs.pairs`; empty: none.
        """
        operations, kernels = zip(*(OPERATORS[operator] for operator in operators), strict=True)
        made = self.start().replace(operations=operations, kernels=kernels, links=tuple(links) if any(links) else ())
        self.check(made)
        return made

    def decoded(self, architecture: Architecture) -> list[Operator]:
        """Name of the operator at each position of an architecture."""
        names = {layer: name for name, layer in OPERATORS.items()}
        return [names[layer] for layer in zip(architecture.operations, architecture.kernels, strict=True)]

    def check(self, architecture: Architecture) -> None:
        """Raise a ModelError unless the architecture lies in this space."""
        base, shape = self.start(), ("space", "depth", "width", "stages")
        if any(getattr(base, name) != getattr(architecture, name) for name in shape) or any(
            len(part) != len(base.operations) for part in (architecture.operations, architecture.kernels)
        ):
            raise ModelError(
                f"a refined {self.base} has depth {base.depth}, width {base.width}, {len(base.operations)} operations and kernels, got "
                f"space {architecture.space!r}, depth {architecture.depth}, width {architecture.width}, "
                f"{len(architecture.operations)} operations, {len(architecture.kernels)} kernels"
            )
        strange = set(zip(architecture.operations, architecture.kernels, strict=True)) - set(OPERATORS.values())
        if strange:
            kind, kernel = sorted(strange)[0]
            raise ModelError(f"this space knows the operators {', '.join(OPERATORS)}; the architecture has {kind} {kernel}x{kernel}")
        check_links(architecture.links, self.units)

    def places(self) -> list[OperatorPlace]:
        """Every convolution of the base's residual branches, in the order of computation."""
        made, channels, size = list[OperatorPlace](), self.channels, self.input_size
        if self.base == "resnet18":
            size = resnet.after_stem(size, self.stem)
            for unit, (channels_in, channels_out, stride) in enumerate(resnet.units(channels)):
                size = -(-size // stride)
                made += [
                    OperatorPlace(unit, 0, channels_in, channels_out, stride, size),
                    OperatorPlace(unit, 3, channels_out, channels_out, 1, size),
                ]
            return made
        for unit, (_, _, channels_in, channels_out, stride) in enumerate(ir.plan(self._base)):
            made += [
                OperatorPlace(unit, 1, channels_in, channels_out, 1, size),
                OperatorPlace(unit, 4, channels_out, channels_out, stride, size // stride),
            ]
            size //= stride
        return made

    def ranges(self, *, depths: tuple[int, int], widths: range) -> Ranges:
        """The base's own depth and width, whatever the bounds.

        Args:
            depths: Fewest and most layers; they are not used.
            widths: Channels; they are not used.
        """
        return {"depths": range(self.depth, self.depth + 1), "widths": range(self.channels, self.channels + 1)}

    def alternatives(self, architecture: Architecture, position: int) -> Alternatives:
        """What the micro search tries at a position: operations with the kernel size there, and sizes of the operation there.

        Args:
            architecture: The architecture that is changed.
            position: Number of the position, from 0.
        """
        return space.alternatives_of(self.choices, architecture, position)

    def refinements(self) -> "RefinedSpace":
        """The space itself, which the strategy `nar` can search."""
        return self

    def supernet(self) -> "Supernet":
        """The network that holds the base with all operators at every position, with fresh weights."""
        from facenas.backbones.supernet import Supernet

        return Supernet(self)

    def drawing(self, architecture: Architecture) -> Drawing:
        """The network for a report: a block for every convolution, or every unit."""
        told = "convolution of a unit" if self.positions_per == "convolution" else "unit of two convolutions"
        return Drawing([Layer(*one) for one in self.plan(architecture)], self.input_size, self.positions_per, told)

    def plan(self, architecture: Architecture) -> Layers:
        """Operation, kernel, input channels, output channels and stride of every convolution, or every unit."""
        places, step = self.places(), 2 if self.positions_per == "unit" else 1
        return [
            (kind, kernel, some[0].channels_in, some[-1].channels_out, max(place.stride for place in some))
            for kind, kernel, some in zip(
                architecture.operations, architecture.kernels, [places[i : i + step] for i in range(0, len(places), step)], strict=True
            )
        ]

    def of_places(self, architecture: Architecture) -> list[tuple[Operation, Kernel]]:
        """Operation and kernel size of every convolution of the base's residual branches, in the order of `places`."""
        times = 2 if self.positions_per == "unit" else 1
        return [layer for layer in zip(architecture.operations, architecture.kernels, strict=True) for _ in range(times)]

    def build(self, architecture: Architecture) -> "nn.Module":
        """A network from images (B, C, H, W) to embeddings (B, D) that are not normalised, or to logits (B, num_classes)."""
        from facenas.backbones.links import Linked

        self.check(architecture)
        network = self.build_base()
        for place, (kind, kernel) in zip(self.places(), self.of_places(architecture), strict=True):
            if (kind, kernel) != OPERATORS["conv3"]:
                network.units[place.unit].residual[place.at] = self.operator(place, kind, kernel)
        return Linked(network, architecture.links) if architecture.links else network

    def build_base(self) -> "Base":
        """The base with fresh weights."""
        from facenas.backbones.ir_network import IRNetwork
        from facenas.backbones.resnet_network import ResNet

        if self.base == "resnet18":
            outputs, embeds = self.dimension(self.start()), self.num_classes is None
            return ResNet(self.channels, stem=self.stem, in_channels=self.in_channels, outputs=outputs, embeds=embeds)
        network = self._faces.build(self._base)
        assert isinstance(network, IRNetwork)
        return network

    def operator(self, place: OperatorPlace, kind: Operation, kernel: Kernel) -> "nn.Module":
        """A fresh operator for a place.

        Args:
            place: The convolution of the base that it takes the place of.
            kind: Name of the operation.
            kernel: Kernel size in pixels.
        """
        from facenas.backbones import layers

        mixed = self.pooling == "mixed"
        made = layers.operation(kind, place.channels_in, place.channels_out, kernel, stride=place.stride, mixed=mixed)
        return made.apply(layers.initialise)

    def dimension(self, architecture: Architecture) -> int:
        """Embedding dimension D, or number of classes."""
        return self.num_classes or self.embedding_size or 8 * self.channels

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates at `input_size`; links cost neither."""
        self.check(architecture)
        total = self._base_cost()
        for place, (kind, kernel) in zip(self.places(), self.of_places(architecture), strict=True):
            ends = place.channels_in, place.channels_out
            own = cost.operation(kind, *ends, kernel, size=place.size, mixed=self.pooling == "mixed")
            total = total.less(cost.convolution(*ends, 3, size=place.size)) + own
        return total

    def _base_cost(self) -> Cost:
        if self.base != "resnet18":
            return self._faces.cost(self._base)
        options = {"in_channels": self.in_channels, "outputs": self.dimension(self.start()), "input_size": self.input_size}
        return resnet.base_cost(self.channels, stem=self.stem, **options)

    def sample(self, rng: Random, *, depths: Sequence[int] = (), widths: Sequence[int] = ()) -> Architecture:
        """An architecture whose operators are drawn uniformly; depth and width are the base's.

        Args:
            rng: Source of the random numbers.
            depths: Numbers of layers; they are not used.
            widths: Channels; they are not used.
        """
        return self.encoded([rng.choice(self.operators) for _ in self.start().operations])

    def mutate(self, architecture: Architecture, rng: Random, *, depths: Sequence[int] = (), widths: Sequence[int] = ()) -> Architecture:
        """The architecture with another operator at one position.

        Args:
            architecture: The architecture that is changed.
            rng: Source of the random numbers.
            depths: Numbers of layers; they are not used.
            widths: Channels; they are not used.
        """
        operators = self.decoded(architecture)
        position = rng.randrange(len(operators))
        others = [operator for operator in self.operators if operator != operators[position]]
        operators[position] = rng.choice(others or self.operators)
        return self.encoded(operators, architecture.links)

    @property
    def _base(self) -> Architecture:
        return self._faces.start(depth=self.depth, width=self.channels).replace(stages=STAGES[self.base])

    @property
    def _faces(self) -> ir.IRSpace:
        options = self.model_dump(include={"embedding_size", "input_size", "in_channels", "output", "dropout"})
        return ir.IRSpace(**options)


def _resnet18(code: str) -> Known:
    """A ResNet-18 for ImageNet, encoded as in table 5 of NAR, one digit for each unit or each convolution."""
    operators: tuple[Operator, ...] = ("conv3", "depthwise3", "max3", "avg3")
    space = RefinedSpace(
        base="resnet18", positions_per="unit" if len(code) == 8 else "convolution", input_size=224, num_classes=1000, stem="imagenet"
    )
    return Known(space.encoded([operators[int(digit)] for digit in code]), space)
