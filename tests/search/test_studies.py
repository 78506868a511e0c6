"""Studies against figures worked out by hand."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from facenas.backbones import Architecture, PlainSpace
from facenas.errors import RunError, SettingsError
from facenas.search import Candidate, Row, Score, SearchSettings, Verdict
from facenas.search.strategies.sample import Sample
from facenas.search.studies import (
    STARTS,
    InitialisationSettings,
    RandomSettings,
    RankingSettings,
    Subset,
    improvement,
    initialisation,
    random_baseline,
    ranking,
)
from facenas.search.studies.common import Spread
from facenas.search.studies.correlations import (
    Network,
    dynamic_correlations,
    dynamic_ranking,
    equal_cost_epoch,
    spearman,
    static_correlations,
)
from facenas.training.fit import Evaluation
from facenas.training.loop import Epoch

SPACE = PlainSpace()
BOUNDS = {"min_depth": 5, "max_depth": 8, "min_width": 8, "max_width": 16, "width_step": 4}
SEARCH: dict[str, Any] = {
    "data": {"name": "digits"},
    "space": {"name": "plain", "in_channels": 1, "input_size": 8},
    "strategy": {"name": "dynamic_ranking", **BOUNDS},
}
REFUSED = Score(correct=0, total=10, refused=True)


def ask(sample: Sample, scores: Sequence[Score]) -> tuple[list[Architecture], Architecture | None]:
    """The candidates asked for, and what is found if the scores are enough."""
    plan, asked = sample.search(), list[Architecture]()
    candidate = next(plan)
    for score in scores:
        assert (candidate.phase, candidate.epochs) == ("sample", 7)
        asked.append(candidate.architecture)
        try:
            candidate = plan.send(score)
        except StopIteration as end:
            return asked, end.value
    return asked, None


def tenths(*correct: int) -> list[Score]:
    return [Score(correct=one, total=10) for one in correct]


def row(*validation: int, parameters: int = 1000, epochs: int = 0, refused: bool = False, depth: int = 5) -> Row:
    """A network with so many of 100 validation images right after each epoch."""
    return Row(
        step=0,
        candidate=Candidate(architecture=SPACE.start(depth=depth, width=8), epochs=epochs or len(validation), phase="sample"),
        evaluation=Evaluation(
            score=Score(correct=validation[-1] if len(validation) >= epochs else 0, total=100, refused=refused),
            history=tuple(Epoch(i, 1.0, 1, 1, 0.1, right) for i, right in enumerate(validation, 1)),
            seconds=1,
            device="cpu",
        ),
        verdict=Verdict(outcome="accepted", reason="a test"),
        parameters=parameters,
        macs=1,
    )


def network(parameters: int, *accuracies: float) -> Network:
    return Network(identity=str(parameters), parameters=parameters, accuracies=accuracies)


class TestSample:
    def test_given_first_then_different_draws_then_the_end(self) -> None:
        given = [SPACE.start(depth=30, width=4), SPACE.start(depth=20, width=4), SPACE.start(depth=30, width=4)]
        sample = Sample(SPACE, 3, architectures=given, count=20, epochs=7, **BOUNDS)
        asked, best = ask(sample, tenths(*[5] * 2, *[3] * 7, 9, 9, *[1] * 11, 10))
        assert asked[:2] == given[:2]
        assert len(asked) == len(set(asked)) == 22
        assert best == asked[9]
        for architecture in asked[2:]:
            assert 5 <= architecture.depth <= 8
            assert architecture.width in (8, 12, 16)

    def test_draws_depend_on_the_seed_and_on_no_score(self) -> None:
        asked = [ask(Sample(SPACE, seed, count=9, epochs=7, **BOUNDS), tenths(*scores))[0] for seed, scores in
                 ((0, range(9)), (0, range(9, 0, -1)), (1, range(9)))]  # fmt: skip
        assert asked[0] == asked[1] != asked[2]

    def test_a_draw_over_a_limit_is_replaced_and_a_given_one_is_not(self) -> None:
        sample = Sample(SPACE, architectures=[SPACE.start(depth=30, width=4)], count=2, epochs=7, **BOUNDS)
        asked, best = ask(sample, [REFUSED, REFUSED, *tenths(3), REFUSED, *tenths(4), *tenths(9)])
        assert len(asked) == 5
        assert best == asked[4]

    def test_nothing_within_the_limits(self) -> None:
        with pytest.raises(SettingsError, match="over a limit"):
            ask(Sample(SPACE, architectures=[SPACE.start(depth=30, width=4)], count=0, epochs=7), [REFUSED])

    def test_more_than_there_are(self) -> None:
        bounds = {"min_depth": 3, "max_depth": 3, "min_width": 1, "max_width": 1}
        with pytest.raises(SettingsError, match="after 64 different ones"):
            ask(Sample(SPACE, count=65, epochs=7, **bounds), tenths(*[1] * 65))

    def test_an_empty_sample(self) -> None:
        with pytest.raises(ValidationError, match="count above 0"):
            Sample(SPACE, count=0)


class TestRanking:
    def test_spearman(self) -> None:
        """1 - 6 sum d^2 / (n (n^2 - 1)); with ties, Pearson's correlation of average ranks."""
        assert spearman([1, 2, 3, 4], [10, 30, 20, 90]) == pytest.approx(1 - 6 * 2 / 60)
        assert spearman([1, 2, 3], [1, 0, 0]) == pytest.approx(-(3**0.5) / 2)
        assert spearman([1, 1, 1], [1, 2, 3]) == 0

    def test_the_ith_smallest_is_scored_after_i_epochs_as_far_as_they_go(self) -> None:
        networks = [network(size, 0.1 + size, 0.2 + size, 0.3 + size) for size in (3, 5, 1, 4, 2)]
        ranked = dynamic_ranking(networks)
        assert [one.network.parameters for one in ranked] == [1, 2, 3, 4, 5]
        assert [one.epochs for one in ranked] == [1, 2, 3, 3, 3]
        assert [one.score for one in ranked] == [1.1, 2.2, 3.3, 4.3, 5.3]
        assert equal_cost_epoch(ranked) == 2

    def test_correlations(self) -> None:
        """By hand, from the ranks; the networks are drawn in the order 2, 1, 3, 4 of their parameters."""
        networks = [network(1, 0.4, 0.5, 0.6), network(2, 0.1, 0.2, 0.9), network(3, 0.2, 0.1, 0.8), network(4, 0.3, 0.6, 0.7)]
        after_1, final, size = (4, 1, 2, 3), (1, 4, 3, 2), (1, 2, 3, 4)
        dynamic, after_2 = (2, 1, 4, 3), (3, 2, 1, 4)  # 2 is the mean of 1, 2, 3 and 3 epochs, rounded down

        def rho(first: Sequence[int], second: Sequence[int]) -> float:
            return 1 - 6 * sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) / 60

        assert list(static_correlations(networks).values()) == pytest.approx([rho(after_1, final), rho(size, final)])
        found = dynamic_correlations([networks[i] for i in (1, 0, 2, 3)])
        control, of_drawn = (1, 2, 4, 3), (4, 1, 3, 2)  # scores 0.1, 0.5, 0.8, 0.7; final accuracies 0.9, 0.6, 0.8, 0.7
        expected = [rho(dynamic, size), rho(dynamic, final), rho(after_2, final), rho(control, size), rho(control, of_drawn)]
        assert list(found.values()) == pytest.approx(expected)

    def test_of_rows(self) -> None:
        settings = RankingSettings(search=SearchSettings(**SEARCH), count=5, epochs=3, draw=3, seeds=(0, 1, 2), resamples=50)
        rows = [row(i, 2 * i, 3 * i, parameters=100 * i) for i in (3, 1, 5, 2, 4)]
        study = ranking([*rows, row(90, 90, 90, refused=True), row(50, parameters=10, epochs=3)], settings)
        assert len(study.networks) == 6
        assert study.networks[-1].accuracies == (0.5, 0, 0), "it diverged"
        assert [len(set(draw)) for draw in study.draws] == [3, 3, 3]
        static, size, *dynamic = study.correlations
        assert static.seeds.values == (pytest.approx(1 - 6 * 30 / 210),)
        assert size.seeds.values == (1,)
        assert [len(one.seeds.values) for one in dynamic] == [3] * 5
        assert all(-1 <= one.low <= one.high <= 1 for one in study.correlations)
        assert ranking(rows, settings) == ranking(rows, settings)

    def test_its_run(self) -> None:
        run = RankingSettings(search=SearchSettings(**SEARCH, seed=4), count=5, epochs=3, draw=3).networks()
        assert run.every_epoch
        assert run.strategy.model_dump() == {"name": "sample", "architectures": (), "count": 5, "epochs": 3, **BOUNDS}
        assert isinstance(run.build_strategy(), Sample)

    def test_a_draw_larger_than_the_sample(self) -> None:
        with pytest.raises(ValidationError, match="draw must not exceed count, got 6 of 5"):
            RankingSettings(search=SearchSettings(**SEARCH), count=5, draw=6)


