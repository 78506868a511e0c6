"""How long quick commands take, each in a process of its own, beside an interpreter that does nothing.

    python benchmarks/startup.py [--rounds 5] [--json]

The commands take turns, so that a busy minute of the machine falls on all of them; seconds are the smallest of the rounds, since other
work can only add time. The ratio is to `python -c pass` of the same rounds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

MOST = {"--help": 0.3, "search --help": 0.3, "data info --help": 0.3, "models": 0.8, "models --json": 0.8, "journal RUN": 0.8}


def commands(run: Path) -> dict[str, list[str]]:
    """What is timed, by its name."""
    facenas = [sys.executable, "-m", "facenas"]
    told = [*MOST, "compare-searches RUN", "search --set nonsense=1"]
    bare = {"python -c pass": [sys.executable, "-c", "pass"], "import typer": [sys.executable, "-c", "import typer"]}
    return bare | {name: [*facenas, *(str(run) if word == "RUN" else word for word in name.split())] for name in told}


def write_journal(run: Path, rows: int) -> None:
    """A search of so many candidates."""
    from facenas.backbones import PlainSpace
    from facenas.score import Epoch, Evaluation
    from facenas.search import Candidate, Journal, NetworkCost, Score, Verdict

    journal, point = Journal(run), PlainSpace().start(depth=10, width=32)
    history = tuple(Epoch(number, 1 / number, 800, 1000, 0.1) for number in range(1, 11))
    for step in range(rows):
        candidate = Candidate(architecture=point.replace(width=16 + 2 * step), epochs=10, phase="random")
        evaluation = Evaluation(score=Score(correct=500 + step, total=1000), history=history, seconds=60.0, device="cpu")
        journal.append(candidate, evaluation, Verdict(outcome="accepted", reason="better"), NetworkCost(100_000, 10_000_000))
    (run / "config.yaml").write_text("strategy: {name: random}\nseed: 0\n")
    (run / "architecture.json").write_text("{}")


def measured(run: Path, rounds: int) -> list[dict[str, Any]]:
    """A row for each command."""
    timed = commands(run)
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for number in range(rounds + 1):  # the first fills the caches of the disk
        for name, command in timed.items():
            start = time.perf_counter()
            subprocess.run(command, capture_output=True, check=False)
            if number:
                seconds[name].append(time.perf_counter() - start)
    bare = min(seconds["python -c pass"])
    return [
        {"name": name, "ratio": min(times) / bare, "seconds": min(times), "median": median(times), "most": MOST.get(name)}
        for name, times in seconds.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=60, help="Candidates in the journal.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_journal(run := Path(folder) / "run", options.rows)
        rows = measured(run, options.rounds)
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        most = f", at most {row['most']} s" if row["most"] else ""
        print(f"{row['name']:<26} {row['seconds']:.2f} s (median {row['median']:.2f}), {row['ratio']:.1f} times a bare interpreter{most}")


if __name__ == "__main__":
    main()
