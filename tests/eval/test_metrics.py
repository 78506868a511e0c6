"""Metrics against slow loops written from their definitions, and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from facenas.eval.metrics import auc, best_threshold, eer, verification_accuracy
from facenas.eval.roc import accept_rates, tar_at_far

scored = st.integers(20, 80).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.1, 0.25, 0.5, 0.9, 1.0]) | st.floats(-1, 1), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
    )
)


def correct_at(threshold: float, scores: np.ndarray, same: np.ndarray) -> int:
    return sum((s >= threshold) == bool(f) for s, f in zip(scores, same, strict=True))


@given(scored)
@settings(max_examples=100, deadline=None)
def test_best_threshold_is_best(pairs: tuple[list[float], list[bool]]) -> None:
    scores, same = np.array(pairs[0]), np.array(pairs[1])
    possible = [*scores, np.nextafter(scores.max(), 2)]
    assert correct_at(best_threshold(scores, same), scores, same) == max(correct_at(t, scores, same) for t in possible)


@given(scored)
@settings(max_examples=50, deadline=None)
def test_ten_folds_as_the_protocol_says(pairs: tuple[list[float], list[bool]]) -> None:
    scores, same = np.array(pairs[0]), np.array(pairs[1])
    result = verification_accuracy(scores, same)
    blocks, right = np.array_split(np.arange(len(scores)), 10), 0
    for k, block in enumerate(blocks):
        others = np.concatenate(blocks[:k] + blocks[k + 1 :])
        assert correct_at(result.thresholds[k], scores[others], same[others]) == correct_at(
            best_threshold(scores[others], same[others]), scores[others], same[others]
        )
        here = correct_at(result.thresholds[k], scores[block], same[block])
        assert result.folds[k] == here / len(block)
        right += here
    assert (result.correct, result.total) == (right, len(scores))
    assert result.mean == pytest.approx(np.mean(result.folds))
    assert result.std == pytest.approx(np.std(result.folds, ddof=0))


def test_separable_pairs_are_all_right_even_where_the_gap_differs_by_fold() -> None:
    same = np.tile([True, False], 50)
    scores = np.where(same, np.linspace(0.55, 0.9, 100), np.linspace(0.1, 0.4, 100))
    assert verification_accuracy(scores, same).mean == 1.0


@given(scored)
@settings(max_examples=100, deadline=None)
def test_auc_equals_scikit_learn(pairs: tuple[list[float], list[bool]]) -> None:
    assume(0 < sum(pairs[1]) < len(pairs[1]))
    assert auc(*pairs) == pytest.approx(roc_auc_score(pairs[1], pairs[0]), abs=1e-12)


@given(scored, st.sampled_from([1.0, 0.5, 0.2, 0.1, 0.05]))
@settings(max_examples=200, deadline=None)
def test_tar_at_far_equals_the_roc_read_strictly(pairs: tuple[list[float], list[bool]], far: float) -> None:
    scores, same = np.array(pairs[0]), np.array(pairs[1])
    assume(0 < same.sum() < len(same) and far * (~same).sum() >= 1)
    fpr, tpr, _ = roc_curve(same, scores, drop_intermediate=False)
    assert tar_at_far(scores[same], scores[~same], far) == pytest.approx(tpr[fpr <= far + 1e-12].max(), abs=1e-12)


def test_far_below_the_resolution_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"FAR 1e-04 needs at least 10,000 impostor pairs, got 3,000; ask for far >= 0.000333"):
        tar_at_far(np.ones(5), np.zeros(3000), 1e-4)
    assert list(accept_rates(np.linspace(0, 1, 400), np.arange(400) % 4 == 0).tar) == ["1e-01", "1e-02"]


def test_eer_of_known_scores() -> None:
    assert eer([0.9, 0.8, 0.2, 0.1], [True, True, False, False]) == 0
    assert eer([0.9, 0.3, 0.6, 0.1], [True, True, False, False]) == pytest.approx(0.5)
    assert eer([0.5] * 4, [True, True, False, False]) == pytest.approx(0.5)
    rng = np.random.default_rng(0)
    same = np.arange(20_000) % 2 == 0
    assert eer(rng.normal(0, 1, 20_000) + 2 * same, same) == pytest.approx(0.1587, abs=0.01)  # Phi(-1)


@pytest.mark.parametrize("scores", [[0.1, float("nan")], [], [0.1, 0.2, 0.3]])
def test_unusable_scores_are_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="scores"):
        auc(scores, [True, False])
