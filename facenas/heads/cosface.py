"""CosFace: additive cosine margin."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from facenas.heads.head import MarginHead
from facenas.heads.rule import Margin
from facenas.heads.settings import SCALE, HeadSection

MARGIN = 0.4  # a difference of cosines, as in arcface_torch


class CosFaceRule(nn.Module):
    """target = cos(theta_y) - m.

    Args:
        margin: Margin m, a difference of cosines.

    Source: Wang et al., "CosFace", 2018, equation 4.
    """

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """Subtract the margin from the cosines of the right identities.

        Args:
            own: Cosines with the right identities' centres (B,).
            norms: Lengths of the embeddings (B,); this rule does not use them.

        Returns:
            The target (B,) in a `Margin`.
        """
        return Margin(own - self.margin)


class CosFace(MarginHead):
    """Additive cosine margin: embeddings (B, D) and labels (B,) -> logits (B, N).

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        margin: Margin m, a difference of cosines.
        scale: Factor s of all logits.
        subcentres: Centres of each identity, of which the nearest counts.

    Source: see `CosFaceRule`.
    """

    def __init__(
        self, embedding_size: int, num_identities: int, margin: float = MARGIN, scale: float = SCALE, *, subcentres: int = 1
    ) -> None:
        super().__init__(CosFaceHead(margin=margin).rule(), embedding_size, num_identities, scale=scale, subcentres=subcentres)


class CosFaceHead(HeadSection):
    """Additive cosine margin."""

    module: ClassVar = CosFace
    name: Literal["cosface"] = Field("cosface", description="Name of the head.")
    margin: float = Field(MARGIN, ge=0, description="Margin, a difference of cosines.")

    def rule(self) -> CosFaceRule:
        """The rule that these settings describe."""
        return CosFaceRule(self.margin)
