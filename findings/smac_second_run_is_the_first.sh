#!/bin/bash
# Expected: running a search again with another objective (new data, a mended training loop) evaluates candidates again. Twenty trials try
# twenty candidates.
# Seen (smac 2.4.1): the name of the output folder is made from the scenario alone. A second search with the same space and budget, but
# another function, calls it *zero* times and returns the first one's winner with the first one's cost, without a warning. And by default
# only 12 of these 20 trials are new candidates: the rest are further seeds of good ones (deterministic=False).
# Why it matters: joint searches of network, head and learning rate (as FR-NAS does with SMAC) are repeated on another data set; the table
# then shows the same winner twice.
# What to do: overwrite=True or name= and output_directory= of one's own; deterministic=True where a seed is fixed.
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile smac==2.4.1 ConfigSpace==1.2.2
"$env/bin/python" - <<'EOF'
import logging
import sys
import tempfile
from pathlib import Path

from ConfigSpace import Configuration, ConfigurationSpace
from smac import HyperparameterOptimizationFacade, Scenario

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


logging.disable(logging.CRITICAL)
folder = Path(tempfile.mkdtemp(dir=sys.prefix))
space = ConfigurationSpace({"depth": (1, 20), "width": (8, 64), "rate": (0.01, 1.0)}, seed=0)


def search(best_depth: int, **options: object) -> tuple[int, int, int]:
    calls = []

    def error(config: Configuration, seed: int = 0) -> float:
        calls.append(tuple(dict(config).values()))
        return (config["depth"] - best_depth) ** 2 + config["rate"]

    scenario = Scenario(space, n_trials=20, seed=0, output_directory=folder, **options)
    winner = HyperparameterOptimizationFacade(scenario, error, overwrite=False).optimize()
    return len(calls), len(set(calls)), winner["depth"]


first, second = search(best_depth=3), search(best_depth=18)
print("best depth 3: {} evaluations of {} candidates, winner {}".format(*first))
print("best depth 18, same folder: {} evaluations, winner {}".format(second[0], second[2]))
check(first[0] == 20 and first[1] < 20, "by default each trial is a new candidate")
check(second[0] == 0 and second[2] == first[2], "another objective is evaluated anew")
sure = search(best_depth=3, deterministic=True)
check(sure[:2] == (20, 20), "deterministic=True tries twenty candidates")
EOF
