"""What every strategy promises, and what each of the baselines does with its scores."""

from collections.abc import Callable
from itertools import pairwise
from random import Random
from statistics import mean, stdev
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.backbones import Architecture, IRSpace, PlainSpace
from facenas.errors import ModelError, SettingsError
from facenas.search import Score, Strategy, Verdict, baseline
from facenas.search.bounds import Bounds
from facenas.search.strategies.nsga2 import NSGA2
from facenas.search.strategies.random import RandomSearch
from facenas.search.strategies.regularized_evolution import RegularizedEvolution
from facenas.search.strategies.tpe import TPE
from facenas.search.strategy import STRATEGIES, StrategySection
from facenas.testing import StrategyContract
from facenas.testing.replaying import replay

SPACES: dict[str, PlainSpace | IRSpace] = {"plain": PlainSpace(), "ir": IRSpace(embedding_size=None, input_size=32)}
BOUNDS = {"min_depth": 10, "max_depth": 16, "min_width": 8, "max_width": 16, "width_step": 4}
OWN: dict[str, list[dict[str, Any]]] = {  # small; the others in their defaults
    "dynamic_ranking": [{"macro_epochs": 1, "params_slack": 1000}],
    "regularized_evolution": [{"population": 4, "tournament": 2}, {"population": 4, "tournament": 2, "batch": 3}],
    "tpe": [{"startup": 3}, {"startup": 3, "batch": 3}],
    "nsga2": [{"population": 4}],
    "sample": [{"count": 4}],
}
BASELINES: dict[str, tuple[str, int]] = {  # strategy and place in `OWN`
    "random": ("random", 0),
    "evolution": ("regularized_evolution", 0),
    "evolution, batches": ("regularized_evolution", 1),
    "tpe": ("tpe", 0),
    "tpe, batches": ("tpe", 1),
    "nsga2": ("nsga2", 0),
}
REFUSED = Score(correct=0, total=20, refused=True)
SCORES = st.lists(st.builds(Score, correct=st.integers(0, 20), total=st.just(20)) | st.just(REFUSED), max_size=12)
some = settings(max_examples=6, deadline=None)
every_baseline = pytest.mark.parametrize("name", BASELINES)
every_space = pytest.mark.parametrize("space", SPACES)


def configured(name: str, place: int = 0, **changes: Any) -> StrategySection:
    """A member with small settings, in the bounds if it has some."""
    member = STRATEGIES.get(name)
    made: StrategySection = member(**(BOUNDS if issubclass(member, Bounds) else {}) | OWN.get(name, [{}])[place] | changes)
    return made


def make(name: str, space: str, seed: int = 0, **changes: Any) -> Strategy:
    kind, place = BASELINES[name]
    return configured(kind, place, **changes).build(SPACES[space], seed)


def scored(*correct: int, total: int = 1000) -> list[Score]:
    return [Score(correct=one, total=total) for one in correct]


EVERY = [configured(name, place) for name in STRATEGIES.members for place in range(len(OWN.get(name, [{}])))]


class TestEveryStrategyOnPlainNetworks(StrategyContract):
    settings = EVERY
    space = SPACES["plain"]


class TestEveryStrategyOnFaces(StrategyContract):
    settings = EVERY
    space = SPACES["ir"]


@pytest.mark.parametrize("length", [4, 5, 6])
@every_baseline
def test_resumes_exactly_in_the_middle_of_a_generation(name: str, length: int) -> None:
    """What was proposed before the interruption is remembered, what comes after is not."""
    scores, used = scored(50, 20, 90, 10, 80, 30, 70, 40), make(name, "plain")
    replay(used, scores[:length])
    assert replay(used, scores) == replay(make(name, "plain"), scores)


@every_baseline
def test_depends_on_its_seed(name: str) -> None:
    asked = [replay(make(name, "ir", seed), scored(*range(12)))[0] for seed in (-1, 0, 1)]
    for first, second in pairwise([*asked, asked[0]]):
        assert [a == b for a, b in zip(first, second, strict=True)].count(True) <= 1


