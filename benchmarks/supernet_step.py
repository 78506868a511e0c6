"""One training step of a sampled path of a supernet beside one of its base: time, and memory.

    python benchmarks/supernet_step.py [--base ir50] [--size 112] [--identities 10572] [--batch 16] [--device cpu] [--json]

Both are in processes of their own that take turns. Memory is the most that training adds to the process (on a GPU: that torch allocates). A
path's operators are drawn anew for every step; the base's are plain 3x3 convolutions.
"""

import argparse
import json
import resource
import statistics
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random
from typing import Any

import psutil
import torch
from turns import in_turns

from facenas.backbones import Blueprint, RefinedSpace
from facenas.backbones.supernet import Supernet
from facenas.heads.settings import ArcFaceHead
from facenas.training.device import make_fabric
from facenas.training.recipe import Recipe
from facenas.training.tasks import FaceModel


def steps(kind: str, base: str, size: int, identities: int, batch: int, device: str) -> Iterator[None]:
    """Endless training steps on random images."""
    torch.manual_seed(0)
    fabric, recipe, rng = make_fabric(device, "fp32"), Recipe(), Random(0)  # type: ignore[arg-type]
    space = RefinedSpace.model_validate({"base": base, "input_size": size})
    blueprint = Blueprint(architecture=space.start(), space=space)
    supernet = Supernet(space) if kind == "path" else None
    model = FaceModel(supernet or blueprint.build(), ArcFaceHead().build(blueprint.dimension, identities))
    model = model.to(fabric.device, memory_format=torch.channels_last).train()
    optimiser = recipe.optimiser(model, fabric.device)
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    images = torch.randn(batch, 3, size, size, device=fabric.device).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(identities, (batch,), device=fabric.device)
    while True:
        if supernet:
            supernet.take(space.sample(rng))
        optimiser.zero_grad()
        loss, _ = model(images, labels)
        loss.backward()
        optimiser.step()
        if fabric.device.type == "cuda":
            torch.cuda.synchronize()
        yield


def _memory(pipe: Connection, options: dict[str, Any], threads: int, count: int) -> None:
    torch.set_num_threads(threads)
    going, before = steps(**options), psutil.Process().memory_info().rss
    for _ in range(count):
        next(going)
    cuda = options["device"] == "cuda"
    pipe.send(torch.cuda.max_memory_allocated() if cuda else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def memory(options: dict[str, Any], threads: int, count: int) -> int:
    """Bytes, of a process that does some steps."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_memory, args=(theirs, options, threads, count))
    process.start()
    most: int = ours.recv()
    process.join()
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="ir50")
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--identities", type=int, default=10_572)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    shared = {name: getattr(arguments, name) for name in ("base", "size", "identities", "batch", "device")}
    ways = [{"kind": kind, **shared} for kind in ("base", "path")]
    # The first steps differ in what they allocate: paths meet new operators.
    peaks = [memory(way, arguments.threads, 4) for way in ways]
    timed = in_turns(
        [partial(steps, **way) for way in ways], rounds=arguments.rounds, steps=arguments.steps, threads=arguments.threads, warm_up=1
    )
    seconds = [statistics.median(times) for times in timed]
    result = {
        "seconds_per_step": dict(zip(("base", "path"), seconds, strict=True)),
        "peak_bytes": dict(zip(("base", "path"), peaks, strict=True)),
        "time_ratio": seconds[1] / seconds[0],
        "memory_ratio": peaks[1] / peaks[0],
    }
    if arguments.json:
        print(json.dumps({"settings": vars(arguments), **result}, indent=2))
        return
    for place, name in enumerate(("base", "path")):
        print(f"{name}: {seconds[place]:.3f} s a step, {peaks[place] / 2**30:.2f} GiB")
    print(f"a path needs {result['time_ratio']:.2f} times the base's time and {result['memory_ratio']:.2f} times its memory")


if __name__ == "__main__":
    main()
