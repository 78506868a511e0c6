"""The quickstart on several seeds: accuracy of the searched backbone beside the classical baselines, and its time.

    python benchmarks/quickstart.py --seeds 0 1 2 [--json]

Each seed chooses other test people and another initialisation. `ratio` is the searched backbone's error over fisherfaces' error.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from turns import workers_end


def run(seed: int, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "facenas", "quickstart", "--seed", str(seed), "--run", str(folder / str(seed)), "--json"]
    with workers_end():
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    accuracies = {name: row["accuracy"] for name, row in result["baselines"].items()}
    searched = result["orl"]["accuracy"]
    return {
        "name": f"seed {seed}",
        "ratio": (1 - searched) / (1 - accuracies["fisherfaces"]),
        "searched": searched,
        **accuracies,
        "depth": result["search"]["architecture"]["depth"],
        "width": result["search"]["architecture"]["width"],
        "parameters": result["search"]["parameters"],
        "seconds": result["seconds"],
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
