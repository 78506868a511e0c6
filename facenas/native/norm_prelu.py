"""BatchNorm and PReLU as one operation for training on a CPU: torch's way back through PReLU alone is a tenth of a face network's step.

`norm_prelu.c` is compiled on first use, as `fused.c` is; without a compiler, and for what it does not cover, the modules compute as torch
does.
"""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from facenas.native import fused
from facenas.native.building import compiled

KINDS = {torch.float32: "f32", torch.bfloat16: "bf16"}


@cache
def library() -> ctypes.CDLL | None:
    """The compiled operations; None where they cannot be compiled or are switched off."""
    return compiled(Path(__file__).with_suffix(".c"), fused.FLAGS) if fused.library() else None


def norm_prelu(x: Tensor, norm: nn.Module, prelu: nn.Module) -> Tensor:
    """`prelu(norm(x))` of features (B, C, H, W); in training, running statistics are updated as BatchNorm updates them.

    Args:
        x: Features (B, C, H, W).
        norm: The BatchNorm layer; only a plain one in training mode is computed in C code.
        prelu: The PReLU layer; only one with a slope per channel is computed in C code.

    Returns:
        Features (B, C, H, W).
    """
    last = x.is_contiguous(memory_format=torch.channels_last)
    if (
        type(norm) is nn.BatchNorm2d  # not one that is spread over ranks
        and isinstance(prelu, nn.PReLU)
        and prelu.num_parameters == x.shape[1] >= fused.LEAST_CHANNELS
        and norm.training
        and x.device.type == "cpu"
        and x.dtype in KINDS
        and norm.weight.dtype == torch.float32
        and last
        and not torch.compiler.is_compiling()
        and library()
    ):
        out: Tensor = _NormPReLU.apply(x, norm.weight, norm.bias, prelu.weight, norm)
        return out
    result: Tensor = prelu(norm(x))
    return result


class _NormPReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, weight: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        batch, channels, height, width = ctx.sizes = x.shape
        out, stats = torch.empty_like(x), torch.empty(4, channels)
        sizes = batch, height * width, channels
        _call("forward", x.dtype, x, gamma, beta, weight, *fused.running(norm), out, stats, *fused.constants(norm), *sizes)
        ctx.save_for_backward(x, weight, stats)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, stats = ctx.saved_tensors
        batch, channels, height, width = ctx.sizes
        grad = grad.to(x.dtype).contiguous(memory_format=torch.channels_last)
        grad_x, parameters = torch.empty_like(x), [torch.empty(channels) for _ in range(3)]
        _call("backward", x.dtype, grad, x, weight, stats, grad_x, *parameters, batch, height * width, channels)
        return grad_x, *parameters, None


def _call(name: str, kind: torch.dtype, *arguments: Tensor | float) -> None:
    getattr(library(), f"norm_prelu_{name}_{KINDS[kind]}")(*map(fused.as_c, arguments), torch.get_num_threads())
