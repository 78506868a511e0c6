"""The combined margin: multiplied angle, added angle, subtracted cosine."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from facenas.heads.arcface import EPS
from facenas.heads.head import MarginHead
from facenas.heads.rule import Gradient, Margin, through_angle
from facenas.heads.settings import SCALE, Gradients, HeadSection

M1, M2, M3 = 1.0, 0.3, 0.2  # the paper's CM1


class CombinedMarginRule(nn.Module):
    """target = cos(m1 theta_y + m2) - m3; m1 theta_y + m2 stops short of pi.

    Args:
        factor: Factor m1 of the angle, SphereFace's margin.
        angle: Angle m2 in radians that is added, ArcFace's margin.
        cosine: Cosine m3 that is subtracted, CosFace's margin.
        gradient: How the gradient of acos and cos is computed; see `facenas.heads.rule.through_angle`.

    Source: Deng et al., "ArcFace", 2019, equation 4. arcface_torch's class `CombinedMarginLoss` leaves m1 out, and m2 where m3 is given.
    """

    def __init__(self, factor: float, angle: float, cosine: float, gradient: Gradient) -> None:
        super().__init__()
        self.factor, self.angle, self.cosine, self.gradient = factor, angle, cosine, gradient

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """Apply the three margins to the cosines of the right identities.

        Args:
            own: Cosines with the right identities' centres (B,).
            norms: Lengths of the embeddings (B,); this rule does not use them.

        Returns:
            The target (B,) in a `Margin`.
        """
        shifted = through_angle(own, lambda theta: self.factor * theta + self.angle, gradient=self.gradient, eps=EPS)
        return Margin(shifted - self.cosine)


class CombinedMargin(MarginHead):
    """SphereFace's, ArcFace's and CosFace's margins together: embeddings (B, D) and labels (B,) -> logits (B, N).

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        m1: Factor by which the angle is multiplied.
        m2: Angle in radians that is added to it.
        m3: Cosine that is subtracted from the result.
        scale: Factor s of all logits.
        gradient: How the gradient of acos and cos is computed: `exact`, or `straight_through` as in arcface_torch.
        subcentres: Centres of each identity, of which the nearest counts.

    Source: see `CombinedMarginRule`.
    """

    def __init__(
        self,
        embedding_size: int,
        num_identities: int,
        m1: float = M1,
        m2: float = M2,
        m3: float = M3,
        scale: float = SCALE,
        *,
        gradient: Gradient = "exact",
        subcentres: int = 1,
    ) -> None:
        rule = CombinedHead(m1=m1, m2=m2, m3=m3, gradient=gradient).rule()
        super().__init__(rule, embedding_size, num_identities, scale=scale, subcentres=subcentres)


class CombinedHead(HeadSection):
    """Multiplied angle, added angle, subtracted cosine."""

    module: ClassVar = CombinedMargin
    name: Literal["combined"] = Field("combined", description="Name of the head.")
    m1: float = Field(M1, gt=0, description="Factor of the angle.")
    m2: float = Field(M2, ge=0, description="Added to the angle, in radians.")
    m3: float = Field(M3, ge=0, description="Subtracted from the cosine.")
    gradient: Gradients = "exact"

    def rule(self) -> CombinedMarginRule:
        """The rule that these settings describe."""
        return CombinedMarginRule(self.m1, self.m2, self.m3, self.gradient)
