"""Class centres, and cosines with them that never hold a normalised copy of the centres."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SMALLEST_NORM = 1e-3  # shorter vectors are not scaled up to unit length, so that a zero embedding has finite gradients


def class_centres(rows: int, embedding_size: int, generator: torch.Generator | None = None) -> torch.nn.Parameter:
    """Trainable centres (N, D), drawn from N(0, 0.01) as in arcface_torch; only their directions matter.

    Args:
        rows: Number of centres N.
        embedding_size: Embedding dimension D.
        generator: Source of the random numbers; None: torch's global one.
    """
    return torch.nn.Parameter(torch.empty(rows, embedding_size).normal_(std=0.01, generator=generator))


def directions(embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings (B, D) -> the same at unit length (B, D), and their norms (B,)."""
    norms = torch.linalg.vector_norm(embeddings, dim=1)
    return embeddings / norms.clamp(min=SMALLEST_NORM).unsqueeze(1), norms


def cosine(features: Tensor, centres: Tensor) -> Tensor:
    """Cosines (B, N) of unit features (B, D) with centres (N, D) of any length.

    The norms of the centres are applied to the products (B, N), which are far fewer than the numbers in the centres (N, D); so also in
    the gradient: d centre_j = (sum_b g_bj feature_b - sum_b g_bj cos_bj centre_j / |centre_j|) / |centre_j|.

    Args:
        features: Embeddings at unit length (B, D).
        centres: Class centres of any length (N, D).
    """
    result: Tensor = _Cosine.apply(features, centres)
    return result


def nearest(cosines: Tensor, subcentres: int) -> Tensor:
    """Cosines (B, K N), the K centres of an identity side by side, -> those with the nearest centre of each (B, N).

    A clean image trains its identity's main centre; wrongly labelled ones gather at the others and stop pulling at it.

    Args:
        cosines: Cosines of each image with all centres (B, K N).
        subcentres: Number of centres of each identity, K.

    Source: Deng et al., "Sub-center ArcFace", 2020, section 3: theta_j = arccos(max_k w_jk x), in ArcFace's loss.
    """
    return cosines if subcentres == 1 else cosines.view(len(cosines), -1, subcentres).amax(2)


class _Cosine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, centres: Tensor) -> Tensor:
        inverse = torch.linalg.vector_norm(centres, dim=1).clamp_(min=SMALLEST_NORM).reciprocal_()
        cosines = torch.nn.functional.linear(features, centres).mul_(inverse)
        ctx.save_for_backward(features, centres, inverse, cosines)
        return cosines

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        features, centres, inverse, cosines = ctx.saved_tensors
        with torch.autocast(grad.device.type, enabled=False):
            scaled = grad * inverse
            along = (scaled * cosines).sum(0) * inverse * (inverse < 1 / SMALLEST_NORM)
            of_centres = (scaled.T @ features).addcmul_(centres, along.unsqueeze(1), value=-1)
            return scaled @ centres, of_centres
