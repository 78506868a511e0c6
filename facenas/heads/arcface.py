"""ArcFace: additive angular margin."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from facenas.heads.head import MarginHead
from facenas.heads.rule import Gradient, Margin, through_angle
from facenas.heads.settings import SCALE, Gradients, HeadSection

MARGIN = 0.5  # radians, as in the paper
EPS = 1e-4  # as in AdaFace's code


class ArcFaceRule(nn.Module):
    """target = cos(theta_y + m); theta_y + m stops short of pi.

    Args:
        margin: Angular margin m in radians.
        gradient: How the gradient of acos and cos is computed; see `facenas.heads.rule.through_angle`.

    Source: Deng et al., "ArcFace", 2019, equation 3.
    """

    def __init__(self, margin: float, gradient: Gradient) -> None:
        super().__init__()
        self.margin, self.gradient = margin, gradient

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """Add the margin to the angles of the right identities.

        Args:
            own: Cosines with the right identities' centres (B,).
            norms: Lengths of the embeddings (B,); this rule does not use them.

        Returns:
            The target (B,) in a `Margin`.
        """
        return Margin(through_angle(own, lambda theta: theta + self.margin, gradient=self.gradient, eps=EPS))


class ArcFace(MarginHead):
    """Additive angular margin: embeddings (B, D) and labels (B,) -> logits (B, N).

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        margin: Angular margin m in radians.
        scale: Factor s of all logits.
        gradient: How the gradient of acos and cos is computed: `exact`, or `straight_through` as in arcface_torch.
        subcentres: Centres of each identity, of which the nearest counts.

    Source: see `ArcFaceRule`.
    """

    def __init__(
        self,
        embedding_size: int,
        num_identities: int,
        margin: float = MARGIN,
        scale: float = SCALE,
        *,
        gradient: Gradient = "exact",
        subcentres: int = 1,
    ) -> None:
        rule = ArcFaceHead(margin=margin, gradient=gradient).rule()
        super().__init__(rule, embedding_size, num_identities, scale=scale, subcentres=subcentres)


class ArcFaceHead(HeadSection):
    """Additive angular margin."""

    module: ClassVar = ArcFace
    name: Literal["arcface"] = Field("arcface", description="Name of the head.")
    margin: float = Field(MARGIN, ge=0, description="Margin in radians.")
    gradient: Gradients = "exact"

    def rule(self) -> ArcFaceRule:
        """The rule that these settings describe."""
        return ArcFaceRule(self.margin, self.gradient)
