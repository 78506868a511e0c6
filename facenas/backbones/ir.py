"""The face space: improved residual ("IR") networks as AdaFace and ArcFace use them, four stages of doubling width."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from facenas.backbones import cost, space
from facenas.backbones.architecture import Architecture, Layers, Operation
from facenas.backbones.cost import Cost
from facenas.backbones.drawing import Drawing, Layer
from facenas.backbones.output import Flat, embedding_cost
from facenas.backbones.settings import Known, SpaceSection
from facenas.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

# Units per stage that are known. 4, 8, 24 and 49 units are IR-10, IR-18, IR-50 and IR-100. 16 and 28 are EGNAS' R-34-512
# and R-58-256: the paper prints no units per stage; these are inferred from its parameter counts (Table 6: 37.1 M, 14.6 M).
KNOWN_STAGES = {4: (1, 1, 1, 1), 8: (2, 2, 2, 2), 16: (2, 4, 8, 2), 24: (3, 4, 14, 3), 28: (3, 5, 17, 3), 49: (3, 13, 30, 3)}
REDUCTION = 16  # an image side is divided by 2 in each of the four stages


def stages(units: int) -> tuple[int, ...]:
    """Units per stage of a network of `units` units: between two known networks, the stage furthest behind grows next.

    Each further unit makes exactly one stage longer by one.
    """
    if not min(KNOWN_STAGES) <= units <= max(KNOWN_STAGES):
        raise ModelError(f"an IR network has 4 to 49 units (depth 10 to 100), got {units}")
    below, above = next((a, b) for a, b in pairwise(KNOWN_STAGES) if a <= units <= b)
    start, end = KNOWN_STAGES[below], KNOWN_STAGES[above]
    lengths = list(start)
    for step in range(1, units - below + 1):
        behind = [s + (e - s) * step / (above - below) - now for s, e, now in zip(start, end, lengths, strict=True)]
        lengths[behind.index(max(behind))] += 1
    return tuple(lengths)


class IRSpace(SpaceSection):
    """Inverted-ResNet face backbones: depth L = 2 x units + 2, stages of W, 2W, 4W and 8W channels.

    Source: EGNAS, section 4.2; unit, input and output layers as in AdaFace's `net.py` (18 to 100 layers).
    """

    depth_step: ClassVar[int] = 2
    operations: ClassVar[tuple[Operation, ...]] = ("conv", "sep")
    chain: ClassVar[bool] = True

    name: Literal["ir"] = Field("ir", description="Name of the space.")
    embedding_size: int | None = Field(512, ge=1, description="Embedding dimension D; null: 8 x width, as in EGNAS.")
    input_size: int = Field(112, ge=16, multiple_of=REDUCTION, description="Image side in pixels, a multiple of 16.")
    in_channels: int = Field(3, ge=1, description="Image channels.")
    output: Flat = Field("flatten", description="Flatten + linear, or global depthwise convolution + linear.")
    dropout: float = Field(0.4, ge=0, lt=1, description="Dropout before the embedding layer, a fraction.")

    @classmethod
    def known(cls) -> dict[str, Known]:
        """The networks of AdaFace and ArcFace, and r34-512 and r58-256, which EGNAS found (table 6).

        AdaFace's own 34 layers are arranged otherwise, hence the stages.
        """
        return {
            "ir18": _known(18),
            "ir34": _known(34, stages=(3, 4, 6, 3)),
            "ir50": _known(50),
            "ir100": _known(100),
            "r34-512": _known(34),
            "r58-256": _known(58, width=32),
        }

    def positions(self, depth: int) -> int:
        """Number of units of a network of `depth` layers: both convolutions of a unit share operation and kernel."""
        if depth % 2 or not 10 <= depth <= 100:
            raise ModelError(f"an IR network's depth is even, from 10 to 100 (2 x units + 2), got {depth}")
        return (depth - 2) // 2

    def start(self, *, depth: int, width: int) -> Architecture:
        """The architecture with plain 3x3 convolutions everywhere, which the published face networks' parameter counts show.

        Args:
            depth: Number of layers, 2 x units + 2.
            width: Channels W of the first stage.
        """
        return super().start(depth=depth, width=width)

    def check(self, architecture: Architecture) -> None:
        """Raise a ModelError unless the architecture lies in this space."""
        units = self.positions(architecture.depth)
        lengths = (len(architecture.operations), len(architecture.kernels), sum(_stages(architecture)))
        space.check_kinds(self, architecture, kernels=space.KNOWN_KERNELS)
        if architecture.space != "ir" or lengths != (units, units, units) or len(_stages(architecture)) != 4:
            raise ModelError(
                f"an IR architecture of depth {architecture.depth} needs {units} operations and kernels in 4 stages, got space "
                f"{architecture.space!r}, {lengths[0]} operations, {lengths[1]} kernels, stages {architecture.stages}"
            )

    def dimension(self, architecture: Architecture) -> int:
        """Embedding dimension D of the architecture's network."""
        return self.embedding_size or 8 * architecture.width

    def build(self, architecture: Architecture) -> "nn.Module":
        """A network from images (B, C, H, W) to embeddings (B, D) that are not normalised."""
        from facenas.backbones.ir_network import build

        self.check(architecture)
        return build(self, architecture)

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates at `input_size`."""
        self.check(architecture)
        size, width = self.input_size, architecture.width
        total = cost.convolution(self.in_channels, width, 3, size=size) + cost.batch_norm(width) + Cost(width, 0)
        for kind, kernel, channels_in, channels_out, stride in plan(architecture):
            total += cost.operation(kind, channels_in, channels_out, kernel, size=size)
            size //= stride
            total += cost.operation(kind, channels_out, channels_out, kernel, size=size)
            total += cost.batch_norm(channels_in) + cost.batch_norm(channels_out) + cost.batch_norm(channels_out) + Cost(channels_out, 0)
            if channels_in != channels_out:
                total += cost.convolution(channels_in, channels_out, 1, size=size) + cost.batch_norm(channels_out)
        return total + embedding_cost(self.output, 8 * width, size=size, dimension=self.dimension(architecture))

    def drawing(self, architecture: Architecture) -> Drawing:
        """The network for a report: a block for every unit."""
        return Drawing([Layer(*one) for one in plan(architecture)], self.input_size, "unit", "unit of two convolutions")

    def stage_ends(self, architecture: Architecture) -> list[tuple[str, int]]:
        """Name and channels of the last unit of each of the four stages; before the units are convolution, BatchNorm and PReLU."""
        units = plan(architecture)
        last = [place for place in range(len(units)) if place + 1 == len(units) or units[place + 1][4] == 2]
        return [(str(place + 3), units[place][3]) for place in last]

    def sample(self, rng: Random, *, depths: Sequence[int] = range(10, 101, 2), widths: Sequence[int] = range(16, 65, 2)) -> Architecture:
        """A random architecture; the default bounds are the paper's medium setting (section 4.2).

        Args:
            rng: Source of the random numbers.
            depths: Numbers of layers to draw from.
            widths: Channels of the first stage to draw from.
        """
        return super().sample(rng, depths=depths, widths=widths)

    def mutate(
        self,
        architecture: Architecture,
        rng: Random,
        *,
        depths: Sequence[int] = range(10, 101, 2),
        widths: Sequence[int] = range(16, 65, 2),
    ) -> Architecture:
        """A neighbour of the architecture within the bounds: one variable differs by one step.

        Args:
            architecture: The architecture that is changed.
            rng: Source of the random numbers.
            depths: Numbers of layers that it may have.
            widths: Channels of the first stage that it may have.
        """
        return super().mutate(architecture, rng, depths=depths, widths=widths)


def _known(depth: int, width: int = 64, stages: tuple[int, ...] = ()) -> Known:
    space = IRSpace(embedding_size=8 * width)
    return Known(space.start(depth=depth, width=width).replace(stages=stages), space)


def _stages(architecture: Architecture) -> tuple[int, ...]:
    return architecture.stages or stages((architecture.depth - 2) // 2)


def plan(architecture: Architecture) -> Layers:
    """Operation, kernel, input channels, output channels and stride of every unit; the first of each stage has stride 2."""
    sizes = [(architecture.width * 2**stage, unit == 0) for stage, units in enumerate(_stages(architecture)) for unit in range(units)]
    made: Layers = []
    channels_in = architecture.width
    for kind, kernel, (channels, first) in zip(architecture.operations, architecture.kernels, sizes, strict=True):
        made.append((kind, kernel, channels_in, channels, 2 if first else 1))
        channels_in = channels
    return made


def __getattr__(name: str) -> Any:
    """The classes of the space's networks, which have a file of their own."""
    if name in ("IRNetwork", "Unit"):
        from facenas.backbones import ir_network

        return getattr(ir_network, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
