"""MV-Softmax: an additive cosine margin, and hard negatives that weigh more."""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn, where

from facenas.heads import HeadSection
from facenas.heads.rule import Margin


class MVSoftmaxHead(HeadSection):
    """Additive cosine margin with mis-classified negatives made harder."""

    name: Literal["mv_softmax"] = Field("mv_softmax", description="Name of the head.")
    margin: float = Field(0.35, ge=0, description="Margin m, a difference of cosines.")
    t: float = Field(0.2, ge=0, description="How much more a hard negative weighs.")

    def rule(self) -> "MVSoftmaxRule":
        """Its margin."""
        return MVSoftmaxRule(self.margin, self.t)


class MVSoftmaxRule(nn.Module):
    """target = cos(theta_y) - m; another identity's cosine c above it becomes (t + 1) c + t.

    Source: Wang et al., "Mis-classified Vector Guided Softmax Loss for Face Recognition", 2020, MV-AM-Softmax with adaptive weights.
    """

    def __init__(self, margin: float, t: float) -> None:
        super().__init__()
        self.margin, self.t = margin, t

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """Cosines with the right centres (B,) and lengths of the embeddings (B,) -> what stands in for these cosines."""
        target = own - self.margin
        return Margin(target, bar=target.detach(), harden=self.harden)

    def harden(self, cosines: Tensor, bar: Tensor) -> Tensor:
        """Cosines (B, N), those above the bar (B, 1) changed."""
        return where(cosines > bar, (self.t + 1) * cosines + self.t, cosines)
