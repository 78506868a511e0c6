"""ArcFace: additive angular margin."""

from torch import Tensor, nn

from facenas.heads.rule import Gradient, Margin, through_angle

EPS = 1e-4  # as in AdaFace's code


class ArcFace(nn.Module):
    """target = cos(theta_y + m); theta_y + m stops short of pi.

    Args:
        margin: m in radians.
        gradient: Of acos and cos.

    Source: Deng et al., "ArcFace", 2019, equation 3.
    """

    def __init__(self, margin: float = 0.5, gradient: Gradient = "exact") -> None:
        super().__init__()
        self.margin, self.gradient = margin, gradient

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """As `Margin` says."""
        return Margin(through_angle(own, lambda theta: theta + self.margin, gradient=self.gradient, eps=EPS))