class TestRandom:
    def test_relative_improvement_and_its_spread(self) -> None:
        first = improvement([row(90, parameters=10), row(60, parameters=20), row(1, refused=True), row(90, parameters=40)], seed=3)
        assert (first.found.accuracy, first.found.parameters, len(first.random)) == (0.9, 10, 2)
        assert first.relative_improvement == pytest.approx(100 * (0.9 - 0.75) / 0.75) == pytest.approx(20)
        second = improvement([row(60, parameters=30), row(80, parameters=5)], seed=4)
        study = random_baseline([first, second])
        improvements = study.summary["relative improvement, %"]
        assert improvements.values == pytest.approx((20, -25))
        assert (improvements.mean, improvements.sd) == pytest.approx((-2.5, 45 / 2**0.5))
        assert study.summary["accuracy random, %"].values == pytest.approx((75, 80))
        assert study.summary["accuracy of the best random one, %"].values == (90, 80)
        assert study.summary["parameters random"].mean == 17.5
        assert study.beaten == pytest.approx(1 / 3), "an equal one is not beaten"

    def test_nothing_to_compare(self) -> None:
        with pytest.raises(RunError, match="found with seed 0 is over a limit"):
            improvement([row(1, refused=True), row(50)], seed=0)
        with pytest.raises(RunError, match="no random architecture"):
            improvement([row(50), row(0)], seed=0)

    def test_its_runs(self) -> None:
        settings, found = RandomSettings(search=SearchSettings(**SEARCH), count=3, epochs=7), SPACE.start(depth=6, width=9)
        assert settings.searched(5) == SearchSettings(**SEARCH, seed=5)
        run = settings.compared(5, found)
        assert run.strategy.model_dump() == {"name": "sample", "architectures": (found.model_dump(),), "count": 3, "epochs": 7, **BOUNDS}
        assert run.seed == 5


