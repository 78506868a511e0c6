"""Normalised softmax: cosine logits without a margin."""

from torch import Tensor, nn

from facenas.heads.cosine import class_centres, cosine


class Softmax(nn.Module):
    """logit_j = s cos(theta_j).

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        scale: s.

    Source: Wang et al., "NormFace", 2017, equation 5.
    """

    def __init__(self, embedding_size: int, num_identities: int, scale: float = 64.0) -> None:
        super().__init__()
        self.weight = class_centres(embedding_size, num_identities)
        self.scale = scale

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (B, D), labels (B,) in [0, N) -> logits (B, N)."""
        return self.scale * cosine(embeddings, self.weight)
