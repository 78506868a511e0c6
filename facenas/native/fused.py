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

from facenas.native.building import compiled

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC")
KINDS: dict[torch.dtype, tuple[str, ...]] = {torch.float32: (), torch.bfloat16: ("-DBF16",)}  # of features; all else is float32
LEAST_CHANNELS = 16  # BLOCK in fused.c
KERNELS = (3, 5)


@cache
def library(kind: torch.dtype = torch.float32) -> ctypes.CDLL | None:
    """The compiled operations on features of one number type; None where they cannot be compiled or FACENAS_FUSED=0 switches them off."""
    return compiled(SOURCE, (*FLAGS, *KINDS[kind])) if wanted() else None


def wanted() -> bool:
    """Whether compiled operations may be used: FACENAS_FUSED=0 switches them off."""
    return os.environ.get("FACENAS_FUSED") != "0"


def norm_relu_depthwise(x: Tensor, norm: nn.BatchNorm2d, conv: nn.Conv2d) -> Tensor:
    """`conv(relu(norm(x)))` of features (B, C, H, W) in training; running statistics are updated as BatchNorm updates them.

    Args:
        x: Features (B, C, H, W).
        norm: The BatchNorm layer over C channels, in training mode.
        conv: The depthwise convolution: C groups; kernel sizes 3 and 5 and strides 1 and 2 are computed in C code.

    Returns:
        Features (B, C, H', W').
    """
    covered = conv.kernel_size[0] in KERNELS and conv.stride[0] in (1, 2) and conv.groups == x.shape[1]
    if not covered or not _runs_here(x, x.shape[1]):
        result: Tensor = conv(functional.relu(norm(x), inplace=True))
        return result
    out: Tensor = _NormReluDepthwise.apply(_last(x, x.dtype), norm.weight, norm.bias, conv.weight, norm, conv.stride[0])
    return out


def norm_pool(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Global average of `norm(x)`, features (B, C, H, W) -> (B, C, 1, 1), in training.

    Args:
        x: Features (B, C, H, W).
        norm: The BatchNorm layer over C channels, in training mode.
    """
    if not _runs_here(x, x.shape[1]):
        return functional.adaptive_avg_pool2d(norm(x), 1)
    out: Tensor = _NormPool.apply(_last(x, x.dtype), norm.weight, norm.bias, norm)
    return out[:, :, None, None]


def stem(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A 3x3 convolution of grey or colour images (B, C, H, W), which need no gradient.

    Args:
        x: Images (B, C, H, W), C = 1 or 3, normalised.
        conv: The convolution: kernel size 3 and stride 1 are computed in C code.

    Returns:
        Features (B, D, H, W) of D output channels.
    """
    covered = conv.kernel_size == (3, 3) and conv.stride == (1, 1) and conv.in_channels in (1, 3) and not x.requires_grad
    if not covered or not _runs_here(x, conv.out_channels):
        result: Tensor = conv(x)
        return result
    kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    out: Tensor = _Stem.apply(_last(x, kind), conv.weight)
    return out


def _runs_here(x: Tensor, channels: int) -> bool:
    return x.device.type == "cpu" and x.dtype in KINDS and channels >= LEAST_CHANNELS and library(x.dtype) is not None


class _NormReluDepthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, weight: Tensor, norm: nn.BatchNorm2d, stride: int) -> Tensor:
        (batch, channels, height, width), kernel = x.shape, weight.shape[-1]
        out = _empty(x, channels, -(-height // stride), -(-width // stride))
        stats = torch.empty(4, channels)
        sizes = batch, height, width, channels, kernel, stride
        _call("depthwise_forward", x.dtype, x, gamma, beta, weight.contiguous(), *running(norm), out, stats, *constants(norm), *sizes)
        ctx.save_for_backward(x, weight, stats)
        ctx.sizes = sizes
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, stats = ctx.saved_tensors
        grad_x, grad_gamma, grad_beta = torch.empty_like(x), stats.new_empty(x.shape[1]), stats.new_empty(x.shape[1])
        grad_weight = torch.empty(weight.shape)
        grad, gradients = _last(grad, x.dtype), (grad_x, grad_gamma, grad_beta, grad_weight)
        _call("depthwise_backward", x.dtype, grad, x, weight.contiguous(), stats, *gradients, *ctx.sizes)
        return *gradients, None, None


class _NormPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        batch, channels, height, width = x.shape
        out, centred, stats = torch.empty(batch, channels), torch.empty(batch, channels), torch.empty(4, channels)
        sizes = batch, height * width, channels
        _call("pool_forward", x.dtype, x, gamma, beta, *running(norm), out, centred, stats, *constants(norm), *sizes)
        ctx.save_for_backward(x, centred, stats)
        ctx.sizes = sizes
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, centred, stats = ctx.saved_tensors
        grad_x, grad_gamma, grad_beta = torch.empty_like(x), stats.new_empty(x.shape[1]), stats.new_empty(x.shape[1])
        _call("pool_backward", x.dtype, grad.contiguous(), x, centred, stats, grad_x, grad_gamma, grad_beta, *ctx.sizes)
        return grad_x, grad_gamma, grad_beta, None


class _Stem(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        (batch, depth, height, width), channels = x.shape, len(weight)
        out = _empty(x, channels, height, width)
        ctx.sizes = batch, height, width, depth, channels
        _call("stem_forward", x.dtype, x, weight.contiguous(), out, *ctx.sizes)
        ctx.save_for_backward(x)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        (x,) = ctx.saved_tensors
        grad_weight = torch.empty(grad.shape[1], x.shape[1], 3, 3)
        _call("stem_backward", x.dtype, _last(grad, x.dtype), x, grad_weight, *ctx.sizes)
        return None, grad_weight


def running(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The running mean and variance of a BatchNorm layer, after one more batch is counted.

    Raises:
        ValueError: If the layer keeps no running statistics, or averages them without a momentum.
    """
    if norm.num_batches_tracked is None or norm.running_mean is None or norm.running_var is None or norm.momentum is None:
        raise ValueError("BatchNorm must keep running statistics with a momentum")
    norm.num_batches_tracked += 1
    return norm.running_mean, norm.running_var


def constants(norm: nn.BatchNorm2d) -> tuple[float, float]:
    """The eps and the momentum of a BatchNorm layer."""
    return norm.eps, norm.momentum or 0.0


def _last(x: Tensor, kind: torch.dtype) -> Tensor:
    return x.to(kind).contiguous(memory_format=torch.channels_last)


def _empty(x: Tensor, *shape: int) -> Tensor:
    return torch.empty((len(x), *shape), dtype=x.dtype, memory_format=torch.channels_last)


def _call(name: str, kind: torch.dtype, *arguments: Tensor | float) -> None:
    getattr(library(kind), name)(*map(as_c, arguments), torch.get_num_threads())


def as_c(argument: Tensor | float) -> Any:
    """A tensor, integer or float as the argument of a C function: a pointer, a long or a float."""
    if isinstance(argument, Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_long(argument) if isinstance(argument, int) else ctypes.c_float(argument)
