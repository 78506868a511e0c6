"""Normalised softmax: cosine logits without a margin."""

from torch import Tensor, nn

from facenas.heads.rule import Margin


class Softmax(nn.Module):
    """target = cos(theta_y).

    Source: Wang et al., "NormFace", 2017, equation 5.
    """

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """As `Margin` says."""
        return Margin(own)
