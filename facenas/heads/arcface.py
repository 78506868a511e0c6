"""ArcFace: additive angular margin."""

import math

from torch import Tensor, nn

from facenas.heads.cosine import at_labels, class_centres, cosine, with_target

EPS = 1e-4  # keeps the gradient of acos finite, as in AdaFace's code


class ArcFace(nn.Module):
    """logit_y = s cos(theta_y + m), other logits s cos(theta_j); theta_y + m stops short of pi.

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        margin: m in radians.
        scale: s.

    Source: Deng et al., "ArcFace", 2019, equation 3; differentiated exactly, through acos and cos.
    """

    def __init__(self, embedding_size: int, num_identities: int, margin: float = 0.5, scale: float = 64.0) -> None:
        super().__init__()
        self.weight = class_centres(embedding_size, num_identities)
        self.margin, self.scale = margin, scale

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (B, D), labels (B,) in [0, N) -> logits (B, N)."""
        cosines = cosine(embeddings, self.weight)
        theta = at_labels(cosines, labels).clamp(-1 + EPS, 1 - EPS).acos()
        target = (theta + self.margin).clamp(EPS, math.pi - EPS).cos()
        return self.scale * with_target(cosines, labels, target)
