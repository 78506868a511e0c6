"""CosFace: additive cosine margin."""

from torch import Tensor, nn

from facenas.heads.cosine import at_labels, class_centres, cosine, with_target


class CosFace(nn.Module):
    """logit_y = s (cos(theta_y) - m), other logits s cos(theta_j).

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        margin: m, a difference of cosines.
        scale: s.

    Source: Wang et al., "CosFace", 2018, equation 4.
    """

    def __init__(self, embedding_size: int, num_identities: int, margin: float = 0.4, scale: float = 64.0) -> None:
        super().__init__()
        self.weight = class_centres(embedding_size, num_identities)
        self.margin, self.scale = margin, scale

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (B, D), labels (B,) in [0, N) -> logits (B, N)."""
        cosines = cosine(embeddings, self.weight)
        return self.scale * with_target(cosines, labels, at_labels(cosines, labels) - self.margin)
