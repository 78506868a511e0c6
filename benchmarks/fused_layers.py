"""BatchNorm, ReLU and depthwise convolution, forward and backward, as one operation against torch's three, in turns, on a CPU.

    python benchmarks/fused_layers.py [--threads 2] [--precision bf16] [--json]

`gigabytes_per_s` counts the fewest bytes that the fused operation must move: features are read twice and written once forward; read twice
for the gradients and twice for their correction, and written twice backward. It stands beside what a scaling in place reaches.
"""

import argparse
import json
import os
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from turns import timed

from facenas.native import fused
from facenas.training.device import make_fabric

SHAPES = ((16, 32, 3), (32, 32, 3), (64, 32, 3), (128, 32, 3), (128, 16, 3), (256, 8, 3), (64, 32, 5))
BATCH, ROUNDS = 64, 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    make_fabric("cpu", options.precision)  # the allocator as in training
    big = torch.rand(2**26)
    limit = 8 * big.numel() / min(timed(lambda: big.mul_(1.0001)) for _ in range(5)) / 1e9
    rows = [measure(*shape, torch.bfloat16 if options.precision == "bf16" else torch.float32) for shape in SHAPES]
    if options.json:
        print(json.dumps({"rows": rows, "memory_gigabytes_per_s": limit}))
        return
    for row in rows:
        print(f"{row['name']}: {row['ratio']:.2f} x torch, {row['ms']:.2f} ms, {row['gigabytes_per_s']:.1f} GB/s of {limit:.1f}")


def measure(channels: int, side: int, kernel: int, kind: torch.dtype) -> dict[str, Any]:
    norm, conv = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
    x = torch.randn(BATCH, channels, side, side, dtype=kind).contiguous(memory_format=torch.channels_last).requires_grad_()
    grad = torch.randn_like(x)

    def step(function: Callable[[], Tensor]) -> None:
        with torch.autocast("cpu", kind, enabled=kind != torch.float32):
            out = function()
        out.backward(grad)
        x.grad = None

    both = (lambda: step(lambda: conv(norm(x).relu_())), lambda: step(lambda: fused.norm_relu_depthwise(x, norm, conv)))
    for function in both:
        function()
    times = [[timed(function) for function in both] for _ in range(ROUNDS)]
    usual, ours = (median(column) for column in zip(*times, strict=True))
    moved = (3 + 6) * x.nbytes
    name = f"{channels} channels, {side} x {side}, kernel {kernel}"
    return {"name": name, "ratio": usual / ours, "ms": 1e3 * ours, "torch_ms": 1e3 * usual, "gigabytes_per_s": moved / ours / 1e9}


if __name__ == "__main__":
    main()
