"""A head's loss and gradients, against the usual form of the same loss, in turns.

    python benchmarks/heads.py [--threads 2] [--device cpu] [--json]

The usual form normalises embeddings and centres, clamps the cosines, scales the logits and leaves the rest to cross-entropy and argmax. For
ArcFace it sets the margin at the labels, as arcface_torch does; for AdaFace it takes all cosines through acos and cos, as its authors do.
`loss_difference` is between the two forms' losses of the same batch, relative.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from turns import timed

from facenas.heads import MarginHead, margin_loss
from facenas.heads.settings import AdaFaceHead, ArcFaceHead
from facenas.training.device import make_fabric

D, ROUNDS, BUDGET_S = 512, 15, 20.0
CASES = (("arcface", 32, 10_572), ("adaface", 32, 10_572), ("arcface", 128, 10_572), ("arcface", 32, 85_742), ("adaface", 32, 85_742))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.device == "cpu":
        make_fabric("cpu", "fp32")  # the allocator as in training
    rows = [measure(*case, torch.device(options.device)) for case in CASES]
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        print(
            f"{row['name']}: {row['ratio']:.2f} x, {row['ms']:.1f} ms, usual {row['usual_ms']:.1f} ms, {row['loss_difference']:.0e} apart"
        )


def measure(name: str, batch: int, identities: int, device: torch.device) -> dict[str, Any]:
    torch.manual_seed(0)
    settings, usual = {"arcface": (ArcFaceHead(), usual_arcface), "adaface": (AdaFaceHead(), usual_adaface)}[name]
    head = settings.build(D, identities).to(device)
    x = torch.randn(batch, D, device=device).requires_grad_()
    y = torch.randint(identities, (batch,), device=device)

    def step(function: Callable[[], tuple[Tensor, Tensor]]) -> float:
        x.grad = head.weight.grad = None
        loss, _ = function()
        loss.backward()
        return float(loss.detach())

    both = (lambda: step(lambda: usual(head, x, y)), lambda: step(lambda: margin_loss(head, x, y)))
    head.eval()
    losses = [function() for function in both]
    difference = abs(losses[0] / losses[1] - 1)
    head.train()
    times: list[list[float]] = []
    end = time.perf_counter() + BUDGET_S
    while len(times) < ROUNDS and (len(times) < 5 or time.perf_counter() < end):
        times.append([timed(function) for function in both])
    plain, ours = (median(column) for column in zip(*times, strict=True))
    title = f"{name}, batch {batch}, {identities} identities"
    return {"name": title, "ratio": plain / ours, "ms": 1e3 * ours, "usual_ms": 1e3 * plain, "loss_difference": difference}


def usual_arcface(head: MarginHead, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    cosines = functional.linear(functional.normalize(x), functional.normalize(head.weight)).clamp(-1 + 1e-4, 1 - 1e-4)
    target = (cosines.gather(1, y[:, None]).acos() + head.rule.margin).clamp(1e-4, math.pi - 1e-4).cos()
    return entropy(head.scale * cosines.scatter(1, y[:, None], target), y)


def usual_adaface(head: MarginHead, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    cosines = functional.linear(functional.normalize(x), functional.normalize(head.weight)).clamp(-1 + 1e-3, 1 - 1e-3)
    with torch.no_grad():
        norms, rule = x.norm(dim=1, keepdim=True).clamp(0.001, 100), head.rule
        if head.training:
            rule.norm_mean.lerp_(norms.mean(), rule.ema)
            rule.norm_std.lerp_(norms.std(), rule.ema)
        z = (rule.h * (norms - rule.norm_mean) / (rule.norm_std + 1e-3)).clamp(-1, 1)
        angle, cosine = (torch.zeros_like(cosines).scatter_(1, y[:, None], m) for m in (-rule.margin * z, rule.margin + rule.margin * z))
    return entropy(head.scale * ((cosines.acos() + angle).clamp(1e-3, math.pi - 1e-3).cos() - cosine), y)


def entropy(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return functional.cross_entropy(logits, y), (logits.detach().argmax(1) == y).sum()


if __name__ == "__main__":
    main()
