"""BatchNorm over the images of all ranks, on any backend; torch's own computes on GPUs only."""

import torch
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm


def share_batchnorm(module: nn.Module, device: torch.device) -> nn.Module:
    """The module with every BatchNorm replaced by one that sees all ranks' images; parameters, buffers and names stay."""
    if device.type == "cuda":
        shared: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return shared
    if isinstance(module, _BatchNorm):
        return _shared(module)
    for name, child in module.named_children():
        setattr(module, name, share_batchnorm(child, device))
    return module


class SharedBatchNorm(_BatchNorm):
    """The same numbers as in one process that has the whole batch; every rank has the same number of images."""

    def _check_input_dim(self, _: Tensor) -> None:
        """Any number of dimensions from two."""

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, ...) -> the same shape."""
        if not self.training:
            return super().forward(x)
        axes, shape = [0, *range(2, x.ndim)], [1, -1] + [1] * (x.ndim - 2)
        ranks, wide = torch.distributed.get_world_size(), x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        mean: Tensor = all_reduce(wide.mean(axes)) / ranks  # type: ignore[no-untyped-call]
        variance: Tensor = all_reduce((wide - mean.view(shape)).square().mean(axes)) / ranks  # type: ignore[no-untyped-call]
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


def _shared(norm: _BatchNorm) -> SharedBatchNorm:
    shared = SharedBatchNorm(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    shared._parameters, shared._buffers = norm._parameters, norm._buffers
    return shared
