"""What all margin heads share: class centres, cosines in at least single precision, and the target's entry replaced."""

import torch
from torch import Tensor, nn
from torch.nn import functional

SMALLEST_NORM = 1e-3  # shorter vectors are not scaled up to unit length, so that a zero embedding has finite gradients


def class_centres(embedding_size: int, num_identities: int) -> nn.Parameter:
    """Trainable centres (N, D), drawn from N(0, 0.01) as in arcface_torch; only their directions matter."""
    return nn.Parameter(torch.randn(num_identities, embedding_size) * 0.01)


def cosine(embeddings: Tensor, centres: Tensor) -> Tensor:
    """Cosines (B, N) of embeddings (B, D) and centres (N, D), in the centres' precision whatever autocast says."""
    with torch.autocast(embeddings.device.type, enabled=False):
        features = functional.normalize(embeddings.to(centres.dtype), eps=SMALLEST_NORM)
        return functional.linear(features, functional.normalize(centres, eps=SMALLEST_NORM)).clamp(-1, 1)


def at_labels(cosines: Tensor, labels: Tensor) -> Tensor:
    """Each row's cosine with its own identity's centre, (B, N) -> (B, 1)."""
    return cosines.gather(1, labels.unsqueeze(1))


def with_target(cosines: Tensor, labels: Tensor, target: Tensor) -> Tensor:
    """The cosines (B, N) with the entries of the labels replaced by `target` (B, 1)."""
    return cosines.scatter(1, labels.unsqueeze(1), target)
