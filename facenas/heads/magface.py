"""MagFace: a margin that grows with the embedding's norm, and a pull towards long embeddings."""

from torch import Tensor, nn

from facenas.heads.arcface import EPS
from facenas.heads.rule import Gradient, Margin, through_angle


class MagFace(nn.Module):
    """target = cos(theta_y + m(a)) and penalty = lambda_g mean(g(a)), a the norm held in [l_a, u_a].

    m(a) = l_m + (u_m - l_m) (a - l_a) / (u_a - l_a); g(a) = 1 / a + a / u_a^2. Both carry a gradient to the norm.

    Args:
        norm_range: l_a and u_a.
        margin_range: l_m and u_m in radians.
        penalty: lambda_g.
        gradient: Of acos and cos; the norm's is exact either way.

    Source: Meng et al., "MagFace", 2021, section 3: the loss, its linear m(a) and its g(a); l_m = 0.45 as in the authors' code.
    theta_y + m stops short of pi, where their code goes on with cos(theta_y) - m sin(m).
    """

    def __init__(
        self,
        norm_range: tuple[float, float] = (10.0, 110.0),
        margin_range: tuple[float, float] = (0.45, 0.8),
        penalty: float = 35.0,
        gradient: Gradient = "exact",
    ) -> None:
        super().__init__()
        self.norm_range, self.margin_range, self.penalty, self.gradient = norm_range, margin_range, penalty, gradient

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """As `Margin` says."""
        (shortest, longest), (least, most) = self.norm_range, self.margin_range
        norms = norms.clamp(shortest, longest)
        margin = least + (most - least) * (norms - shortest) / (longest - shortest)
        target = through_angle(own, lambda theta: theta + margin, gradient=self.gradient, eps=EPS)
        return Margin(target, self.penalty * (1 / norms + norms / longest**2).mean())
