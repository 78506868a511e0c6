"""EGNAS on Fashion-MNIST against random architectures, regularised evolution and TPE at equal epochs; the figures of docs/results.md.

    python benchmarks/fashionmnist.py --scale cpu --run runs/fashionmnist-cpu [--seeds 0 1 2] [--minutes 9] [--workers 2] [--json]

It calls the commands that a user would call. Run again, it goes on where it was interrupted; with --minutes it stops by itself in time, so
that a machine that is lent for ten minutes is enough. `--scale paper` is section 4.1 of the paper, for a GPU: the search with the tiny
setting, then 600 epochs, then the test set, once.
"""

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import mean, stdev
from typing import Any

import torch
from refinement import measured
from turns import workers_end

from facenas.backbones import Architecture, Space
from facenas.search import SearchSettings
from facenas.search.bounds import Bounds
from facenas.search.strategies.dynamic_ranking import DynamicRankingSettings
from facenas.settings import load

RANDOM = 10  # architectures, as in the paper's ablation studies
MOST_DRAWS = 1_000_000
MOST_LAYERS = 20  # of the architectures that the others draw; EGNAS may grow further
DRAWN = (f"random, mean of {RANDOM}", f"random, no larger than EGNAS' find, mean of {RANDOM}")
PRESET, EPOCHS = "fashionmnist-cpu", 20  # of the searches, of the training that they are compared by
OTHERS = {"regularised evolution": "regularized_evolution", "TPE": "tpe"}


class OutOfTimeError(Exception):
    """The minutes are over; what was done is kept."""


class Commands:
    """Runs `facenas` until the time is over.

    Attributes:
        end: When to stop, on the clock of `time.monotonic`; None: never.
    """

    def __init__(self, minutes: float | None) -> None:
        self.end = None if minutes is None else time.monotonic() + 60 * minutes

    def facenas(self, *arguments: object) -> Any:
        """The JSON that a command prints."""
        left = None if self.end is None else self.end - time.monotonic()
        command = [sys.executable, "-m", "facenas", *map(str, arguments), "--json"]
        print("$ facenas", *arguments, file=sys.stderr, flush=True)
        try:
            if left is not None and left <= 5:
                raise OutOfTimeError
            with workers_end():
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=left, check=True)
        except subprocess.TimeoutExpired:  # killed; it goes on from its last finished epoch
            raise OutOfTimeError from None
        return json.loads(done.stdout)


def one_seed(run: Path, seed: int, *, commands: Commands, options: argparse.Namespace) -> dict[str, Any]:
    """Search, the other strategies, and everything that they found trained alike beside random architectures."""
    settings = load(SearchSettings, command="search", preset=PRESET, overrides=[f"seed={seed}"])
    space, ours = settings.space, settings.strategy
    assert isinstance(ours, DynamicRankingSettings)
    shared = ["--config", PRESET, "--seed", seed, "--cache", run / "cache", *workers(options)]
    searched = commands.facenas("search", *shared, "--run", run / f"egnas-{seed}")
    found, budget = {"EGNAS": searched}, f"budget.epochs={searched['epochs']}"
    bounds = Bounds(min_depth=ours.min_depth, max_depth=MOST_LAYERS, min_width=ours.min_width, max_width=ours.max_width)
    for title, name in OTHERS.items():
        if name not in options.others:
            continue
        strategy = f"strategy={json.dumps({'name': name, 'epochs': ours.macro_epochs + 4, **bounds.model_dump()})}"
        found[title] = commands.facenas("search", *shared, "--run", run / f"{name}-{seed}", "--set", strategy, "--set", budget)
    draws = random_ones(space, bounds, seed, at_most=None), random_ones(space, bounds, seed, at_most=searched["parameters"])
    architectures = {title: [Architecture.model_validate(one["architecture"])] for title, one in found.items()}
    architectures |= dict(zip(DRAWN, draws, strict=True))
    with workers_end(), ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        asked = {
            title: [pool.submit(trained, settings, one, run / f"trained-{seed}" / f"{one.identity}.json", commands.end) for one in some]
            for title, some in architectures.items()
        }
        accuracy = {title: [one.result() for one in some] for title, some in asked.items()}
    random = mean(accuracy[DRAWN[0]])
    return {
        "seed": seed,
        "search": found,
        "networks": {
            title: {
                "accuracy": accuracy[title],
                "parameters": [space.count_parameters(one) for one in some],
                "macs": [space.macs(one) for one in some],
                "relative_improvement": 100 * (mean(accuracy[title]) / random - 1),
            }
            for title, some in architectures.items()
        },
    }


