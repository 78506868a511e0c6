"""Named architectures, and the blueprint that every file of facenas carries: an architecture with its space."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from facenas.backbones.architecture import Architecture
from facenas.backbones.cell_choices import Edge
from facenas.backbones.cells import CellSpace
from facenas.backbones.ir import IRSpace
from facenas.backbones.plain import PlainSpace
from facenas.backbones.refined import Operator, RefinedSpace
from facenas.backbones.timm_space import TimmSpace
from facenas.errors import ModelError, nearest
from facenas.settings import Section

if TYPE_CHECKING:
    from torch import nn

Space = Annotated[PlainSpace | IRSpace | RefinedSpace | CellSpace, Field(discriminator="name")]
Builder = Annotated[Space | TimmSpace, Field(discriminator="name")]  # a space to search, or a network made by hand


class Blueprint(Section):
    """All that is needed to build a network: what `architecture.json` and `model.json` hold."""

    architecture: Architecture = Field(description="The point in the space.")
    space: Builder = Field(description="The space, with input size and output layer.")

    def build(self) -> "nn.Module":
        """The network with fresh weights."""
        return self.space.build(self.architecture)

    @property
    def dimension(self) -> int:
        """Size of the network's output: embedding dimension D, or number of classes."""
        return self.space.num_classes if isinstance(self.space, PlainSpace) else self.space.dimension(self.architecture)


def _ir(depth: int, width: int = 64, stages: tuple[int, ...] = ()) -> Blueprint:
    space = IRSpace(embedding_size=8 * width)
    return Blueprint(architecture=space.start(depth=depth, width=width).replace(stages=stages), space=space)


def _resnet18(code: str) -> Blueprint:
    """A ResNet-18 for ImageNet, encoded as in table 5 of NAR, one digit for each unit or each convolution."""
    operators: tuple[Operator, ...] = ("conv3", "depthwise3", "max3", "avg3")
    space = RefinedSpace(
        base="resnet18", positions_per="unit" if len(code) == 8 else "convolution", input_size=224, num_classes=1000, stem="imagenet"
    )
    return Blueprint(architecture=space.encoded([operators[int(digit)] for digit in code]), space=space)


DARTS_OPERATORS: dict[str, Edge] = {"s3": ("sep_conv", 3), "d3": ("dil_conv", 3), "i": ("skip", 1), "m": ("max_pool", 3)}


def _darts(space: CellSpace, code: str) -> Blueprint:
    """Cells written as operator:input, an edge each."""
    names, links = zip(*(edge.split(":") for edge in code.split()), strict=True)
    return Blueprint(architecture=space.encoded([DARTS_OPERATORS[name] for name in names], [int(link) for link in links]), space=space)


# What DARTS found on CIFAR-10 with its second-order approximation (`genotypes.py`, DARTS_V2).
DARTS_V2 = "s3:0 s3:1 s3:0 s3:1 s3:1 i:0 i:0 d3:2 m:0 m:1 i:2 m:1 m:0 i:2 i:2 m:1"

# r34-512 and r58-256 are what EGNAS found (Table 6). AdaFace's own 34 layers are arranged otherwise, hence the stages.
ZOO = {
    "ir18": _ir(18),
    "ir34": _ir(34, stages=(3, 4, 6, 3)),
    "ir50": _ir(50),
    "ir100": _ir(100),
    "r34-512": _ir(34),
    "r58-256": _ir(58, width=32),
    "darts": _darts(CellSpace(operators="darts", groups=1, num_classes=10), DARTS_V2),
    "darts-imagenet": _darts(
        CellSpace(operators="darts", groups=1, shape="imagenet", depth=14, channels=48, input_size=224, num_classes=1000), DARTS_V2
    ),
    # NAR prints one digit too few of each (7 and 15): the last unit's, and the last convolution's, are taken to be the base's, 0.
    "resnet18": _resnet18("00000000"),
    "resnet18-8": _resnet18("10000000"),
    "resnet18-16": _resnet18("1002000010000020"),
}


def get_blueprint(name: str) -> Blueprint:
    """The named architecture with its space.

    Raises:
        ModelError: If there is no such name.
    """
    if name not in ZOO:
        raise ModelError(f"unknown architecture {name!r}; {nearest(name, ZOO)}")
    return ZOO[name]


def get_architecture(name: str) -> Architecture:
    """The named architecture, for example `ir50`."""
    return get_blueprint(name).architecture
