"""The heads that a configuration can name."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from torch import nn

from facenas.heads.adaface import AdaFace
from facenas.heads.arcface import ArcFace
from facenas.heads.combined import CombinedMargin
from facenas.heads.cosface import CosFace
from facenas.heads.curricularface import CurricularFace
from facenas.heads.head import MarginHead
from facenas.heads.magface import MagFace
from facenas.heads.rule import Gradient
from facenas.heads.softmax import Softmax
from facenas.settings import Section

Gradients = Annotated[Gradient, Field(description="Through acos and cos: exact, or straight_through as in arcface_torch.")]
Ema = Annotated[float, Field(gt=0, le=1, description="Share of a batch in the running statistics.")]


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if not 0 < ends[0] < ends[1]:
        raise ValueError(f"needs 0 < shortest < longest, got {ends[0]:g} and {ends[1]:g}")
    return ends


class HeadSection(Section):
    """What all heads have."""

    scale: float = Field(64.0, gt=0, description="Factor of all logits.")
    subcentres: int = Field(1, ge=1, description="Centres of each identity, of which the nearest counts.")

    def rule(self) -> nn.Module:
        """What makes the target of the right identity's cosine."""
        raise NotImplementedError

    def build(self, embedding_size: int, num_identities: int) -> MarginHead:
        """The head with fresh centres."""
        return MarginHead(self.rule(), embedding_size, num_identities, scale=self.scale, subcentres=self.subcentres)


class SoftmaxHead(HeadSection):
    """Normalised softmax."""

    name: Literal["softmax"] = Field("softmax", description="Name of the head.")

    def rule(self) -> Softmax:
        """No margin."""
        return Softmax()


class ArcFaceHead(HeadSection):
    """Additive angular margin."""

    name: Literal["arcface"] = Field("arcface", description="Name of the head.")
    margin: float = Field(0.5, ge=0, description="Margin in radians.")
    gradient: Gradients = "exact"

    def rule(self) -> ArcFace:
        """Its margin."""
        return ArcFace(self.margin, self.gradient)


class SubcentreArcFaceHead(HeadSection):
    """Additive angular margin, several centres for each identity."""

    name: Literal["subcentre_arcface"] = Field("subcentre_arcface", description="Name of the head.")
    margin: float = Field(0.5, ge=0, description="Margin in radians.")
    subcentres: int = Field(3, ge=1, description="Centres of each identity, of which the nearest counts.")
    gradient: Gradients = "exact"

    def rule(self) -> ArcFace:
        """ArcFace's margin."""
        return ArcFace(self.margin, self.gradient)


class CosFaceHead(HeadSection):
    """Additive cosine margin."""

    name: Literal["cosface"] = Field("cosface", description="Name of the head.")
    margin: float = Field(0.4, ge=0, description="Margin, a difference of cosines.")

    def rule(self) -> CosFace:
        """Its margin."""
        return CosFace(self.margin)


class CombinedHead(HeadSection):
    """Multiplied angle, added angle, subtracted cosine."""

    name: Literal["combined"] = Field("combined", description="Name of the head.")
    m1: float = Field(1.0, gt=0, description="Factor of the angle.")
    m2: float = Field(0.3, ge=0, description="Added to the angle, in radians.")
    m3: float = Field(0.2, ge=0, description="Subtracted from the cosine.")
    gradient: Gradients = "exact"

    def rule(self) -> CombinedMargin:
        """Its margins."""
        return CombinedMargin(self.m1, self.m2, self.m3, self.gradient)


class AdaFaceHead(HeadSection):
    """Quality-adaptive margin."""

    name: Literal["adaface"] = Field("adaface", description="Name of the head.")
    margin: float = Field(0.4, ge=0, description="Largest angle in radians, and the additive part.")
    h: float = Field(0.333, ge=0, description="Concentration of the quality.")
    ema: Ema = 0.01
    gradient: Gradients = "exact"

    def rule(self) -> AdaFace:
        """Its margin, with fresh statistics."""
        return AdaFace(self.margin, self.h, self.ema, self.gradient)


class MagFaceHead(HeadSection):
    """Margin that grows with the embedding's norm."""

    name: Literal["magface"] = Field("magface", description="Name of the head.")
    norm_range: Annotated[tuple[float, float], AfterValidator(_rising)] = Field(
        (10.0, 110.0), description="Shortest and longest norm that is told apart."
    )
    margin_range: tuple[float, float] = Field((0.45, 0.8), description="Margins at these norms, in radians.")
    penalty: float = Field(35.0, ge=0, description="Weight of the pull towards long embeddings.")
    gradient: Gradients = "exact"

    def rule(self) -> MagFace:
        """Its margin."""
        return MagFace(self.norm_range, self.margin_range, self.penalty, self.gradient)


class CurricularFaceHead(HeadSection):
    """Additive angular margin, hard negatives by curriculum."""

    name: Literal["curricularface"] = Field("curricularface", description="Name of the head.")
    margin: float = Field(0.5, ge=0, description="Margin in radians.")
    ema: Ema = 0.01
    gradient: Gradients = "exact"

    def rule(self) -> CurricularFace:
        """Its margin, with fresh statistics."""
        return CurricularFace(self.margin, self.ema, self.gradient)


Head = Annotated[
    SoftmaxHead | ArcFaceHead | SubcentreArcFaceHead | CosFaceHead | CombinedHead | AdaFaceHead | MagFaceHead | CurricularFaceHead,
    Field(discriminator="name"),
]
