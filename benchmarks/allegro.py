"""AllegroNAS' parts, one at a time, from DARTS on, in the shape of its table 2; with random cells of both spaces.

Each variant searches on its own settings. What it found, and random cells, are then trained from scratch, on all of the preset's training
data for equally many epochs, and measured on the test set. Everything but the variant is equal: epochs, sizes, data, seeds. Auxiliary
augmentation is augmented images in the search, and group convolution. Annealing is that of the search and of the final training. The
searches share the cores, a thread each; a run that was interrupted goes on.

    python benchmarks/allegro.py --run runs/allegro [--preset allegro-cpu] [--seed 0 --seed 1 ...] [--json]
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import mean, stdev
from typing import Any

import torch
from refinement import measured, searched
from turns import workers_end

from facenas.backbones import CellSpace
from facenas.search import SearchSettings
from facenas.settings import load

DARTS_CELLS, UNGROUPED = ("space.operators=darts", "space.groups=1"), ("space.groups=1",)
WITHOUT_TERM = ("strategy.chi_max=0",)
UNCHANGED = ("recipe.augmentation={crop_padding: 0, flip: 0, cutout: 0}",)
COSINE = "DARTS' learning rate"
VARIANTS = {  # operators and groups of the space; the rest of the search, None: no search
    "DARTS": (DARTS_CELLS, (*WITHOUT_TERM, *UNCHANGED, COSINE)),
    "+ asymptotic term": (DARTS_CELLS, (*UNCHANGED, COSINE)),
    "+ Allegro cells": (UNGROUPED, (*UNCHANGED, COSINE)),
    "+ augmentation": ((), (COSINE,)),
    "+ annealing (AllegroNAS)": ((), ()),
    "random DARTS cells": (DARTS_CELLS, None),
    "random Allegro cells": ((), None),
}


def of(preset: str, variant: str, seed: int, run: Path) -> dict[str, Any]:
    """One network: how it was found, and what it is worth."""
    torch.set_num_threads(1)
    cells, others = VARIANTS[variant]
    annealed = () if others is None or COSINE in others else ("recipe.schedule={name: exponential_cosine}",)
    settings = load(SearchSettings, command="search", preset=preset, overrides=[f"seed={seed}", *cells, *annealed])
    space = settings.space
    assert isinstance(space, CellSpace)
    if others is None:
        found = space.sample(Random(seed))
    else:
        epochs = settings.strategy.model_dump()["epochs"]
        cosine = f"strategy.schedule={{name: sgdr, period_epochs: {epochs}, least: 0.04}}"
        changes = [*cells, *(cosine if change == COSINE else change for change in others)]
        found = searched(preset, seed, run / "search", [*changes, "strategy.retrain_epochs=1", "strategy.eigenvalue_iterations=0"])
    retrain = settings.strategy.model_dump()["retrain_epochs"]
    score, cost = measured(settings, found, run / f"{found.identity}.json", epochs=retrain), space.cost(found)
    skips = sum(operation == "skip" for operation in found.operations[: len(found.operations) // 2])
    accuracy = float(score.accuracy)
    return {"name": variant, "seed": seed, "accuracy": accuracy, "parameters": cost.parameters, "macs": cost.macs, "skips": skips}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/allegro"))
    parser.add_argument("--preset", default="allegro-cpu")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--jobs", type=int, default=2, help="searches at once")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seeds = options.seed or [0, 1, 2]
    with workers_end(), ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        asked = [
            pool.submit(of, options.preset, variant, seed, options.run / f"{number}-{seed}")
            for seed in seeds
            for number, variant in enumerate(VARIANTS)
        ]
        rows = [one.result() for one in asked]
    first = {row["seed"]: row["accuracy"] for row in rows if row["name"] == next(iter(VARIANTS))}
    for row in rows:
        row["ratio"] = row["accuracy"] / first[row["seed"]]  # to DARTS at the same seed
    if options.json:
        print(json.dumps({"rows": rows}, indent=2))
        return
    print(f"{'':26s} {'test accuracy, %':>18s} {'parameters':>12s} {'MACs':>12s} {'skips of 8':>12s}")
    for variant in VARIANTS:
        some = [row for row in rows if row["name"] == variant]
        accuracy = [100 * row["accuracy"] for row in some]
        spread = stdev(accuracy) if len(some) > 1 else float("nan")
        means = [mean(row[name] for row in some) for name in ("parameters", "macs", "skips")]
        print(f"{variant:26s} {mean(accuracy):10.2f} +- {spread:4.2f} {means[0]:12,.0f} {means[1]:12,.0f} {means[2]:12.1f}")


if __name__ == "__main__":
    main()
