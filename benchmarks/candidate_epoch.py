"""A candidate's training: facenas against the usual public recipe, in turns, on Fashion-MNIST.

    python benchmarks/candidate_epoch.py [--widths 16 32 64] [--rounds 7] [--steps 30] [--json]

Each of the two has a process of its own, since the allocator's settings hold for a whole process; they take turns within one run, so that
a busy minute of the machine falls on both. Ratios are of medians.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

WARM_UP, SKIPPED = 20, 8  # steps before the first round; steps of each round that are not timed, made ahead by the loader's workers


def plain_steps(width: int) -> Iterator[None]:
    from benchmarks.plain import Plain

    plain = Plain(data(), blueprint(width), seed=0)
    while True:
        for _ in plain.steps():
            yield


def our_steps(width: int, threads: int) -> Iterator[None]:
    from benchmarks.turns import of_training
    from facenas.search import SearchSettings
    from facenas.search.evaluator import settle
    from facenas.settings import load
    from facenas.training.fit import fit

    settings = load(SearchSettings, command="search", preset="fashionmnist-tiny")
    settle(settings)  # as a search does: on a GPU, deterministic
    task = settings.load_task()
    return of_training(lambda tell: fit(task, blueprint(width), recipe=settings.recipe, epochs=1000, seed=0, after_step=tell), threads)


def data() -> Any:
    from facenas.data import split_stratified
    from facenas.data.sources.class_sources import MnistImages

    return split_stratified(MnistImages(name="fashionmnist").load(), share=0.1, seed=0).train


def blueprint(width: int, depth: int = 10) -> Any:
    from facenas.backbones import Blueprint, PlainSpace

    space = PlainSpace(in_channels=1, num_classes=10, input_size=32)
    return Blueprint(architecture=space.start(depth=depth, width=width), space=space)


def flops(width: int) -> int:
    """Of one image, forward and backward: each convolution three times, but for the gradient of the image."""
    from facenas.backbones import cost

    point = blueprint(width)
    first = cost.convolution(1, 2 * width, 3, size=32).macs
    return 2 * (3 * point.space.macs(point.architecture) - first)


def peak(threads: int, precision: str) -> float:
    """FLOP/s of a large matrix product, the best of many: a guest's cores are not always its own."""
    import torch

    torch.set_num_threads(threads)
    device, side = ("cuda", 8192) if torch.cuda.is_available() else ("cpu", 2048)
    matrix = torch.rand(side, side, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        (matrix @ matrix)[0, 0].item()
        times.append(time.perf_counter() - start)
    return 2 * side**3 / min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    from benchmarks.turns import in_turns, ratio
    from facenas.training.device import has_bf16, make_fabric

    device = make_fabric("auto", "fp32").device.type
    precision = "bf16" if has_bf16(device) else "fp32"
    limit, rows = peak(options.threads, precision), []
    for width in options.widths:
        ways = [partial(plain_steps, width), partial(our_steps, width, options.threads)]
        plain, ours = in_turns(ways, rounds=options.rounds, steps=options.steps, threads=options.threads, warm_up=WARM_UP, skipped=SKIPPED)
        rate = 64 / median(ours)
        rows.append(
            {
                "name": f"width {width}",
                "width": width,
                **ratio(plain, ours),
                "plain_images_per_s": 64 / median(plain),
                "images_per_s": rate,
                "epoch_60000_s": 60_000 / rate,
                "gflop_per_s": rate * flops(width) / 1e9,
                "share_of_matrix_product": rate * flops(width) / limit,
            }
        )
        if not options.json:
            row = rows[-1]
            print(
                f"width {width:3d}: {row['ratio']:.2f} x plain (rounds {row['ratio_range'][0]:.2f} to {row['ratio_range'][1]:.2f}), "
                f"{row['images_per_s']:.0f} against {row['plain_images_per_s']:.0f} images/s, "
                f"60,000 images in {row['epoch_60000_s']:.1f} s, "
                f"{row['gflop_per_s']:.1f} GFLOP/s, {row['share_of_matrix_product']:.0%} of a matrix product",
                flush=True,
            )
    if options.json:
        print(json.dumps({"rows": rows, "device": device, "precision": precision, "matrix_product_gflop_per_s": limit / 1e9}))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
