"""Sub-center ArcFace: several centres for each identity, of which the nearest counts."""

from typing import ClassVar, Literal

from pydantic import Field

from facenas.heads.arcface import MARGIN, ArcFaceRule
from facenas.heads.head import MarginHead
from facenas.heads.rule import Gradient
from facenas.heads.settings import SCALE, Gradients, HeadSection

SUBCENTRES = 3  # as in the paper


class SubcentreArcFace(MarginHead):
    """Additive angular margin to the nearest of several centres: embeddings (B, D) and labels (B,) -> logits (B, N).

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        margin: Angular margin m in radians.
        scale: Factor s of all logits.
        subcentres: Centres K of each identity, of which the nearest counts.
        gradient: How the gradient of acos and cos is computed: `exact`, or `straight_through` as in arcface_torch.

    Source: Deng et al., "Sub-center ArcFace", 2020, section 3; see `nearest` and `ArcFaceRule`.
    """

    def __init__(
        self,
        embedding_size: int,
        num_identities: int,
        margin: float = MARGIN,
        scale: float = SCALE,
        subcentres: int = SUBCENTRES,
        *,
        gradient: Gradient = "exact",
    ) -> None:
        rule = SubcentreArcFaceHead(margin=margin, gradient=gradient).rule()
        super().__init__(rule, embedding_size, num_identities, scale=scale, subcentres=subcentres)


class SubcentreArcFaceHead(HeadSection):
    """Additive angular margin, several centres for each identity."""

    module: ClassVar = SubcentreArcFace
    name: Literal["subcentre_arcface"] = Field("subcentre_arcface", description="Name of the head.")
    margin: float = Field(MARGIN, ge=0, description="Margin in radians.")
    subcentres: int = Field(SUBCENTRES, ge=1, description="Centres of each identity, of which the nearest counts.")
    gradient: Gradients = "exact"

    def rule(self) -> ArcFaceRule:
        """ArcFace's rule with the margin of these settings."""
        return ArcFaceRule(self.margin, self.gradient)
