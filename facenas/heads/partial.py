"""Partial FC: the class centres spread over ranks, and a random share of them met at each step."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from facenas.errors import SettingsError
from facenas.heads import ranks
from facenas.heads.cosine import class_centres, cosine, directions, nearest
from facenas.heads.loss import MarginLoss, loss_of_cosines
from facenas.heads.settings import Head
from facenas.heads.shards import bounds

BLOCK = 1024  # identities whose centres are drawn together


class PartialFC(nn.Module):
    """A margin head of which each rank holds a contiguous shard of the identities.

    Every rank meets the images of all ranks with a `sample_rate` of its shard: all identities of these images, and random others; the
    softmax's denominator is summed over ranks. At rate 1 loss and gradients are those of the plain head. Not to be wrapped in
    DistributedDataParallel: its parameter differs from rank to rank. Without a process group it is one rank.

    Args:
        settings: Settings of any margin head.
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N over all ranks.
        sample_rate: Share of the shard that is met at each step, in (0, 1].
        seed: Seed of the centres and the samples; a step's sample depends on (seed, step, rank) alone, and the step is in the state.

    Raises:
        SettingsError: If there are fewer identities than ranks.

    Source: An et al., "Partial FC", 2021, and "Killing Two Birds with One Stone", 2022, section 3. Below rate 1 the weight's gradient is
    sparse: step it with `RowSGD`.
    """

    steps: Tensor

    def __init__(self, settings: Head, embedding_size: int, num_identities: int, *, sample_rate: float = 1.0, seed: int = 0) -> None:
        super().__init__()
        self.rank, count = ranks.mine(), ranks.count()
        if num_identities < count:
            raise SettingsError(f"{count} ranks need at least {count} identities, got {num_identities}")
        self.first, end = bounds(num_identities, self.rank, count)
        self.identities, self.sample_rate, self.seed = end - self.first, sample_rate, seed
        self.rule, self.scale, self.subcentres = settings.rule(), settings.scale, settings.subcentres
        self.weight = nn.Parameter(torch.empty(self.identities * self.subcentres, embedding_size))
        self._draw()
        self.register_buffer("steps", torch.tensor(0))

    @torch.no_grad()
    def _draw(self) -> None:
        """Centres at the start: those of an identity are the same whatever the number of ranks."""
        end = self.first + self.identities
        for start in range(self.first - self.first % BLOCK, end, BLOCK):
            drawn = class_centres(BLOCK * self.subcentres, self.weight.shape[1], torch.Generator().manual_seed(_derived(self.seed, start)))
            own = slice(max(start, self.first), min(start + BLOCK, end))
            here, there = (slice((own.start - at) * self.subcentres, (own.stop - at) * self.subcentres) for at in (self.first, start))
            self.weight[here] = drawn[there]

    def forward(self, embeddings: Tensor, labels: Tensor) -> MarginLoss:
        """Loss and hits over the batch of all ranks.

        Hits are counted among the identities that were met. The gradient of the weight is that of the loss. The gradient that reaches the
        embeddings is R times that of the loss, since DistributedDataParallel divides the backbone's gradient by the R ranks.

        Args:
            embeddings: Embeddings (B, D) of this rank's images, not normalised.
            labels: Identities (B,) of these images, in [0, N).

        Raises:
            SettingsError: If the ranks' batches differ in size.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            features, norms = directions(_times(embeddings.to(self.weight.dtype), ranks.count()))
            _same_size(labels)
            centres, columns = self._met(ranks.gathered(labels).flatten() - self.first)
            cosines = nearest(cosine(ranks.gathered(features).flatten(0, 1), centres), self.subcentres)
            return loss_of_cosines(cosines, columns, norms, rule=self.rule, scale=self.scale, gathered=ranks.gathered, rank=self.rank)

    def _met(self, identities: Tensor) -> tuple[Tensor, Tensor]:
        """The centres that this step meets (n K, D), and where the batch's identities, counted from the shard's first, are in them."""
        held = (identities >= 0) & (identities < self.identities)
        if self.sample_rate == 1:
            return self.weight, identities.where(held, -1)
        sample = self._sample(identities[held])
        rows = (sample.unsqueeze(1) * self.subcentres + torch.arange(self.subcentres, device=sample.device)).flatten()
        self.steps += self.training
        return _Rows.apply(self.weight, rows), torch.searchsorted(sample, identities).where(held, -1)

    def _sample(self, positives: Tensor) -> Tensor:
        """The positives and random others, in order; always equally many, as long as there are not more positives."""
        generator = torch.Generator(self.weight.device).manual_seed(_derived(self.seed, self.rank, int(self.steps)))
        draws = torch.rand(self.identities, generator=generator, device=self.weight.device)
        draws[positives] = 2.0
        size = max(1, round(self.sample_rate * self.identities), int((draws == 2).sum()))
        return draws.topk(size).indices.sort().values


class _Rows(torch.autograd.Function):
    """Rows, each asked for once, of a matrix, whose gradient is sparse."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.shape = weight.shape
        return weight.index_select(0, rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        rows = ctx.saved_tensors[0].unsqueeze(0)
        return torch.sparse_coo_tensor(rows, grad, ctx.shape, check_invariants=False), None


def _derived(*numbers: int) -> int:
    return int(np.random.SeedSequence([number % 2**64 for number in numbers]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _times(embeddings: Tensor, factor: int) -> Tensor:
    """The embeddings, whose gradient is multiplied."""
    result = embeddings.view_as(embeddings)
    if result.requires_grad and factor > 1:
        result.register_hook(lambda grad: grad * factor)  # type: ignore[no-untyped-call]
    return result


def _same_size(labels: Tensor) -> None:
    if ranks.count() == 1:
        return
    sizes = ranks.gathered(torch.tensor(len(labels), device=labels.device)).tolist()
    if len(set(sizes)) > 1:
        raise SettingsError(f"every rank must bring a batch of the same size, got {sizes}; leave out the remainder that fills no batch")
