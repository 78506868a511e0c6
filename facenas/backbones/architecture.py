"""An architecture is data: a frozen, hashable value that round-trips through JSON."""

from hashlib import sha256
from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from facenas.section import Section

Operation = str  # a name that the space gives; see `drawing.WORDS`
Kernel = int  # pixels
Layers = list[tuple[Operation, int, int, int, int]]  # operation, kernel, input channels, output channels, stride


class Architecture(Section):
    """One point of a search space; its content is its identity. Which operations, kernels and links there may be, its space checks.

    Source: EGNAS, section 3.1: depth, width, operation per layer, kernel per layer.
    """

    space: Annotated[str, Field(min_length=1)] = Field(description="Name of the search space.")
    depth: Annotated[int, Field(ge=1)] = Field(description="Number of layers, counted as the space counts them.")
    width: Annotated[int, Field(ge=1)] = Field(description="Channels of the first resolution; they double at every halving.")
    operations: tuple[Annotated[Operation, Field(min_length=1)], ...] = Field(description="What is computed, per position.")
    kernels: tuple[Annotated[Kernel, Field(ge=1)], ...] = Field(description="Kernel size in pixels, per position.")
    stages: tuple[Annotated[int, Field(ge=1)], ...] = Field((), description="Units per stage; empty: by the space's rule.")
    links: tuple[Annotated[int, Field(ge=0)], ...] = Field((), description="Inputs of positions, or skips; empty: by the space's rule.")

    @model_serializer(mode="wrap")
    def _without_empty_links(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave empty links out, so that an architecture without links keeps the identity that it had before there were any."""
        content: dict[str, Any] = handler(self)
        if not self.links:
            del content["links"]
        return content

    @property
    def identity(self) -> str:
        """Content hash, 16 hexadecimal digits."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def replace(self, **changes: Any) -> Self:
        """A copy with the given fields changed, validated like any other."""
        return type(self).model_validate(self.model_dump() | changes)
