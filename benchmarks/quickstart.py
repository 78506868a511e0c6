"""The quickstart on several seeds: accuracy of the searched backbone beside the classical baselines, and its time.

    python benchmarks/quickstart.py --seeds 0 1 2 [--json]

Each seed chooses other test people and another initialisation. `ratio` is the searched backbone's error over fisherfaces' error.
"""

import argparse
import json
import platform
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from facenas import api


def run(seed: int, folder: Path) -> dict[str, Any]:
    done = api.quickstart(folder / str(seed), seed=seed, progress=True)
    accuracies = {name: one.accuracy for name, one in done.orl.baselines.items()}
    searched = done.orl.result.accuracy
    found = done.search
    return {
        "name": f"seed {seed}",
        "ratio": (1 - searched) / (1 - accuracies["fisherfaces"]),
        "searched": searched,
        **accuracies,
        "depth": found.architecture.depth,
        "width": found.architecture.width,
        "parameters": found.blueprint.space.count_parameters(found.architecture),
        "seconds": done.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [run(seed, Path(folder)) for seed in arguments.seeds]
    if arguments.json:
        print(json.dumps({"rows": rows, "machine": platform.processor() or platform.machine(), "python": platform.python_version()}))
        return
    for row in rows:
        print("  ".join(f"{key} {value:.4f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()))
    searched = [row["searched"] for row in rows]
    print(f"searched: mean {mean(searched):.4f}, standard deviation {stdev(searched) if len(searched) > 1 else 0:.4f}")


if __name__ == "__main__":
    main()
