"""BatchNorm, ReLU and depthwise convolution as one operation that passes over memory as few times as it can, for training on a CPU.

These layers do little arithmetic and wait for memory. Between two pointwise convolutions torch reads or writes the features 7 times, and
12 times on the way back; `fused.c` 3 and 6 times. It is compiled on first use, in a second, by the machine's own compiler; without one,
and for what it does not cover, the modules compute as torch does.
"""

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from facenas.native import compiled

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC")
LEAST_CHANNELS = 16  # BLOCK in fused.c
KERNELS = (3, 5)


@cache
def library() -> ctypes.CDLL | None:
    """The compiled operations; None where they cannot be compiled or are switched off by FACENAS_FUSED=0."""
    return None if os.environ.get("FACENAS_FUSED") == "0" else compiled(SOURCE, FLAGS)


def norm_relu_depthwise(x: Tensor, norm: nn.BatchNorm2d, conv: nn.Conv2d) -> Tensor:
    """`conv(relu(norm(x)))` of features (B, C, H, W) in training; running statistics are updated as BatchNorm updates them."""
    covered = conv.kernel_size[0] in KERNELS and conv.stride[0] in (1, 2) and conv.groups == x.shape[1]
    if not covered or not _runs_here(x, x.shape[1]):
        result: Tensor = conv(functional.relu(norm(x), inplace=True))
        return result
    out: Tensor = _NormReluDepthwise.apply(_last(x), norm.weight, norm.bias, conv.weight, norm, conv.stride[0])
    return out


def norm_pool(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Global average of `norm(x)`, features (B, C, H, W) -> (B, C, 1, 1), in training."""
    if not _runs_here(x, x.shape[1]):
        return functional.adaptive_avg_pool2d(norm(x), 1)
    out: Tensor = _NormPool.apply(_last(x), norm.weight, norm.bias, norm)
    return out[:, :, None, None]


def stem(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A 3x3 convolution of grey or colour images (B, C, H, W), which need no gradient."""
    covered = conv.kernel_size == (3, 3) and conv.stride == (1, 1) and conv.in_channels in (1, 3) and not x.requires_grad
    if not covered or not _runs_here(x, conv.out_channels):
        result: Tensor = conv(x)
        return result
    out: Tensor = _Stem.apply(_last(x), conv.weight)
    return out


def _runs_here(x: Tensor, channels: int) -> bool:
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16) and channels >= LEAST_CHANNELS and library() is not None


class _NormReluDepthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, weight: Tensor, norm: nn.BatchNorm2d, stride: int) -> Tensor:
        (batch, channels, height, width), kernel = x.shape, weight.shape[-1]
        out = _empty(batch, channels, -(-height // stride), -(-width // stride))
        stats = torch.empty(4, channels)
        sizes = batch, height, width, channels, kernel, stride
        _call("depthwise_forward", x, gamma, beta, weight.contiguous(), *_running(norm), out, stats, *_constants(norm), *sizes)
        ctx.save_for_backward(x, weight, stats)
        ctx.sizes = sizes
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, stats = ctx.saved_tensors
        grad_x, grad_gamma, grad_beta = torch.empty_like(x), stats.new_empty(x.shape[1]), stats.new_empty(x.shape[1])
        grad_weight = torch.empty(weight.shape)
        _call("depthwise_backward", _last(grad), x, weight.contiguous(), stats, grad_x, grad_gamma, grad_beta, grad_weight, *ctx.sizes)
        return grad_x, grad_gamma, grad_beta, grad_weight, None, None


class _NormPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        batch, channels, height, width = x.shape
        out, centred, stats = torch.empty(batch, channels), torch.empty(batch, channels), torch.empty(4, channels)
        sizes = batch, height * width, channels
        _call("pool_forward", x, gamma, beta, *_running(norm), out, centred, stats, *_constants(norm), *sizes)
        ctx.save_for_backward(x, centred, stats)
        ctx.sizes = sizes
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, centred, stats = ctx.saved_tensors
        grad_x, grad_gamma, grad_beta = torch.empty_like(x), stats.new_empty(x.shape[1]), stats.new_empty(x.shape[1])
        _call("pool_backward", grad.contiguous(), x, centred, stats, grad_x, grad_gamma, grad_beta, *ctx.sizes)
        return grad_x, grad_gamma, grad_beta, None


class _Stem(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        (batch, depth, height, width), channels = x.shape, len(weight)
        out = _empty(batch, channels, height, width)
        ctx.sizes = batch, height, width, depth, channels
        _call("stem_forward", x, weight.contiguous(), out, *ctx.sizes)
        ctx.save_for_backward(x)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        (x,) = ctx.saved_tensors
        grad_weight = torch.empty(grad.shape[1], x.shape[1], 3, 3)
        _call("stem_backward", _last(grad), x, grad_weight, *ctx.sizes)
        return None, grad_weight


def _running(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    if norm.num_batches_tracked is None or norm.running_mean is None or norm.running_var is None or norm.momentum is None:
        raise ValueError("BatchNorm must keep running statistics with a momentum")
    norm.num_batches_tracked += 1
    return norm.running_mean, norm.running_var


def _constants(norm: nn.BatchNorm2d) -> tuple[float, float]:
    return norm.eps, norm.momentum or 0.0


def _last(x: Tensor) -> Tensor:
    return x.float().contiguous(memory_format=torch.channels_last)


def _empty(*shape: int) -> Tensor:
    return torch.empty(shape, memory_format=torch.channels_last)


def _call(name: str, *arguments: Tensor | float) -> None:
    getattr(library(), name)(*map(_as_c, arguments), torch.get_num_threads())


def _as_c(argument: Tensor | float) -> Any:
    if isinstance(argument, Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_long(argument) if isinstance(argument, int) else ctypes.c_float(argument)
