"""The strategy against the authors' own searches, candidate by candidate."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.backbones import Architecture, IRSpace, PlainSpace
from facenas.errors import SettingsError
from facenas.search import Candidate, DynamicRanking, Score, Verdict
from facenas.search.strategies.dynamic_ranking import DynamicRankingSettings
from tests.toy.facenas_toy.space import LadderSpace

PUBLISHED = sorted((Path(__file__).parent.parent / "data").glob("*_w*.json"))
TEST_IMAGES = {"EMNIST": 18_800}
TRAIN_IMAGES = {"CIFAR10": 50_000, "CIFAR100": 50_000, "EMNIST": 112_800}


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_replays_published_search(path: Path) -> None:
    log = json.loads(path.read_text())
    space = PlainSpace(in_channels=log["in_channels"], num_classes=log["num_classes"])
    thresholds = {name: log["settings"][name] / 100 for name in ("depth_gain", "depth_drop")}
    plan = DynamicRanking(space, **log["settings"] | thresholds).search()
    candidate = next(plan)
    for step, row in enumerate(log["candidates"]):
        architecture = candidate.architecture
        asked = {
            "phase": candidate.phase, "depth": architecture.depth, "width": architecture.width,
            "operations": list(architecture.operations), "kernels": list(architecture.kernels), "epochs": candidate.epochs,
            "params": space.count_parameters(architecture),
        }  # fmt: skip
        assert asked == {key: row[key] for key in asked}, f"candidate {step}"
        total, train_total = TEST_IMAGES.get(log["dataset"], 10_000), TRAIN_IMAGES.get(log["dataset"], 60_000)
        score = Score(
            correct=round(row["val_accuracy"] * total / 100), total=total,
            train_correct=round(row["train_accuracy"] * train_total / 100), train_total=train_total,
        )  # fmt: skip
        if step + 1 < len(log["candidates"]):
            candidate = plan.send(score)
        else:
            with pytest.raises(StopIteration) as end:
                plan.send(score)
    found = end.value.value
    final = log["final"]
    assert (found.depth, found.width, list(found.operations), list(found.kernels)) == (
        final["depth"], final["width"], final["operations"], final["kernels"],
    )  # fmt: skip
    assert space.count_parameters(found) == final["params"]


def drive(
    strategy: DynamicRanking, accuracy: Callable[[Candidate], int], total: int = 1000
) -> tuple[list[Candidate], list[Verdict], Architecture]:
    """Answer a strategy from a function of the candidate."""
    verdicts: list[Verdict] = []
    plan, asked = strategy.search(verdicts.append), []
    try:
        candidate = next(plan)
        while True:
            asked.append(candidate)
            candidate = plan.send(Score(correct=accuracy(candidate), total=total))
    except StopIteration as end:
        return asked, verdicts, end.value


def test_knife_edge_is_decided_on_counts() -> None:
    """+10 of 10,000 images is exactly the gain that accepts, and -5 exactly the loss that does not yet count as a drop."""
    strategy = DynamicRanking(PlainSpace(), min_depth=10, max_depth=12, min_width=64, micro=False)
    scores = {10: 9153, 11: 9163, 12: 9158}
    _, verdicts, found = drive(strategy, lambda c: scores[c.architecture.depth], 10_000)
    assert [v.outcome for v in verdicts] == ["accepted", "accepted", "neutral"]
    assert found.depth == 11


def test_third_drop_since_the_last_accepted_depth_ends_growing_with_neutrals_between() -> None:
    scores = {10: 900, 11: 800, 12: 900, 13: 800, 14: 900, 15: 800, 16: 999}
    strategy = DynamicRanking(PlainSpace(), min_depth=10, max_depth=20, min_width=64, micro=False)
    asked, _, found = drive(strategy, lambda c: scores[c.architecture.depth])
    assert [c.architecture.depth for c in asked] == [10, 11, 12, 13, 14, 15]
    assert found.depth == 10


def test_pruning_counts_epochs_on_from_the_last_grown_candidate() -> None:
    strategy = DynamicRanking(PlainSpace(), min_depth=10, max_depth=12, min_width=58, micro=False)
    asked, _, _ = drive(strategy, lambda c: 900 - (c.architecture.depth - 10) * 100)
    assert [(c.phase, c.epochs, c.architecture.width) for c in asked] == [
        ("grow", 10, 64), ("grow", 11, 64), ("grow", 12, 64), ("prune", 14, 62), ("prune", 16, 60), ("prune", 18, 58),
    ]  # fmt: skip


@pytest.mark.parametrize("score", [Score(correct=999, total=1000), Score(correct=1, total=2, train_correct=8, train_total=8)])
def test_nothing_is_grown_beyond_saturation(score: Score) -> None:
    plan = DynamicRanking(PlainSpace(), micro=False).search()
    next(plan)
    assert plan.send(score).phase == "prune"


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_face_search_stays_in_its_space_and_its_budget(seed: int) -> None:
    space = IRSpace(embedding_size=None, input_size=32)
    strategy = DynamicRanking(space, min_depth=10, max_depth=16, min_width=8, max_width=16, params_slack=1000)
    rng = Random(seed)
    asked, verdicts, found = drive(strategy, lambda c: rng.randint(400, 900))
    assert len(asked) == len(verdicts)
    for candidate in asked:
        space.check(candidate.architecture)
        if candidate.phase in ("grow", "prune"):
            assert set(candidate.architecture.operations) == {"conv"}
    baseline = next(c for c in asked if c.phase == "operations").architecture
    for candidate in asked:
        if candidate.phase in ("operations", "kernels"):
            assert space.count_parameters(candidate.architecture) <= space.count_parameters(baseline) + 2 * 1000
            assert 2 * candidate.architecture.width >= baseline.width
    assert found in {c.architecture for c in asked}


def test_one_growth_step_of_a_face_network_adds_one_unit() -> None:
    strategy = DynamicRanking(IRSpace(), max_depth=14, min_width=64, micro=False)
    asked, _, _ = drive(strategy, lambda c: c.architecture.depth)
    assert [c.architecture.depth for c in asked] == [10, 12, 14]


def test_bounds_that_cross_are_refused() -> None:
    with pytest.raises(ValueError, match="must not exceed"):
        DynamicRanking(PlainSpace(), min_depth=20, max_depth=10)


def test_several_alternatives_of_a_position_are_tried_one_after_the_other() -> None:
    """Three operations and three kernel sizes: each is compared with the best before it, and the next is put in that one's place."""
    space, better = LadderSpace(), {"grouped": 2, "separable": 1, "whole": 0}
    strategy = DynamicRanking(space, min_depth=3, max_depth=3, min_width=8, max_width=8)
    asked, verdicts, found = drive(
        strategy, lambda c: 100 + sum(map(better.__getitem__, c.architecture.operations)) + sum(c.architecture.kernels)
    )
    micro = [candidate.architecture for candidate in asked if candidate.scale == "micro"]
    assert [one.operations for one in micro[:4]] == [
        ("whole",) * 3, ("grouped", "whole", "whole"), ("separable", "whole", "whole"), ("grouped", "grouped", "whole"),
    ]  # fmt: skip
    assert [one.kernels for one in micro[7:10]] == [(5, 3, 3), (7, 3, 3), (7, 5, 3)]
    assert [verdict.outcome for verdict in verdicts[-12:]] == ["accepted", "rejected"] * 3 + ["accepted"] * 6
    assert (found.operations, found.kernels) == (("grouped",) * 3, (7,) * 3)
    assert all(one.width % space.width_step == 0 for one in micro)


def test_what_a_space_does_not_know_is_no_start() -> None:
    for change, said in (({"start_operation": "whole"}, "operations sep and conv"), ({"start_kernel": 4}, "kernels of 1, 3, 5 and 7")):
        with pytest.raises(SettingsError, match=rf"start_kernel must be of the space 'plain': this space knows .*{said}"):
            DynamicRankingSettings(**change).ranges(PlainSpace())
