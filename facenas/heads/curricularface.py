"""CurricularFace: ArcFace whose hard negatives weigh little at first and more as training succeeds."""

from torch import Tensor, nn, tensor, where

from facenas.heads import ranks
from facenas.heads.arcface import EPS
from facenas.heads.rule import Gradient, Margin, through_angle


class CurricularFace(nn.Module):
    """target = cos(theta_y + m); another identity's cos(theta_j) above it becomes cos(theta_j) (t + cos(theta_j)).

    t starts at 0 and is a running mean of cos(theta_y) over all ranks, updated before use while training and frozen in evaluation;
    neither t nor the choice of the hard ones carries a gradient.

    Args:
        margin: m in radians.
        ema: Share of a batch in t.
        gradient: Of acos and cos.

    Source: Huang et al., "CurricularFace", 2020, section 3: positive and negative similarity, moving average t. `ema` is the authors'
    code's 0.01. theta_y + m stops short of pi, where their code goes on with cos(theta_y) - m sin(m).
    """

    t: Tensor

    def __init__(self, margin: float = 0.5, ema: float = 0.01, gradient: Gradient = "exact") -> None:
        super().__init__()
        self.margin, self.ema, self.gradient = margin, ema, gradient
        self.register_buffer("t", tensor(0.0))

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """As `Margin` says."""
        if self.training:
            self.t.lerp_(ranks.mean_and_deviation(own)[0], self.ema)
        target = through_angle(own, lambda theta: theta + self.margin, gradient=self.gradient, eps=EPS)
        return Margin(target, bar=target.detach(), harden=self.harden)

    def harden(self, cosines: Tensor, bar: Tensor) -> Tensor:
        """Cosines (B, N), those above the bar (B, 1) made harder or, early in training, easier."""
        return where(cosines > bar, cosines * (self.t + cosines), cosines)
