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
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

RANDOM = 10  # architectures, as in the paper's ablation studies
SCALES = {"cpu": ("fashionmnist-cpu", 20), "paper": ("fashionmnist-tiny", 600)}  # the search's preset, epochs of the final training
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
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=left, check=True)
        except subprocess.TimeoutExpired:  # killed; it goes on from its last finished epoch
            raise OutOfTimeError from None
        return json.loads(done.stdout)


def one_seed(run: Path, seed: int, *, scale: str, commands: Commands, workers: list[object]) -> dict[str, Any]:
    """Search, the other strategies, and everything that they found trained alike beside random architectures."""
    preset, epochs = SCALES[scale]
    shared = ["--config", preset, "--seed", seed, "--cache", run / "cache", *workers]
    searched = commands.facenas("search", *shared, "--run", run / f"egnas-{seed}")
    found, budget = {"EGNAS": searched}, f"budget.epochs={searched['epochs']}"
    for title, name in OTHERS.items():
        width = yaml.safe_load((run / f"egnas-{seed}" / "config.yaml").read_text())["strategy"]["max_width"]
        strategy = f"strategy={{name: {name}, min_depth: 10, max_depth: 20, max_width: {width}, epochs: 10}}"
        found[title] = commands.facenas("search", *shared, "--run", run / f"{name}-{seed}", "--set", strategy, "--set", budget)
    architectures = json.dumps([one["architecture"] for one in found.values()])
    bounds = f"min_depth: 10, max_depth: 20, max_width: {width}, epochs: {epochs}"
    sample = f"strategy={{name: sample, {bounds}, count: {RANDOM}, architectures: {architectures}}}"
    commands.facenas("search", *shared, "--run", run / f"alike-{seed}", "--set", sample)
    rows = commands.facenas("journal", run / f"alike-{seed}")
    drawn = [row["correct"] / row["total"] for row in rows[len(found) :]]
    return {
        "seed": seed,
        "random": drawn,
        **{
            title: {
                "accuracy": row["correct"] / row["total"],
                "relative_improvement": 100 * (row["correct"] / row["total"] / mean(drawn) - 1),
                **{key: one[key] for key in ("parameters", "epochs", "candidates", "seconds")},
            }
            for (title, one), row in zip(found.items(), rows, strict=False)
        },
    }


def paper(run: Path, seed: int, *, commands: Commands, workers: list[object]) -> dict[str, Any]:
    """The paper's search and final training."""
    searched = commands.facenas("search", "--config", "fashionmnist-tiny", "--seed", seed, "--run", run / f"egnas-{seed}", *workers)
    commands.facenas("train", "--config", "fashionmnist-600", "--architecture", run / f"egnas-{seed}", "--run", run / f"model-{seed}")
    return {"seed": seed, "search": searched, **commands.facenas("eval", "--model", run / f"model-{seed}", "--benchmark", "test")}


def rows(seeds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each strategy: mean and deviation over the seeds."""
    result = []
    for title in ("EGNAS", *OTHERS):
        row: dict[str, Any] = {"name": title}
        for key in ("accuracy", "relative_improvement", "parameters", "epochs", "candidates", "seconds"):
            values = [seed[title][key] for seed in seeds]
            row |= {key: mean(values), f"{key}_sd": stdev(values) if len(values) > 1 else None}
        result.append(row)
    drawn = [accuracy for seed in seeds for accuracy in seed["random"]]
    return [*result, {"name": f"mean of {RANDOM} random architectures", "accuracy": mean(drawn), "accuracy_sd": stdev(drawn)}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=list(SCALES), default="cpu")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--per-gpu", type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    workers = ["--per-gpu", options.per_gpu] if options.per_gpu else ["--workers", options.workers]
    commands = Commands(options.minutes)
    try:
        if options.scale == "paper":
            seeds = [paper(options.run, seed, commands=commands, workers=workers) for seed in options.seeds]
            result: dict[str, Any] = {"rows": [{"name": f"seed {seed['seed']}", **seed} for seed in seeds]}
        else:
            seeds = [one_seed(options.run, seed, scale=options.scale, commands=commands, workers=workers) for seed in options.seeds]
            result = {"rows": rows(seeds), "seeds": seeds}
    except OutOfTimeError:
        sys.exit("the minutes are over; run the same command again to go on")
    print(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