@every_space
@every_baseline
@given(scores=SCORES)
@some
def test_last_accepted_is_the_best_and_never_refused(name: str, space: str, scores: list[Score]) -> None:
    _, verdicts = replay(make(name, space), scores)
    best = -1
    for score, verdict in zip(scores, verdicts, strict=True):
        better = not score.refused and score.correct > best
        assert verdict.outcome == ("accepted" if better else "rejected")
        assert ("limit" in verdict.reason) == score.refused
        best = score.correct if better else best


@every_baseline
def test_reasons_compare_exact_scores(name: str) -> None:
    scores = [Score(correct=c, total=10_000) for c in (9153, 9154, 9154, 9000)]
    assert [verdict.reason for verdict in replay(make(name, "plain"), scores)[1]] == [
        "the first", "+0.010 points > +0.000", "+0.000 points <= +0.000", "-1.540 points <= +0.000",
    ]  # fmt: skip


@every_baseline
def test_a_space_where_all_is_refused_ends_in_a_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert baseline.MOST_REFUSALS == 1000
    monkeypatch.setattr(baseline, "MOST_REFUSALS", 15)
    verdicts: list[Verdict] = []
    plan = make(name, "ir").search(verdicts.append)
    next(plan)
    for score in [*[REFUSED] * 14, *scored(500), *[REFUSED] * 14]:
        plan.send(score)
    with pytest.raises(SettingsError, match="no architecture within the limits in 15 draws; widen the limits or the bounds"):
        plan.send(REFUSED)
    assert len(verdicts) == 30


@pytest.mark.parametrize(
    ("wrong", "error"), [({"min_depth": 20}, ValueError), ({"min_width": 20}, ValueError), ({"min_depth": 9}, ModelError)]
)
@every_baseline
def test_bounds_that_no_architecture_meets_are_refused(name: str, wrong: dict[str, int], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"must not exceed|depth is even"):
        make(name, "ir", **wrong)


@every_baseline
def test_one_architecture_in_bounds_is_enough_for_depth_and_width(name: str) -> None:
    narrow = make(name, "ir", max_depth=10, max_width=8)
    assert {(c.architecture.depth, c.architecture.width) for c in replay(narrow, scored(*range(10)))[0]} == {(10, 8)}


def distance(first: Architecture, second: Architecture) -> int:
    """Variables that differ, over the positions that both have."""
    pairs = [*zip(first.operations, second.operations, strict=False), *zip(first.kernels, second.kernels, strict=False)]
    return (first.depth != second.depth) + (first.width != second.width) + sum(a != b for a, b in pairs)


def best_on_the_hill(strategy: Strategy, target: Architecture, steps: int) -> int:
    """The best accuracy found where accuracy falls with the distance to a target."""
    plan, best = strategy.search(), 0
    candidate = next(plan)
    for _ in range(steps):
        found, wrong = candidate.architecture, distance(candidate.architecture, target)
        correct = max(0, 1000 - 6 * abs(found.depth - target.depth) - 8 * abs(found.width - target.width) - 30 * wrong)
        best = max(best, correct)
        candidate = plan.send(Score(correct=correct, total=1000))
    return best


@pytest.mark.parametrize(("strategy", "steps"), [(RegularizedEvolution, 100), (TPE, 40)])
def test_learns_from_scores(strategy: Callable[..., Strategy], steps: int) -> None:
    """On four hills, it climbs higher than random search on average, by more than random search's spread."""
    space, within = SPACES["plain"], {"max_depth": 16, "min_width": 32}
    random, learned = list[int](), list[int]()
    for seed in range(4):
        target = space.sample(Random(seed), depths=range(10, 17), widths=range(32, 65, 2))
        random.append(best_on_the_hill(RandomSearch(space, seed, **within), target, steps))
        learned.append(best_on_the_hill(strategy(space, seed, **within), target, steps))
    assert mean(learned) > mean(random) + stdev(random), (learned, random)


