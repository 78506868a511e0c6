"""Named architectures, and the blueprint that every file of facenas carries: an architecture with its space."""

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from pydantic import Field

from facenas.backbones.architecture import Architecture
from facenas.backbones.settings import SPACES, Builder, Space
from facenas.errors import ModelError, in_short
from facenas.settings import Section

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger("facenas")

__all__ = ["ZOO", "Blueprint", "Builder", "Space", "get_architecture", "get_blueprint"]


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
        return self.space.dimension(self.architecture)


class _Zoo(Mapping[str, Blueprint]):
    """The networks that the spaces know, by name, found when one is first asked for."""

    def __getitem__(self, name: str) -> Blueprint:
        return _known()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_known())

    def __len__(self) -> int:
        return len(_known())


@cache
def _known() -> dict[str, Blueprint]:
    """All of them; of equal names the first, ours before those of other packages."""
    found: dict[str, Blueprint] = {}
    for name, member in SPACES.members.items():
        try:
            known = {key: Blueprint(architecture=one.architecture, space=one.space) for key, one in member.known().items()}
        except Exception as error:  # whatever somebody else's package raises
            logger.warning("the networks that the space %r names are left out: %s: %s", name, type(error).__name__, in_short(error))
            continue
        found |= {key: one for key, one in known.items() if key not in found}
    return found


ZOO: Mapping[str, Blueprint] = _Zoo()


def get_blueprint(name: str) -> Blueprint:
    """The named architecture with its space.

    Raises:
        ModelError: If there is no such name.
    """
    if name not in ZOO:
        raise ModelError(f"unknown architecture {name!r}; {SPACES.hint(name, ZOO)}")
    return ZOO[name]


def get_architecture(name: str) -> Architecture:
    """The named architecture, for example `ir50`."""
    return get_blueprint(name).architecture
