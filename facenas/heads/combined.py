"""The combined margin: multiplied angle, added angle, subtracted cosine."""

from torch import Tensor, nn

from facenas.heads.arcface import EPS
from facenas.heads.rule import Gradient, Margin, through_angle


class CombinedMargin(nn.Module):
    """target = cos(m1 theta_y + m2) - m3; m1 theta_y + m2 stops short of pi.

    Args:
        factor: m1, SphereFace's.
        angle: m2 in radians, ArcFace's.
        cosine: m3, CosFace's.
        gradient: Of acos and cos.

    Source: Deng et al., "ArcFace", 2019, equation 4; the defaults are the paper's CM1. arcface_torch's class of this name leaves m1
    out, and m2 where m3 is given.
    """

    def __init__(self, factor: float = 1.0, angle: float = 0.3, cosine: float = 0.2, gradient: Gradient = "exact") -> None:
        super().__init__()
        self.factor, self.angle, self.cosine, self.gradient = factor, angle, cosine, gradient

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """As `Margin` says."""
        shifted = through_angle(own, lambda theta: self.factor * theta + self.angle, gradient=self.gradient, eps=EPS)
        return Margin(shifted - self.cosine)