class TestRegularizedEvolution:
    def test_starts_with_random_draws_until_enough_are_trained(self) -> None:
        scores = [*scored(1), REFUSED, *scored(2, 3), REFUSED]
        asked, _ = replay(make("evolution", "plain"), scores)
        drawn, _ = replay(make("random", "plain"), scores)
        assert [c.architecture for c in asked] == [c.architecture for c in drawn]
        assert {c.phase for c in asked} == {"evolution"}

    def test_children_are_one_step_from_the_winner(self) -> None:
        asked, _ = replay(make("evolution", "plain", tournament=50), scored(10, 40, 30, 20, 50, 5))
        assert distance(asked[4].architecture, asked[1].architecture) == 1
        assert distance(asked[5].architecture, asked[4].architecture) == 1
        assert distance(asked[6].architecture, asked[4].architecture) == 1

    def test_the_oldest_dies_though_it_is_the_best(self) -> None:
        asked, _ = replay(make("evolution", "plain", population=3, tournament=50), scored(999, 500, 100, 50, 40))
        architectures = [c.architecture for c in asked]
        assert distance(architectures[3], architectures[0]) == 1
        assert distance(architectures[4], architectures[1]) == 1
        assert distance(architectures[5], architectures[2]) == 1
        assert distance(architectures[4], architectures[0]) > 1 < distance(architectures[5], architectures[0])

    def test_the_refused_never_become_parents(self) -> None:
        asked, _ = replay(make("evolution", "plain", tournament=50), [*scored(1, 2, 3, 900), *[REFUSED] * 10])
        assert all(distance(c.architecture, asked[3].architecture) == 1 for c in asked[4:])


@pytest.mark.parametrize(("name", "first", "size"), [("evolution, batches", 4, 3), ("tpe, batches", 3, 3), ("nsga2", 4, 4)])
def test_a_batch_depends_on_earlier_scores_and_not_on_its_own(name: str, first: int, size: int) -> None:
    """A batch, or a generation; the first candidates are random."""
    before, nexts = scored(*(100 * i for i in range(first))), list[list[Architecture]]()
    for seed in range(8):
        batches = (scored(10, 990, 20, 30)[:size], scored(990, 10, 30, 20)[:size])
        low, high = ([c.architecture for c in replay(make(name, "plain", seed), [*before, *batch])[0]] for batch in batches)
        assert low[:-1] == high[:-1]
        nexts.append([low[-1], high[-1]])
    assert any(low != high for low, high in nexts)


@pytest.mark.parametrize("name", ["evolution", "tpe"])
def test_without_batches_the_next_candidate_knows_the_last_score(name: str) -> None:
    before = scored(*range(100, 500, 50))
    low, high = ([replay(make(name, "plain", seed), [*before, score])[0][-1] for seed in range(8)] for score in scored(0, 999))
    assert low != high


class TestNSGA2:
    def parameters(self, steps: int, correct: Callable[[int], int]) -> list[int]:
        space = SPACES["plain"]
        plan, seen = NSGA2(space, population=10, max_depth=20).search(), []
        candidate = next(plan)
        for _ in range(steps):
            seen.append(space.count_parameters(candidate.architecture))
            candidate = plan.send(Score(correct=correct(seen[-1]), total=1_000_000))
        return seen

    def test_of_equal_scores_the_smaller_networks_breed(self) -> None:
        seen = self.parameters(60, lambda parameters: 500_000)
        assert mean(seen[-20:]) < 0.5 * mean(seen[:10])

    def test_of_better_scores_the_larger_networks_stay(self) -> None:
        """Where every parameter makes a network better, none is dominated, and the size does not fall."""
        seen = self.parameters(60, lambda parameters: min(999_999, parameters // 10))
        assert mean(seen[-20:]) > 0.7 * mean(seen[:10])


@pytest.mark.parametrize(("strategy", "own", "steps"), [(TPE, {}, 50), (NSGA2, {"population": 10}, 80)])
def test_learns_what_is_refused(strategy: Callable[..., Strategy], own: dict[str, int], steps: int) -> None:
    """Small networks are refused; NSGA-II would like them otherwise."""
    space, refused = SPACES["plain"], list[bool]()
    plan = strategy(space, max_depth=20, **own).search()
    candidate = next(plan)
    for _ in range(steps):
        refused.append(space.count_parameters(candidate.architecture) < 1_000_000)
        candidate = plan.send(REFUSED if refused[-1] else scored(500)[0])
    assert mean(refused[-20:]) < mean(refused[:10])


def test_optuna_is_silent_and_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    try:
        replay(make("tpe", "ir"), scored(*range(6)))
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.set_verbosity(level)
    assert capfd.readouterr() == ("", "")
