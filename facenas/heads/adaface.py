"""AdaFace: a margin that adapts to image quality, read off the embedding's norm."""

from torch import Tensor, nn, tensor

from facenas.heads import ranks
from facenas.heads.rule import Gradient, Margin, through_angle

EPS = 1e-3  # as in the authors' code


class AdaFace(nn.Module):
    """target = cos(theta_y + g_angle) - g_add with g_angle = -m z, g_add = m z + m, z the norm's quality in [-1, 1].

    z = clip(h (norm - mu) / (sigma + eps), -1, 1); mu and sigma are running means over the batches of the norms' mean and deviation,
    over all ranks, updated before use while training and frozen in evaluation. Norms carry no gradient.

    Args:
        margin: m, both the largest angle in radians and the additive part.
        h: Concentration of z.
        ema: Share of a batch in the running statistics.
        gradient: Of acos and cos.

    Source: Kim et al., "AdaFace", 2022, equations 14 to 17, and the authors' `head.py` (clips, start values, unbiased
    deviation). A batch of one leaves sigma as it is, where the published code turns it into NaN; there, each rank keeps statistics of
    its own.
    """

    norm_mean: Tensor
    norm_std: Tensor

    def __init__(self, margin: float = 0.4, h: float = 0.333, ema: float = 0.01, gradient: Gradient = "exact") -> None:
        super().__init__()
        self.margin, self.h, self.ema, self.gradient = margin, h, ema, gradient
        self.register_buffer("norm_mean", tensor(20.0))
        self.register_buffer("norm_std", tensor(100.0))

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """As `Margin` says."""
        norms = norms.detach().clamp(0.001, 100)
        if self.training:
            self._update(norms)
        z = (self.h * (norms - self.norm_mean) / (self.norm_std + EPS)).clamp(-1, 1)
        shifted = through_angle(own, lambda theta: theta - self.margin * z, gradient=self.gradient, eps=EPS)
        return Margin(shifted - (self.margin + self.margin * z))

    def _update(self, norms: Tensor) -> None:
        mean, deviation, number = ranks.mean_and_deviation(norms)
        self.norm_mean.lerp_(mean, self.ema)
        self.norm_std.lerp_(deviation, self.ema * (number > 1).to(deviation.dtype))
