"""A margin head: class centres and a rule."""

import torch
from torch import Tensor, nn

from facenas.heads.cosine import class_centres, cosine, directions, nearest
from facenas.heads.loss import MarginLoss, loss_of_cosines


class MarginHead(nn.Module):
    """logit_y = s target, other logits s cos(theta_j), in the centres' precision whatever autocast says.

    Train with `margin_loss`: logits know nothing of a rule's penalty, and cost more.

    Args:
        rule: The margin rule, which makes the target of cos(theta_y); see `facenas.heads.rule.Margin`.
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        scale: Factor s of all logits.
        subcentres: Number K of centres of each identity, of which the nearest counts.

    Raises:
        ValueError: If one of the three sizes is not positive.
    """

    def __init__(self, rule: nn.Module, embedding_size: int, num_identities: int, *, scale: float = 64.0, subcentres: int = 1) -> None:
        super().__init__()
        sizes = {"embedding_size": embedding_size, "num_identities": num_identities, "subcentres": subcentres}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        self.rule, self.scale, self.subcentres = rule, scale, subcentres
        self.weight = class_centres(num_identities * subcentres, embedding_size)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Logits (B, N) of a batch.

        Args:
            embeddings: Embeddings (B, D) that are not normalised.
            labels: Identities (B,) in [0, N).
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            cosines, norms = self.cosines(embeddings)
            rows = labels.unsqueeze(1)
            margin = self.rule(cosines.gather(1, rows).squeeze(1), norms)
            if margin.harden:
                cosines = margin.harden(cosines, margin.bar.unsqueeze(1))
            return (self.scale * cosines).scatter_(1, rows, self.scale * margin.target.unsqueeze(1))

    def cosines(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (B, D) -> cosines with all identities (B, N), and the embeddings' norms (B,)."""
        features, norms = directions(embeddings.to(self.weight.dtype))
        return nearest(cosine(features, self.weight), self.subcentres), norms


def margin_loss(head: MarginHead, embeddings: Tensor, labels: Tensor) -> MarginLoss:
    """Mean cross-entropy of the head's logits and the rule's penalty; faster than by way of the logits.

    Args:
        head: The margin head.
        embeddings: Embeddings (B, D) that are not normalised.
        labels: Identities (B,) in [0, N).
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        cosines, norms = head.cosines(embeddings)
        return loss_of_cosines(cosines, labels, norms, rule=head.rule, scale=head.scale)
