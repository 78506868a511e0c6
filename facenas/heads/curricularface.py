"""CurricularFace: ArcFace whose hard negatives weigh little at first and more as training succeeds."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn, tensor, where

from facenas.heads import ranks
from facenas.heads.arcface import EPS
from facenas.heads.head import MarginHead
from facenas.heads.rule import Gradient, Margin, through_angle
from facenas.heads.settings import SCALE, Ema, Gradients, HeadSection

MARGIN, EMA = 0.5, 0.01  # as in the authors' code


class CurricularFaceRule(nn.Module):
    """target = cos(theta_y + m); another identity's cos(theta_j) above it becomes cos(theta_j) (t + cos(theta_j)).

    t starts at 0 and is a running mean of cos(theta_y) over all ranks, updated before use while training and frozen in evaluation;
    neither t nor the choice of the hard ones carries a gradient.

    Args:
        margin: Angular margin m in radians.
        ema: Share of a batch in t.
        gradient: How the gradient of acos and cos is computed; see `facenas.heads.rule.through_angle`.

    Source: Huang et al., "CurricularFace", 2020, section 3: positive and negative similarity, moving average t. `ema` is the authors'
    code's 0.01. theta_y + m stops short of pi, where their code goes on with cos(theta_y) - m sin(m).
    """

    t: Tensor

    def __init__(self, margin: float, ema: float, gradient: Gradient) -> None:
        super().__init__()
        self.margin, self.ema, self.gradient = margin, ema, gradient
        self.register_buffer("t", tensor(0.0))

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """Add the margin to the angles of the right identities, and say which other cosines are hard; in training, update t first.

        Args:
            own: Cosines with the right identities' centres (B,).
            norms: Lengths of the embeddings (B,); this rule does not use them.

        Returns:
            A `Margin` of the target (B,), the bar above which negatives are hard (B,), and what `harden` makes of them.
        """
        if self.training:
            self.t.lerp_(ranks.mean_and_deviation(own)[0], self.ema)
        target = through_angle(own, lambda theta: theta + self.margin, gradient=self.gradient, eps=EPS)
        return Margin(target, bar=target.detach(), harden=self.harden)

    def harden(self, cosines: Tensor, bar: Tensor) -> Tensor:
        """Multiply the cosines above the bar by t + cosine: they become smaller early in training and larger later.

        Args:
            cosines: Cosines with all centres (B, N).
            bar: Cosine above which another identity is a hard negative, one for each image (B, 1).

        Returns:
            All cosines (B, N); those up to the bar are unchanged.
        """
        return where(cosines > bar, cosines * (self.t + cosines), cosines)


class CurricularFace(MarginHead):
    """Additive angular margin with a curriculum of hard negatives: embeddings (B, D) and labels (B,) -> logits (B, N).

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        margin: Angular margin m in radians.
        scale: Factor s of all logits.
        ema: Share of a batch in t, the running mean of cos(theta_y).
        gradient: How the gradient of acos and cos is computed: `exact` or `straight_through`.
        subcentres: Centres of each identity, of which the nearest counts.

    Source: see `CurricularFaceRule`.
    """

    def __init__(
        self,
        embedding_size: int,
        num_identities: int,
        margin: float = MARGIN,
        scale: float = SCALE,
        ema: float = EMA,
        *,
        gradient: Gradient = "exact",
        subcentres: int = 1,
    ) -> None:
        rule = CurricularFaceHead(margin=margin, ema=ema, gradient=gradient).rule()
        super().__init__(rule, embedding_size, num_identities, scale=scale, subcentres=subcentres)


class CurricularFaceHead(HeadSection):
    """Additive angular margin, hard negatives by curriculum."""

    module: ClassVar = CurricularFace
    name: Literal["curricularface"] = Field("curricularface", description="Name of the head.")
    margin: float = Field(MARGIN, ge=0, description="Margin in radians.")
    ema: Ema = EMA
    gradient: Gradients = "exact"

    def rule(self) -> CurricularFaceRule:
        """The rule that these settings describe, with fresh statistics."""
        return CurricularFaceRule(self.margin, self.ema, self.gradient)
