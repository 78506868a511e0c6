"""Base, refined and random operators, trained alike: test accuracy, parameters, multiply-accumulates.

For each seed NAR searches on the training data alone; what it found, the base and random operator choices are then trained from
scratch on all training data, with the same recipe for equally many epochs, and measured on the test set, or on pairs of the test
people. The seeds share the cores, a thread each; a run that was interrupted goes on.

    python benchmarks/refinement.py --run runs/refinement [--data orl] [--json]
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import mean, stdev
from typing import Any

import torch
from turns import workers_end

from facenas import api
from facenas.backbones import Architecture, Blueprint, RefinedSpace
from facenas.files import write_text
from facenas.search import Score, SearchSettings
from facenas.search.significance import paired_error
from facenas.settings import load
from facenas.training.device import derive_seed
from facenas.training.fit import Evaluation, evaluate
from facenas.training.models import load_found

PRESETS = {"orl": "nar-orl", "fashionmnist": "nar-fashionmnist"}
RANDOM = 1  # random operator choices for each seed


def searched(preset: str, seed: int, run: Path, changes: Sequence[str] = ()) -> Architecture:
    """What a search finds with a preset and changes of its settings."""
    if not (run / "architecture.json").exists():
        api.search(preset, run=run, set=["threads=1", *changes, f"seed={seed}"], progress=True)
    return load_found(run / "architecture.json").architecture


def measured(
    settings: SearchSettings,
    architecture: Architecture,
    file: Path,
    *,
    epochs: int,
    after_step: Callable[[float], None] = lambda epochs: None,
) -> Score:
    """Score on the test set after training from scratch; goes on from its last epoch."""
    if not file.exists():
        space, checkpoint = settings.space, file.with_suffix(".pt")
        task = settings.task(space, on_test=True, fraction=settings.data_fraction)
        seed = derive_seed(architecture.model_dump(mode="json"), epochs, settings.seed)
        blueprint = Blueprint(architecture=architecture, space=space)
        done = evaluate(task, blueprint, recipe=settings.recipe, epochs=epochs, seed=seed, checkpoint=checkpoint, after_step=after_step)
        write_text(file, done.model_dump_json())
        checkpoint.unlink(missing_ok=True)
    return Evaluation.model_validate_json(file.read_bytes()).score


def of_seed(preset: str, seed: int, run: Path) -> list[dict[str, Any]]:
    """Base, refined and random ones."""
    torch.set_num_threads(1)
    settings = load(SearchSettings, command="search", preset=preset, overrides=[f"seed={seed}"])
    space = settings.space
    assert isinstance(space, RefinedSpace)
    found, random, epochs = searched(preset, seed, run / "search"), Random(seed), settings.strategy.model_dump()["retrain_epochs"]
    networks = [("base", space.start()), ("refined", found), *(("random", space.sample(random)) for _ in range(RANDOM))]
    made, base = [], None
    for kind, architecture in networks:
        score = measured(settings, architecture, run / f"{architecture.identity}.json", epochs=epochs)
        base = base or score
        cost = space.cost(architecture)
        made.append(
            {
                "seed": seed, "network": kind, "accuracy": float(score.accuracy), "parameters": cost.parameters, "macs": cost.macs,
                "over_base": float(score.accuracy - base.accuracy), "standard_error": paired_error(score, base),
                "operators": space.decoded(architecture),
            }
        )  # fmt: skip
    return made


def summary(data: str, networks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the seeds; the difference to the base with the standard error of paired answers; MACs as a ratio of the base's."""
    made = []
    for kind in ("base", "refined", "random"):
        some = [row for row in networks if row["network"] == kind]
        spread = {name: {"mean": mean(row[name] for row in some), "sd": deviation([row[name] for row in some])} for name in MEASURED}
        error = math.sqrt(sum(row["standard_error"] ** 2 for row in some)) / len(some)
        made.append({"name": f"{data} {kind}", **spread, "standard_error": error, "networks": some})
    return [{"ratio": row["macs"]["mean"] / made[0]["macs"]["mean"], **row} for row in made]


def deviation(values: list[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


MEASURED = ("accuracy", "parameters", "macs", "over_base")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/refinement"))
    parser.add_argument("--data", choices=PRESETS, action="append")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--jobs", type=int, default=2, help="seeds at once")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    datas, seeds = options.data or list(PRESETS), options.seed or [0, 1, 2]
    with workers_end(), ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        asked = {
            (data, seed): pool.submit(of_seed, PRESETS[data], seed, options.run / f"{data}-{seed}") for data in datas for seed in seeds
        }
        networks = {data: [row for seed in seeds for row in asked[data, seed].result()] for data in datas}
    rows = [row for data in datas for row in summary(data, networks[data])]
    if options.json:
        print(json.dumps({"rows": rows}, indent=2))
        return
    print(f"{'':22s} {'accuracy, %':>16s} {'over base, points':>20s} {'parameters':>12s} {'MACs':>12s} {'of the base':>12s}")
    for row in rows:
        print(
            f"{row['name']:22s} {100 * row['accuracy']['mean']:8.2f} ± {100 * (row['accuracy']['sd'] or 0):5.2f} "
            f"{100 * row['over_base']['mean']:+11.2f} ± {100 * row['standard_error']:6.2f} {row['parameters']['mean']:12,.0f} "
            f"{row['macs']['mean']:12,.0f} {100 * row['ratio']:10.1f} %"
        )


if __name__ == "__main__":
    main()
