"""AdaFace: a margin that adapts to image quality, read off the embedding's norm."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn, tensor

from facenas.heads import ranks
from facenas.heads.head import MarginHead
from facenas.heads.rule import Gradient, Margin, through_angle
from facenas.heads.settings import SCALE, Ema, Gradients, HeadSection

MARGIN, H, EMA = 0.4, 0.333, 0.01  # as in the authors' scripts
EPS = 1e-3  # as in the authors' code


class AdaFaceRule(nn.Module):
    """target = cos(theta_y + g_angle) - g_add with g_angle = -m z, g_add = m z + m, z the norm's quality in [-1, 1].

    z = clip(h (norm - mu) / (sigma + eps), -1, 1); mu and sigma are running means over the batches of the norms' mean and deviation,
    over all ranks, updated before use while training and frozen in evaluation. Norms carry no gradient.

    Args:
        margin: Margin m, both the largest angle in radians and the additive part.
        h: Concentration of z.
        ema: Share of a batch in the running statistics.
        gradient: How the gradient of acos and cos is computed; see `facenas.heads.rule.through_angle`.

    Source: Kim et al., "AdaFace", 2022, equations 14 to 17, and the authors' `head.py` (clips, start values, unbiased
    deviation). A batch of one leaves sigma as it is, where the published code turns it into NaN; there, each rank keeps statistics of
    its own.
    """

    norm_mean: Tensor
    norm_std: Tensor

    def __init__(self, margin: float, h: float, ema: float, gradient: Gradient) -> None:
        super().__init__()
        self.margin, self.h, self.ema, self.gradient = margin, h, ema, gradient
        self.register_buffer("norm_mean", tensor(20.0))
        self.register_buffer("norm_std", tensor(100.0))

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """Make the target from the quality that the norms tell; in training, update the running statistics first.

        Args:
            own: Cosines with the right identities' centres (B,).
            norms: Lengths of the embeddings (B,).

        Returns:
            The target (B,) in a `Margin`.
        """
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


class AdaFace(MarginHead):
    """Quality-adaptive margin: embeddings (B, D) that are not normalised, and labels (B,) -> logits (B, N).

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        margin: Margin m, both the largest angle in radians and the additive part.
        h: Concentration of the quality z.
        scale: Factor s of all logits.
        ema: Share of a batch in the running mean and deviation of the norms.
        gradient: How the gradient of acos and cos is computed: `exact` as in AdaFace's repository, or `straight_through` as in CVLface.
        subcentres: Centres of each identity, of which the nearest counts.

    Source: see `AdaFaceRule`.
    """

    def __init__(
        self,
        embedding_size: int,
        num_identities: int,
        margin: float = MARGIN,
        h: float = H,
        scale: float = SCALE,
        ema: float = EMA,
        *,
        gradient: Gradient = "exact",
        subcentres: int = 1,
    ) -> None:
        rule = AdaFaceHead(margin=margin, h=h, ema=ema, gradient=gradient).rule()
        super().__init__(rule, embedding_size, num_identities, scale=scale, subcentres=subcentres)


class AdaFaceHead(HeadSection):
    """Quality-adaptive margin."""

    module: ClassVar = AdaFace
    name: Literal["adaface"] = Field("adaface", description="Name of the head.")
    margin: float = Field(MARGIN, ge=0, description="Largest angle in radians, and the additive part.")
    h: float = Field(H, ge=0, description="Concentration of the quality.")
    ema: Ema = EMA
    gradient: Gradients = "exact"

    def rule(self) -> AdaFaceRule:
        """The rule that these settings describe, with fresh statistics."""
        return AdaFaceRule(self.margin, self.h, self.ema, self.gradient)
