"""CosFace: additive cosine margin."""

from torch import Tensor, nn

from facenas.heads.rule import Margin


class CosFace(nn.Module):
    """target = cos(theta_y) - m.

    Args:
        margin: m, a difference of cosines.

    Source: Wang et al., "CosFace", 2018, equation 4.
    """

    def __init__(self, margin: float = 0.4) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """As `Margin` says."""
        return Margin(own - self.margin)