def random_ones(space: Space, bounds: Bounds, seed: int, *, at_most: int | None) -> list[Architecture]:
    """Different random architectures with so many parameters at most."""
    rng, made = Random(seed), dict[Architecture, None]()
    for _ in range(MOST_DRAWS):
        one = space.sample(rng, **bounds.ranges(space))
        if at_most is None or space.count_parameters(one) <= at_most:
            made[one] = None
        if len(made) == RANDOM:
            return list(made)
    sys.exit(f"no {RANDOM} architectures of {at_most:,} parameters at most in {MOST_DRAWS:,} draws")


def trained(settings: SearchSettings, architecture: Architecture, file: Path, end: float | None) -> float:
    """Accuracy on the test set, on one thread."""

    def in_time(_: float) -> None:
        if end is not None and time.monotonic() > end:
            raise OutOfTimeError

    torch.set_num_threads(1)
    file.parent.mkdir(parents=True, exist_ok=True)
    return float(measured(settings, architecture, file, epochs=EPOCHS, after_step=in_time).accuracy)


def paper(run: Path, seed: int, *, commands: Commands, workers: list[object]) -> dict[str, Any]:
    """The paper's search and final training."""
    searched = commands.facenas("search", "--config", "fashionmnist-tiny", "--seed", seed, "--run", run / f"egnas-{seed}", *workers)
    commands.facenas(
        "train", "--config", "fashionmnist-600", "--architecture", run / f"egnas-{seed}", "--seed", seed, "--run", run / f"model-{seed}"
    )
    return {"seed": seed, "search": searched, **commands.facenas("eval", "--model", run / f"model-{seed}", "--benchmark", "test")}


def rows(seeds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each strategy: mean and deviation over the seeds. `ratio` is that of the accuracy to the random ones'."""
    result = []
    for title in seeds[0]["networks"]:
        networks = [seed["networks"][title] for seed in seeds]
        row: dict[str, Any] = {"name": title}
        figures = {key: [mean(one[key]) for one in networks] for key in ("accuracy", "parameters", "macs")}
        figures["relative_improvement"] = [one["relative_improvement"] for one in networks]
        if title in seeds[0]["search"]:
            figures |= {key: [seed["search"][title][key] for seed in seeds] for key in ("epochs", "candidates", "seconds")}
        for key, values in figures.items():
            row |= {key: mean(values), f"{key}_sd": stdev(values) if len(values) > 1 else None}
        result.append(row | {"ratio": 1 + row["relative_improvement"] / 100, "seeds": figures})
    return result


def workers(options: argparse.Namespace) -> list[object]:
    """How many candidates are in training at once."""
    return ["--per-gpu", options.per_gpu] if options.per_gpu else ["--workers", options.workers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=("cpu", "paper"), default="cpu")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--others", nargs="*", choices=list(OTHERS.values()), default=list(OTHERS.values()), help="beside random ones")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--per-gpu", type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    commands = Commands(options.minutes)
    try:
        if options.scale == "paper":
            seeds = [paper(options.run, seed, commands=commands, workers=workers(options)) for seed in options.seeds]
            result: dict[str, Any] = {"rows": [{"name": f"seed {seed['seed']}", **seed} for seed in seeds]}
        else:
            seeds = [one_seed(options.run, seed, commands=commands, options=options) for seed in options.seeds]
            result = {"rows": rows(seeds), "seeds": seeds}
    except OutOfTimeError:
        sys.exit("the minutes are over; run the same command again to go on")
    print(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
