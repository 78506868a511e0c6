"""Named architectures, and the blueprint that every file of facenas carries: an architecture with its space."""

from typing import Annotated

from pydantic import Field
from torch import nn

from facenas.backbones.architecture import Architecture
from facenas.backbones.ir import IRSpace
from facenas.backbones.plain import PlainSpace
from facenas.backbones.timm_space import TimmSpace
from facenas.errors import ModelError, nearest
from facenas.settings import Section

Space = Annotated[PlainSpace | IRSpace, Field(discriminator="name")]
Builder = Annotated[Space | TimmSpace, Field(discriminator="name")]  # a space to search, or a network made by hand


class Blueprint(Section):
    """All that is needed to build a network: what `architecture.json` and `model.json` hold."""

    architecture: Architecture = Field(description="The point in the space.")
    space: Builder = Field(description="The space, with input size and output layer.")

    def build(self) -> nn.Module:
        """The network with fresh weights."""
        return self.space.build(self.architecture)

    @property
    def dimension(self) -> int:
        """Size of the network's output: embedding dimension D, or number of classes."""
        return self.space.num_classes if isinstance(self.space, PlainSpace) else self.space.dimension(self.architecture)


def _ir(depth: int, width: int = 64, stages: tuple[int, ...] = ()) -> Blueprint:
    space = IRSpace(embedding_size=8 * width)
    return Blueprint(architecture=space.start(depth=depth, width=width).replace(stages=stages), space=space)


# r34-512 and r58-256 are what EGNAS found (Table 6). AdaFace's own 34 layers are arranged otherwise, hence the stages.
ZOO = {
    "ir18": _ir(18),
    "ir34": _ir(34, stages=(3, 4, 6, 3)),
    "ir50": _ir(50),
    "ir100": _ir(100),
    "r34-512": _ir(34),
    "r58-256": _ir(58, width=32),
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