class TestInitialisation:
    def settings(self, **changes: Any) -> InitialisationSettings:
        return InitialisationSettings(search=SearchSettings(**SEARCH), **changes)

    def test_pairs_are_different_and_depend_on_the_seed(self) -> None:
        subsets = list(self.settings(subsets=45, seeds=(0, 1)).all_subsets())
        for seed in (0, 1):
            pairs = [subset.classes for subset in subsets if subset.seed == seed]
            assert len(set(pairs)) == 45
            assert all(0 <= first < second <= 9 for first, second in pairs)
        assert subsets[0].classes != subsets[45].classes

    def test_its_runs(self) -> None:
        settings, subset = self.settings(epochs=6), Subset(2, (3, 7))
        firsts = [settings.searched(subset, start).build_strategy().search() for start in STARTS.values()]
        kinds = [(set(one.operations), set(one.kernels)) for one in (next(plan).architecture for plan in firsts)]
        assert kinds == [({"conv"}, {3}), ({"conv"}, {7}), ({"sep"}, {3}), ({"sep"}, {7})]
        run = settings.searched(subset, STARTS["sep-3x3"])
        assert (run.data.classes, run.space.num_classes, run.seed, run.strategy.micro) == ((3, 7), 2, 2, False)  # type: ignore[union-attr]
        found = [SPACE.start(depth=depth, width=8) for depth in (5, 6, 7, 8)]
        asked, _ = ask(Sample(SPACE, **settings.compared(subset, found).strategy.model_dump() | {"epochs": 7}), tenths(1, 2, 3, 4))
        assert asked == found

    def test_averages(self) -> None:
        first, second = Subset(0, (0, 1)), Subset(1, (2, 3))
        study = initialisation({
            first: [row(90, parameters=4), row(91, parameters=3), row(92, parameters=2), row(93, parameters=1)],
            second: [row(80, parameters=8), row(81, parameters=3), row(72, parameters=2), row(83, parameters=1)],
        })  # fmt: skip
        assert list(study.starts) == ["conv-3x3", "conv-7x7", "sep-3x3", "sep-7x7"]
        one = study.starts["conv-3x3"]
        assert (one.accuracy.mean, one.parameters.mean, one.paper_accuracy, one.paper_parameters) == (85, 6, 97.85, 650_000)
        assert one.accuracy.sd == pytest.approx(50**0.5)
        assert one.ahead_of_sep_3x3.values == (-2, 8)

    def test_over_a_limit(self) -> None:
        with pytest.raises(RunError, match="seed-0-classes-0-1 is over a limit"):
            initialisation({Subset(0, (0, 1)): [row(1, refused=True)] * 4})

    def test_faces_have_no_pairs_of_classes(self) -> None:
        faces = {"data": {"name": "synthetic"}, "space": {"name": "ir", "embedding_size": None, "input_size": 32}}
        with pytest.raises(ValidationError, match="needs images of classes"):
            InitialisationSettings(search=SearchSettings(**faces))


def test_spread() -> None:
    assert Spread.of([1, 3, 5]) == Spread(values=(1, 3, 5), mean=3, sd=2)
    assert Spread.of([Fraction(1, 2)]).sd is None
