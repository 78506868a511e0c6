"""Many workers, the result of one: in virtual time, on the authors' searches and on random ones."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.speculation import Memory, VirtualWorkers, measure, name, run_virtually
from facenas.backbones import Architecture, PlainSpace
from facenas.search import Budget, Candidate, DynamicRanking, NetworkCost, Row, Runner, Score, Strategy, likely_next
from facenas.search.strategy import STRATEGIES, SharedWeightsSection
from facenas.training.device import derive_seed
from facenas.training.fit import Evaluation

SPACE = PlainSpace(in_channels=1, num_classes=2, input_size=8)
SMALL: dict[str, dict[str, Any]] = {
    "dynamic_ranking": {"params_slack": 50},
    "regularized_evolution": {"population": 4, "tournament": 2},
    "tpe": {"startup": 3, "batch": 2},
    "nsga2": {"population": 4},
    "sample": {"count": 10},
}
PLAIN = {name: member for name, member in STRATEGIES.members.items() if not issubclass(member, SharedWeightsSection)}


@pytest.mark.parametrize(("workers", "goal"), [(1, 1.0), (2, 1.9), (4, 3.4), (8, 6.0), (16, 9.0)])
def test_published_searches_are_faster_with_the_same_decisions(workers: int, goal: float) -> None:
    """The goals hold over the four searches together; `measure` itself compares every decision with the authors'."""
    [row] = measure([workers])
    assert row["ratio"] >= goal
    assert row["extra"] < {1: 1e-9, 2: 0.05, 4: 0.2, 8: 0.4, 16: 0.8}[workers]


class AnyOrder(VirtualWorkers):
    """Workers that finish in any order, sometimes several at once, sometimes none."""

    def __init__(self, workers: int, evaluate: Callable[[Candidate], Evaluation], rng: Random) -> None:
        super().__init__(workers, evaluate)
        self.rng = rng

    def wait(self) -> list[tuple[str, Evaluation]]:
        keys = self.rng.sample(self.running, self.rng.randint(0 if self.free else 1, len(self.running)))
        return [(key, self._ends.pop(key)[2]) for key in keys]


def scores(seed: int) -> Callable[[Candidate], Evaluation]:
    """A random score for every candidate, the same whenever it is asked for."""

    def evaluate(candidate: Candidate) -> Evaluation:
        rng = Random(derive_seed(seed, name(candidate)))
        score = Score(correct=rng.choice([rng.randint(0, 100), 60 + candidate.architecture.depth]), total=100)
        return Evaluation(score=score, history=(), seconds=1.0 + rng.random(), device="virtual")

    return evaluate


def rows_of(strategy: Strategy, executor: VirtualWorkers, budget: Budget) -> tuple[list[Row], Architecture]:
    memory = Memory()
    runner = Runner(strategy, memory, executor, memory, name, lambda architecture: NetworkCost(1, 1), budget=budget)
    found = runner.run()
    executor.close()
    return memory.rows(), found


def make(kind: str, seed: int) -> Strategy:
    bounds = {"min_depth": 5, "max_depth": 9, "min_width": 4, "max_width": 10}
    noise = {"noise": "unpaired" if seed % 2 else "ignored"} if kind == "dynamic_ranking" else {}
    strategy: Strategy = PLAIN[kind](**bounds, **SMALL.get(kind, {}), **noise).build(SPACE, seed)
    return strategy


@pytest.mark.parametrize("kind", PLAIN)
@given(seed=st.integers(0, 10**6), workers=st.sampled_from([1, 2, 3, 8]))
@settings(max_examples=30, deadline=None)
def test_any_scores_in_any_order_give_the_serial_result(kind: str, seed: int, workers: int) -> None:
    budget = Budget(trials=None if PLAIN[kind].ends else 12)
    serial = rows_of(make(kind, seed), VirtualWorkers(1, scores(seed)), budget)
    parallel = rows_of(make(kind, seed), AnyOrder(workers, scores(seed), Random(seed)), budget)
    assert parallel == serial


def test_where_a_phase_may_end_both_futures_are_followed() -> None:
    strategy = DynamicRanking(SPACE, min_depth=5, max_depth=20, min_width=4, max_width=10, patience=2, micro=False)
    best, drop = Score(correct=50, total=100), Score(correct=10, total=100)
    no_drop = likely_next(strategy, ["grow"], [best], lambda candidate: None, 6)
    assert [candidate.architecture.depth for candidate in no_drop] == [6, 7, 8, 9, 10, 11]
    one_drop = likely_next(strategy, ["grow"] * 2, [best, drop], lambda candidate: None, 6)
    assert [candidate.phase for candidate in one_drop].count("prune") >= 2  # one more drop ends the phase
    assert (one_drop[0].phase, one_drop[0].architecture.depth) == ("grow", 7)
    after_stop = Score(correct=10, total=100)
    assert likely_next(strategy, ["grow"] * 3, [best, drop, after_stop], lambda candidate: None, 1)[0] in one_drop


def test_what_is_known_is_not_wanted_again_and_the_end_is_the_end() -> None:
    strategy = DynamicRanking(SPACE, min_depth=5, max_depth=6, min_width=8, max_width=10, micro=False)
    everything = likely_next(strategy, [], [], lambda candidate: None, 50)
    assert [(candidate.phase, candidate.architecture.depth) for candidate in everything][:2] == [("grow", 5), ("grow", 6)]
    known = {everything[0]: Score(correct=1, total=100)}
    assert everything[0] not in likely_next(strategy, [], [], known.get, 50)
    assert likely_next(strategy, [], [], lambda candidate: Score(correct=1, total=100), 50) == []


def test_computed_ahead_and_asked_for_later_is_computed_once() -> None:
    calls: list[str] = []

    def evaluate(candidate: Candidate) -> Evaluation:
        calls.append(name(candidate))
        return scores(3)(candidate)

    rows, _, executor = run_virtually(make("dynamic_ranking", 4), evaluate, 3)
    assert len(rows) > 10
    assert executor.spent < 1.6 * sum(row.evaluation.seconds for row in rows)
    wasted = set(calls) - {name(row.candidate) for row in rows}
    assert len(calls) < len(rows) + len(wasted) + 10
