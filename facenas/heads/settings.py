"""What the settings of all heads have, and the heads that a configuration can name."""

from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import nn

from facenas.heads.head import MarginHead
from facenas.heads.rule import Gradient
from facenas.registry import OneOf, Registry
from facenas.settings import Section

SCALE = 64.0
Gradients = Annotated[Gradient, Field(description="Through acos and cos: exact, or straight_through as in arcface_torch.")]
Ema = Annotated[float, Field(gt=0, le=1, description="Share of a batch in the running statistics.")]


class HeadSection(Section):
    """The settings that every head has; a head's own class adds `name`, its margins and `rule`.

    Attributes:
        module: The head's class for training loops of one's own, if it has one; it takes the settings as keywords.
    """

    module: ClassVar[type[Any] | None] = None

    scale: float = Field(SCALE, gt=0, description="Factor of all logits.")
    subcentres: int = Field(1, ge=1, description="Centres of each identity, of which the nearest counts.")

    def rule(self) -> nn.Module:
        """What makes the target of the right identity's cosine: see `facenas.heads.rule.Margin`."""
        raise NotImplementedError

    def build(self, embedding_size: int, num_identities: int) -> MarginHead:
        """The head with fresh centres.

        Args:
            embedding_size: Embedding dimension D.
            num_identities: Number of identities N.
        """
        if self.module:
            options: dict[str, Any] = {key: getattr(self, key) for key in type(self).model_fields if key != "name"}
            built: MarginHead = self.module(embedding_size, num_identities, **options)
            return built
        return MarginHead(self.rule(), embedding_size, num_identities, scale=self.scale, subcentres=self.subcentres)


HEADS = Registry("facenas.heads", "facenas.heads", HeadSection)
Head = Annotated[HeadSection, OneOf(HEADS)]


def __getattr__(name: str) -> Any:
    """The settings classes of our heads, which stand in the heads' own files: `from facenas.heads.settings import AdaFaceHead`."""
    if name.endswith("Head"):
        for member in HEADS.members.values():
            if member.__name__ == name:
                return member
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
