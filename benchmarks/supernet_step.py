"""Search steps of supernets beside plain training steps: time, and memory.

    python benchmarks/supernet_step.py [--search nar --search allegro] [--device cpu] [--precision fp32] [--rounds 3] [--json]

nar: a sampled path of `--base` at `--size` with `--identities` beside the base itself; operators are drawn anew for every step, the
base's are plain 3x3 convolutions. allegro: steps of the architecture and of the weights in the paper's supernet for CIFAR-10, of first
and of second order, beside steps of the weights alone. All ways are in processes of their own that take turns. Memory is the most that
training adds to the process (on a GPU: that torch allocates).
"""

import argparse
import json
import resource
import statistics
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from multiprocessing.connection import Connection
from random import Random
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.nn import functional
from turns import in_turns, ratio, started, told

from facenas.backbones import Blueprint, CellSpace, RefinedSpace
from facenas.backbones.cell_supernet import CellSupernet
from facenas.backbones.supernet import Supernet
from facenas.heads.settings import ArcFaceHead
from facenas.search.held_out import still_statistics
from facenas.search.strategies.allegro.hypergradient import hypergradient
from facenas.training.device import make_fabric
from facenas.training.recipe import Recipe
from facenas.training.tasks import BackboneWithHead

CELLS = CellSpace(num_classes=10)
WAYS = {"nar": ("base", "path"), "allegro": ("weights", "first", "second")}  # what the others are compared with first


def nar(way: str, options: argparse.Namespace) -> Iterator[None]:
    """Endless training steps on random images."""
    fabric, recipe, rng = make_fabric(options.device, options.precision), Recipe(), Random(0)
    space = RefinedSpace.model_validate({"base": options.base, "input_size": options.size})
    blueprint = Blueprint(architecture=space.start(), space=space)
    supernet = Supernet(space) if way == "path" else None
    model = BackboneWithHead(supernet or blueprint.build(), ArcFaceHead().build(blueprint.dimension, options.identities))
    model = model.train().to(memory_format=torch.channels_last).to(fabric.device)
    optimiser = recipe.optimiser(model, fabric.device)
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    images, labels = batch(options.batch, options.size, options.identities, fabric.device)
    while True:
        if supernet:
            supernet.take(space.sample(rng))
        optimiser.zero_grad()
        with fabric.autocast():
            loss, _ = model(images, labels)
        loss.backward()
        optimiser.step()
        yield


def allegro(way: str, options: argparse.Namespace) -> Iterator[None]:
    """Endless steps of the weights on random images, each after one of the architecture parameters."""
    fabric, recipe = make_fabric(options.device, options.precision), Recipe()
    supernet = CellSupernet(CELLS).train().to(memory_format=torch.channels_last).to(fabric.device)
    weights, optimiser = list(supernet.weights()), recipe.optimiser(supernet.network, fabric.device)
    adam = torch.optim.Adam(supernet.alphas)
    now, then = (batch(options.cell_batch, CELLS.input_size, 10, fabric.device) for _ in range(2))

    def loss(images: Tensor, labels: Tensor, *, exact: bool = False) -> Tensor:
        with nullcontext() if exact else fabric.autocast():
            return functional.cross_entropy(supernet(images).float(), labels)

    while True:
        if way != "weights":
            with still_statistics(supernet):
                found = hypergradient(
                    partial(loss, *now), partial(loss, *then), weights, supernet.alphas, order=way, lr=0.025, chi=0.1,  # type: ignore[arg-type]
                    exact=partial(loss, *now, exact=True),
                )  # fmt: skip
            for alpha, gradient in zip(supernet.alphas, found, strict=True):
                alpha.grad = gradient
            adam.step()
        for alpha in supernet.alphas:
            alpha.requires_grad_(False)
        optimiser.zero_grad()
        loss(*now).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        for alpha in supernet.alphas:
            alpha.requires_grad_(True)
        yield


def batch(images: int, size: int, classes: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Random images and labels."""
    made = torch.randn(images, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    return made, torch.randint(classes, (images,), device=device)


def steps(search: str, way: str, options: argparse.Namespace) -> Iterator[None]:
    torch.manual_seed(0)
    return {"nar": nar, "allegro": allegro}[search](way, options)


def _memory(pipe: Connection, search: str, way: str, options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    before = psutil.Process().memory_info().rss
    going = steps(search, way, options)
    for _ in range(4):  # the first ones differ in what they allocate: paths meet new operators
        next(going)
    cuda = options.device == "cuda"
    pipe.send(torch.cuda.max_memory_allocated() if cuda else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def memory(search: str, way: str, options: argparse.Namespace) -> int:
    """Bytes, of a process that does some steps."""
    pipe, process = started(_memory, search, way, options)
    most: int = told(pipe, process)
    process.join()
    return most


def measure(search: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    ways = WAYS[search]
    peaks = [memory(search, way, options) for way in ways]
    going = [partial(steps, search, way, options) for way in ways]
    times = in_turns(going, rounds=options.rounds, steps=options.steps, threads=options.threads, warm_up=1)
    for way, seconds, peak in zip(ways, times, peaks, strict=True):
        yield {
            "name": f"{search} {way}", **ratio(seconds, times[0]), "seconds": statistics.median(seconds),
            "memory_ratio": peak / peaks[0], "peak_bytes": peak,
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--search", choices=WAYS, action="append")
    parser.add_argument("--base", default="ir50")
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--identities", type=int, default=10_572)
    parser.add_argument("--batch", type=int, default=16, help="of faces")
    parser.add_argument("--cell-batch", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [row for search in options.search or WAYS for row in measure(search, options)]
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        seconds, peak = (
            f"{row['seconds']:7.3f} s {row['ratio']:5.2f} x",
            f"{row['peak_bytes'] / 2**30:5.2f} GiB {row['memory_ratio']:5.2f} x",
        )
        print(f"{row['name']:16s} {seconds} {peak}")


if __name__ == "__main__":
    main()
