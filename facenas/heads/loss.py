"""The cross-entropy of margin heads, from cosines, without a matrix of logits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class MarginLoss(NamedTuple):
    """What a head says of a batch.

    Attributes:
        loss: Mean cross-entropy of the batch, and the rule's penalty.
        correct: Number of images nearest to their own identity's centre, margins left aside; ties count.
    """

    loss: Tensor
    correct: Tensor


def loss_of_cosines(
    cosines: Tensor,
    columns: Tensor,
    norms: Tensor,
    *,
    rule: nn.Module,
    scale: float,
    gathered: Callable[[Tensor], Tensor] = lambda values: values.unsqueeze(0),
    rank: int = 0,
) -> MarginLoss:
    """Cross-entropy of the right identity against all others, whose centres may be spread over R ranks.

    The softmax's denominator is only met as one number an image, so that ranks exchange vectors (B,) and rules know no matrices:
    loss = log(1 + exp(log_sum_others - s target)).

    Args:
        cosines: Cosines of the images of all ranks with this rank's centres (R B, n).
        columns: Column of each image's right identity in `cosines` (R B,); -1: its centre is at another rank.
        norms: Lengths of this rank's embeddings (B,).
        rule: The margin rule; see `facenas.heads.rule.Margin`.
        scale: Factor s of all logits.
        gathered: Function that stacks the values of all ranks, (...) to (R, ...), and is its own transpose in the gradient.
        rank: Number of this rank, from 0.

    Returns:
        The loss over all ranks; only this rank's part of it carries a gradient, and the others' parts reach it through `gathered`.
    """
    here = slice(rank * len(norms), (rank + 1) * len(norms))
    held, columns = columns.unsqueeze(1) >= 0, columns.clamp(min=0).unsqueeze(1)
    own = gathered((cosines.gather(1, columns) * held).squeeze(1))[:, here].sum(0)
    margin = rule(own, norms)
    hardened = margin.harden(cosines, gathered(margin.bar).reshape(-1, 1)) if margin.harden else cosines
    others, best = _Others.apply(hardened, columns, held, scale)
    if margin.harden:
        best = _without(cosines.detach().clone(), columns, held).amax(1)
    others, best = gathered(torch.stack([others, best]))[:, :, here].unbind(1)
    per_image = -functional.logsigmoid(scale * margin.target - others.logsumexp(0))
    share = (per_image.mean() + margin.penalty) / len(others)
    correct = (own.detach() >= best.amax(0)).sum()
    with torch.no_grad():
        elsewhere = gathered(share).sum() - share
    return MarginLoss(share + elsewhere, gathered(correct).sum())


def _without(values: Tensor, columns: Tensor, held: Tensor) -> Tensor:
    """`values` (B, n), changed in place: the columns (B, 1) that are held become too low to count."""
    return values.scatter_(1, columns, torch.where(held, torch.finfo(values.dtype).min, values.gather(1, columns)))


class _Others(torch.autograd.Function):
    """log sum exp(s cos) over the other identities (B,), and their largest cosine (B,), without a gradient."""

    @staticmethod
    def forward(ctx: Any, cosines: Tensor, columns: Tensor, held: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        logits = _without(cosines * scale, columns, held)
        best = logits.amax(1)
        weights = logits.sub_(best.unsqueeze(1)).exp_()
        total = weights.sum(1)
        ctx.save_for_backward(weights, total)
        ctx.scale = scale
        nearest = best / scale
        ctx.mark_non_differentiable(nearest)
        return best + total.log(), nearest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        weights, total = ctx.saved_tensors
        return weights * (ctx.scale * grad / total).unsqueeze(1), None, None, None
