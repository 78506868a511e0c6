"""How much faster a search is on several workers, in virtual time, on the authors' own searches.

    python benchmarks/speculation.py --json

A candidate costs its epochs times its parameters, scaled so that the serial search takes the recorded seconds. Starting and stopping a
candidate costs nothing; one that is given up starts again from nothing. `ratio` is serial time over parallel time of all searches together,
`extra` the additional worker time that was spent on candidates that the search never asked for, both of the same decisions.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from facenas.backbones import Architecture, PlainSpace
from facenas.search import Candidate, DynamicRanking, Row, Runner, Score, Strategy
from facenas.search.row import NetworkCost
from facenas.training.fit import Evaluation

PUBLISHED = Path(__file__).parent.parent / "tests" / "data"
TEST_IMAGES = {"EMNIST": 18_800}
TRAIN_IMAGES = {"CIFAR10": 50_000, "CIFAR100": 50_000, "EMNIST": 112_800}


class VirtualWorkers:
    """Workers without work: a candidate takes its virtual seconds, and time jumps from one end to the next.

    Attributes:
        now: Virtual time.
        spent: Seconds of all workers together, on candidates finished or given up.
    """

    def __init__(self, workers: int, evaluate: Callable[[Candidate], Evaluation]) -> None:
        self.workers, self.evaluate = workers, evaluate
        self.now = self.spent = 0.0
        self._ends: dict[str, tuple[float, float, Evaluation]] = {}

    @property
    def running(self) -> list[str]:
        return list(self._ends)

    @property
    def free(self) -> int:
        return self.workers - len(self._ends)

    def submit(self, key: str, candidate: Candidate) -> None:
        assert self.free > 0
        evaluation = self.evaluate(candidate)
        self._ends[key] = (self.now + evaluation.seconds, self.now, evaluation)

    def cancel(self, key: str) -> None:
        _, start, _ = self._ends.pop(key)
        self.spent += self.now - start

    def wait(self) -> list[tuple[str, Evaluation]]:
        key = min(self._ends, key=lambda one: self._ends[one][0])
        self.now, _, evaluation = self._ends.pop(key)
        self.spent += evaluation.seconds
        return [(key, evaluation)]

    def close(self) -> None:
        for key in self.running:
            self.cancel(key)


class Memory:
    """Rows and results that need not survive."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._results: dict[str, Evaluation] = {}

    def rows(self) -> list[Row]:
        return self._rows

    def append(self, candidate: Candidate, evaluation: Evaluation, verdict: Any, price: NetworkCost) -> Row:
        row = Row(step=len(self._rows), candidate=candidate, evaluation=evaluation, verdict=verdict, **price._asdict())
        self._rows.append(row)
        return row

    def get(self, key: str) -> Evaluation | None:
        return self._results.get(key)

    def put(self, key: str, evaluation: Evaluation) -> None:
        self._results[key] = evaluation


def name(candidate: Candidate) -> str:
    return f"{candidate.architecture.identity}-{candidate.epochs}"


def run_virtually(strategy: Strategy, evaluate: Callable[[Candidate], Evaluation], workers: int) -> tuple[list[Row], Architecture, Any]:
    """A search on virtual workers: its rows, what it found, and the workers with their clock."""
    executor, memory = VirtualWorkers(workers, evaluate), Memory()
    price = NetworkCost(1, 1)
    found = Runner(strategy, memory, executor, memory, name, lambda architecture: price).run()
    executor.close()
    return memory.rows(), found, executor


class Published:
    """One of the authors' searches: its strategy, and an evaluation for every candidate that it asked for, and for any other."""

    def __init__(self, path: Path) -> None:
        log = json.loads(path.read_text())
        self.name, self.log = path.stem, log
        self.space = PlainSpace(in_channels=log["in_channels"], num_classes=log["num_classes"])
        thresholds = {key: log["settings"][key] / 100 for key in ("depth_gain", "depth_drop")}
        self.strategy = DynamicRanking(self.space, **log["settings"] | thresholds)
        self.total, self.train_total = TEST_IMAGES.get(log["dataset"], 10_000), TRAIN_IMAGES.get(log["dataset"], 60_000)
        self.scale = log["seconds"] / sum(row["epochs"] * row["params"] for row in log["candidates"])
        self.scores = {}
        plan = self.strategy.search()
        candidate = next(plan)
        for row in log["candidates"]:
            score = Score(
                correct=round(row["val_accuracy"] * self.total / 100), total=self.total,
                train_correct=round(row["train_accuracy"] * self.train_total / 100), train_total=self.train_total,
            )  # fmt: skip
            self.scores[name(candidate)] = score
            try:
                candidate = plan.send(score)
            except StopIteration as end:
                self.found = end.value

    def evaluate(self, candidate: Candidate) -> Evaluation:
        score = self.scores.get(name(candidate), Score(correct=0, total=self.total))
        seconds = self.scale * candidate.epochs * self.space.count_parameters(candidate.architecture)
        return Evaluation(score=score, history=(), seconds=seconds, device="virtual")


def measure(workers: list[int], folder: Path = PUBLISHED) -> list[dict[str, Any]]:
    """Speed-up and extra work for each number of workers, over all searches of a folder together."""
    searches = [Published(path) for path in sorted(folder.glob("*_w*.json"))]
    rows = []
    for count in workers:
        serial = parallel = spent = 0.0
        ratios = {}
        for search in searches:
            done, found, executor = run_virtually(search.strategy, search.evaluate, count)
            assert [search.scores[name(row.candidate)] for row in done] == [row.evaluation.score for row in done]
            assert found == search.found, "not the serial decisions"
            alone = sum(row.evaluation.seconds for row in done)
            serial, parallel, spent = serial + alone, parallel + executor.now, spent + executor.spent
            ratios[search.name] = round(alone / executor.now, 3)
        rows.append(
            {"name": f"{count} workers", "ratio": round(serial / parallel, 3), "extra": round(spent / serial - 1, 3), "searches": ratios}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 8, 16])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--searches", type=Path, default=PUBLISHED, help="folder of recorded searches")
    arguments = parser.parse_args()
    rows = measure(arguments.workers, arguments.searches)
    if arguments.json:
        print(json.dumps({"rows": rows}, indent=2))
    else:
        for row in rows:
            print(f"{row['name']:>11}: {row['ratio']:5.2f} times as fast, {100 * row['extra']:3.0f} % extra work   {row['searches']}")


if __name__ == "__main__":
    main()
