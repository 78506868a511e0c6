"""Layers that look at a whole batch, for a batch that is spread over ranks: the numbers are those of one process that has all of it."""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from facenas.backbones.cell_network import DropPath


def spread(module: nn.Module, device: torch.device, *, batchnorm: bool) -> nn.Module:
    """The module with every Dropout and DropPath, and if wanted every BatchNorm, replaced; parameters, buffers and names stay.

    Args:
        module: The module; what is inside it is replaced in place.
        device: Device that it is trained on.
        batchnorm: Whether BatchNorms take mean and variance over the images of all ranks.
    """
    if batchnorm and device.type == "cuda":  # torch's own is faster, and computes on GPUs only
        module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
    elif batchnorm and isinstance(module, _BatchNorm):
        return _shared(module)
    if isinstance(module, nn.Dropout):
        return SharedDropout(module.p)
    if isinstance(module, DropPath):
        return SharedDropPath()
    for name, child in module.named_children():
        setattr(module, name, spread(child, device, batchnorm=batchnorm and device.type != "cuda"))
    return module


class SharedDropout(nn.Dropout):
    """Every rank draws for the whole batch, from generators in the same state, and uses its own part."""

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, ...) -> the same shape."""
        if not self.training:
            return x
        whole = torch.ones_like(x).repeat(distributed.get_world_size(), *[1] * (x.ndim - 1))
        if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
            whole = whole.contiguous(memory_format=torch.channels_last)
        return x * functional.dropout(whole, self.p).chunk(distributed.get_world_size())[distributed.get_rank()]


class SharedDropPath(DropPath):
    """DropPath for which every rank draws for the images of the whole batch, and uses the draws of its own images."""

    def draws(self, x: Tensor) -> Tensor:
        """A number in [0, 1) for each image of this rank (B, 1, 1, 1)."""
        ranks = distributed.get_world_size()
        return torch.rand(ranks * len(x), 1, 1, 1, device=x.device).chunk(ranks)[distributed.get_rank()]


class SharedBatchNorm(_BatchNorm):
    """BatchNorm with mean and variance over the images of all ranks; each rank has the same number of them."""

    def _check_input_dim(self, _: Tensor) -> None:
        """Any number of dimensions from two."""

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, ...) -> the same shape."""
        if not self.training:
            return super().forward(x)
        axes, shape = [0, *range(2, x.ndim)], [1, -1] + [1] * (x.ndim - 2)
        ranks, wide = distributed.get_world_size(), x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        mean = _over_ranks(wide.mean(axes)) / ranks
        variance = _over_ranks((wide - mean.view(shape)).square().mean(axes)) / ranks
        self._remember(mean.detach(), variance.detach(), ranks * x.numel() // x.shape[1])
        scale = torch.rsqrt(variance + self.eps) * (1.0 if self.weight is None else self.weight)
        shift = (0.0 if self.bias is None else self.bias) - mean * scale
        return (wide * scale.view(shape) + shift.view(shape)).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None or self.momentum is None:
            return
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var.dtype), self.momentum)


class _Sum(torch.autograd.Function):
    """The sum over ranks; so is its gradient, since every rank's loss depends on it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


def _over_ranks(x: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(x)
    return total


def _shared(norm: _BatchNorm) -> SharedBatchNorm:
    shared = SharedBatchNorm(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    shared._parameters, shared._buffers = norm._parameters, norm._buffers
    return shared
