"""The heads that a configuration can name."""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from facenas.heads.adaface import AdaFace
from facenas.heads.arcface import ArcFace
from facenas.heads.cosface import CosFace
from facenas.heads.softmax import Softmax
from facenas.settings import Section

Scale = Annotated[float, Field(gt=0, description="Factor of all logits.")]


class SoftmaxHead(Section):
    """Normalised softmax."""

    name: Literal["softmax"] = Field("softmax", description="Name of the head.")
    scale: Scale = 64.0

    def build(self, embedding_size: int, num_identities: int) -> nn.Module:
        """The head with fresh centres."""
        return Softmax(embedding_size, num_identities, self.scale)


class ArcFaceHead(Section):
    """Additive angular margin."""

    name: Literal["arcface"] = Field("arcface", description="Name of the head.")
    margin: float = Field(0.5, ge=0, description="Margin in radians.")
    scale: Scale = 64.0

    def build(self, embedding_size: int, num_identities: int) -> nn.Module:
        """The head with fresh centres."""
        return ArcFace(embedding_size, num_identities, self.margin, self.scale)


class CosFaceHead(Section):
    """Additive cosine margin."""

    name: Literal["cosface"] = Field("cosface", description="Name of the head.")
    margin: float = Field(0.4, ge=0, description="Margin, a difference of cosines.")
    scale: Scale = 64.0

    def build(self, embedding_size: int, num_identities: int) -> nn.Module:
        """The head with fresh centres."""
        return CosFace(embedding_size, num_identities, self.margin, self.scale)


class AdaFaceHead(Section):
    """Quality-adaptive margin."""

    name: Literal["adaface"] = Field("adaface", description="Name of the head.")
    margin: float = Field(0.4, ge=0, description="Largest angle in radians, and the additive part.")
    h: float = Field(0.333, ge=0, description="Concentration of the quality.")
    scale: Scale = 64.0
    ema: float = Field(0.01, gt=0, le=1, description="Share of a batch in the running norm statistics.")

    def build(self, embedding_size: int, num_identities: int) -> nn.Module:
        """The head with fresh centres."""
        return AdaFace(embedding_size, num_identities, self.margin, self.h, self.scale, self.ema)


Head = Annotated[SoftmaxHead | ArcFaceHead | CosFaceHead | AdaFaceHead, Field(discriminator="name")]
