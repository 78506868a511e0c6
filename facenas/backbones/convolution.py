"""Convolutions whose weight gradient is a sum of matrix products, for CPUs on which oneDNN's own is slow.

With AVX2 and channels last, oneDNN's weight gradient of a 3x3 convolution reaches a third of what its other passes and matrix products
do; with AVX-512 it is left alone. Networks have torch's own convolutions: these take their place while a step is computed (see `fast`).
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

LEAST_CHANNELS, LEAST_SIDE = 16, 14  # below these oneDNN's is as fast


class Conv2d(nn.Conv2d):
    """torch's convolution; in training on such a CPU, another way to the same gradient."""

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, H, W) -> (B, D, H / stride, W / stride)."""
        if not self._covered(x):
            return super().forward(x)
        out: Tensor = _Convolution.apply(x, self.weight, self.stride[0])
        return out

    def _covered(self, x: Tensor) -> bool:
        return (
            x.device.type == "cpu"
            and torch.is_grad_enabled()
            and self.weight.requires_grad
            and x.dtype == self.weight.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and not torch.compiler.is_compiling()
            and self.groups == 1
            and self.kernel_size[0] > 1
            and min(self.in_channels, self.out_channels) >= LEAST_CHANNELS
            and min(x.shape[2:]) >= LEAST_SIDE
            and x.is_contiguous(memory_format=torch.channels_last)
            and slow_here()
        )


@cache
def slow_here() -> bool:
    """Whether oneDNN's weight gradient is slow on this CPU."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


def weight_gradient(x: Tensor, grad: Tensor, kernel: int, stride: int) -> Tensor:
    """Gradient (D, C, K, K) of a convolution's weight.

    Pixels are laid out in one line, padded at the right of each row, so that the pixels that a tap of the kernel meets are a shifted
    stretch of it: no copy for each tap. With a stride there is a line for each of its phases.

    Args:
        x: Input (B, C, H, W).
        grad: Gradient of the output (B, D, H / stride, W / stride).
        kernel: Side K of the kernel in pixels.
        stride: Stride of the convolution.
    """
    (batch, channels, height, width), (_, outputs, rows, columns), margin = x.shape, grad.shape, kernel // 2
    extra = [-(side + 2 * margin) % stride for side in (height, width)]
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, margin, margin + extra[1], margin, margin + extra[0]))
    wide = padded.shape[2] // stride
    lines = [[padded[:, i::stride, j::stride].reshape(batch, -1, channels) for j in range(stride)] for i in range(stride)]
    errors = functional.pad(grad.permute(0, 2, 3, 1), (0, 0, 0, wide - columns)).reshape(batch, rows * wide, outputs).transpose(1, 2)
    taps = []
    for i in range(kernel):
        for j in range(kernel):
            line, shift = lines[i % stride][j % stride], i // stride * wide + j // stride
            length = min(rows * wide, line.shape[1] - shift)
            taps.append(torch.bmm(errors[:, :, :length], line[:, shift : shift + length]).sum(0))
    return torch.stack(taps, -1).view(outputs, channels, kernel, kernel)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return functional.conv2d(x, weight, None, stride, weight.shape[-1] // 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), stride = ctx.saved_tensors, ctx.stride
        kernel, grad_x = weight.shape[-1], None
        if ctx.needs_input_grad[0]:
            margin, wanted = [kernel // 2] * 2, [True, False, False]
            grad_x = torch.ops.aten.convolution_backward(grad, x, weight, None, [stride] * 2, margin, [1, 1], False, [0, 0], 1, wanted)[0]
        return grad_x, weight_gradient(x, grad, kernel, stride), None
