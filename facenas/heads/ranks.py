"""What the processes of one training share: one rank alone where no process group is set up."""

from typing import Any

import torch
from torch import Tensor, distributed
from torch.autograd.function import once_differentiable


def count() -> int:
    """Number of ranks."""
    return distributed.get_world_size() if _many() else 1


def mine() -> int:
    """Rank of this process."""
    return distributed.get_rank() if _many() else 0


def gathered(values: Tensor) -> Tensor:
    """The values (...) of all ranks, (R, ...), equal in shape; a rank's gradient is the sum of what all ranks send back to it."""
    result: Tensor = _Gathered.apply(values) if _many() else values.unsqueeze(0)
    return result


@torch.no_grad()
def mean_and_deviation(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, unbiased standard deviation (0 for a single value) and number of the values (B,) of all ranks together."""
    number, total = _summed(torch.stack([values.new_full((), len(values)), values.sum()]))
    mean = total / number
    squares = _summed((values - mean).square().sum())
    return mean, (squares / (number - 1).clamp(min=1)).sqrt(), number


def _many() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _summed(values: Tensor) -> Tensor:
    if _many():
        distributed.all_reduce(values)
    return values


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        result = values.new_empty((count(), values.numel()))
        distributed.all_gather_into_tensor(result, values.reshape(1, -1))
        return result.view(-1, *values.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _summed(grad.contiguous())[mine()]
