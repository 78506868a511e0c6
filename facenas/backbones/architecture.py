"""An architecture is data: a frozen, hashable value that round-trips through JSON."""

from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from facenas.settings import Section

Operation = Literal["sep", "conv"]
Kernel = Literal[3, 5, 7]
Layers = list[tuple[Operation, int, int, int, int]]  # operation, kernel, input channels, output channels, stride


class Architecture(Section):
    """One point of a search space; its content is its identity.

    Source: EGNAS, section 3.1: depth, width, operation per layer, kernel per layer.
    """

    space: Literal["plain", "ir"] = Field(description="Name of the search space.")
    depth: Annotated[int, Field(ge=1)] = Field(description="Number of layers, counted as the space counts them.")
    width: Annotated[int, Field(ge=1)] = Field(description="Channels of the first resolution; they double at every halving.")
    operations: tuple[Operation, ...] = Field(description="Separable or plain convolution, per position.")
    kernels: tuple[Kernel, ...] = Field(description="Kernel size in pixels, per position.")
    stages: tuple[Annotated[int, Field(ge=1)], ...] = Field((), description="Units per stage; empty: by the space's rule.")

    @property
    def identity(self) -> str:
        """Content hash, 16 hexadecimal digits."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def replace(self, **changes: Any) -> Self:
        """A copy with the given fields changed, validated like any other."""
        return type(self).model_validate(self.model_dump() | changes)
