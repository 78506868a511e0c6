"""AdaFace: a margin that adapts to image quality, read off the embedding's norm."""

import math

import torch
from torch import Tensor, nn

from facenas.heads.cosine import at_labels, class_centres, cosine, with_target

EPS = 1e-3  # as in the authors' code


class AdaFace(nn.Module):
    """logit_y = s (cos(theta_y + g_angle) - g_add) with g_angle = -m z, g_add = m z + m, z the norm's quality in [-1, 1].

    z = clip(h (norm - mu) / (sigma + eps), -1, 1); mu and sigma are running means of the batch's norms, updated before
    use while training and frozen in evaluation. Norms carry no gradient.

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        margin: m, both the largest angle in radians and the additive part.
        h: Concentration of z.
        scale: s.
        ema: Share of a batch in the running statistics.

    Source: Kim et al., "AdaFace", 2022, equations 14 to 17, and the authors' `head.py` (clips, start values, unbiased
    deviation). A batch of one leaves sigma as it is, where the published code turns it into NaN.
    """

    norm_mean: Tensor
    norm_std: Tensor

    def __init__(
        self, embedding_size: int, num_identities: int, margin: float = 0.4, h: float = 0.333, scale: float = 64.0, ema: float = 0.01
    ) -> None:
        super().__init__()
        self.weight = class_centres(embedding_size, num_identities)
        self.margin, self.h, self.scale, self.ema = margin, h, scale, ema
        self.register_buffer("norm_mean", torch.tensor(20.0))
        self.register_buffer("norm_std", torch.tensor(100.0))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (B, D) that are not normalised, labels (B,) in [0, N) -> logits (B, N)."""
        cosines = cosine(embeddings, self.weight)
        norms = embeddings.detach().to(cosines.dtype).norm(dim=1, keepdim=True).clamp(0.001, 100)
        if self.training:
            self._update(norms)
        z = (self.h * (norms - self.norm_mean) / (self.norm_std + EPS)).clamp(-1, 1)
        theta = at_labels(cosines, labels).clamp(-1 + EPS, 1 - EPS).acos()
        target = (theta - self.margin * z).clamp(EPS, math.pi - EPS).cos() - (self.margin + self.margin * z)
        return self.scale * with_target(cosines, labels, target)

    @torch.no_grad()
    def _update(self, norms: Tensor) -> None:
        self.norm_mean.lerp_(norms.mean().to(self.norm_mean.dtype), self.ema)
        if len(norms) > 1:
            self.norm_std.lerp_(norms.std().to(self.norm_std.dtype), self.ema)
