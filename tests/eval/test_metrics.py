"""Metrics against slow loops written from their definitions, and against scikit-learn."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from facenas.data import Pairs
from facenas.eval import verification
from facenas.eval.extraction import unit
from facenas.eval.metrics import GRID, auc, best_threshold, eer, published_accuracy, verification_accuracy

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


def test_eer_of_known_scores() -> None:
    assert eer([0.9, 0.8, 0.2, 0.1], [True, True, False, False]) == 0
    assert eer([0.9, 0.3, 0.6, 0.1], [True, True, False, False]) == pytest.approx(0.5)
    assert eer([0.5] * 4, [True, True, False, False]) == pytest.approx(0.5)
    rng = np.random.default_rng(0)
    same = np.arange(20_000) % 2 == 0
    assert eer(rng.normal(0, 1, 20_000) + 2 * same, same) == pytest.approx(0.1587, abs=0.01)  # Phi(-1)


@given(scored)
@settings(max_examples=100, deadline=None)
def test_eer_is_where_the_slow_curves_cross(pairs: tuple[list[float], list[bool]]) -> None:
    assume(0 < sum(pairs[1]) < len(pairs[1]))
    scores, same = np.array(pairs[0]), np.array(pairs[1])
    points = [((scores[~same] >= t).mean(), (scores[same] < t).mean()) for t in [*sorted(set(pairs[0])), np.inf]]
    (far, frr), (next_far, next_frr) = next(two for two in pairwise([(1.0, 0.0), *points]) if two[1][1] >= two[1][0])
    share = (far - frr) / (far - frr - next_far + next_frr)
    assert eer(scores, same) == pytest.approx(far + share * (next_far - far), abs=1e-12)


def calculate_accuracy(threshold: float, dist: np.ndarray, actual_issame: np.ndarray) -> float:
    predict_issame = np.less(dist, threshold)
    tp = np.sum(np.logical_and(predict_issame, actual_issame))
    tn = np.sum(np.logical_and(np.logical_not(predict_issame), np.logical_not(actual_issame)))
    return float(tp + tn) / dist.size


def calculate_roc(dist: np.ndarray, actual_issame: np.ndarray, nrof_folds: int = 10) -> tuple[np.ndarray, list[float]]:
    """The loops of arcface_torch's function of this name, from its distances on."""
    thresholds = np.arange(0, 4, 0.01)
    accuracy, chosen = np.zeros(nrof_folds), []
    for fold_idx, (train_set, test_set) in enumerate(KFold(n_splits=nrof_folds, shuffle=False).split(np.arange(len(dist)))):
        acc_train = np.zeros(len(thresholds))
        for threshold_idx, threshold in enumerate(thresholds):
            acc_train[threshold_idx] = calculate_accuracy(threshold, dist[train_set], actual_issame[train_set])
        best_threshold_index = np.argmax(acc_train)
        accuracy[fold_idx] = calculate_accuracy(thresholds[best_threshold_index], dist[test_set], actual_issame[test_set])
        chosen.append(float(thresholds[best_threshold_index]))
    return accuracy, chosen


def assert_as_published(distances: np.ndarray, same: np.ndarray, folds: int = 10) -> None:
    expected, thresholds = calculate_roc(distances, same, folds)
    result = published_accuracy(distances, same, folds)
    assert result.folds == tuple(expected)
    assert result.thresholds == tuple(thresholds)
    assert (result.mean, result.std) == (np.mean(expected), np.std(expected))
    assert result.right.mean() == pytest.approx(np.average(expected, weights=[len(b) for b in np.array_split(same, folds)]), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_published_accuracy_of_6000_pairs_is_arcface_torchs(dtype: type) -> None:
    rng, same = np.random.default_rng(0), np.tile(np.repeat([True, False], 300), 10)
    embeddings = rng.normal(size=(12_000, 32))
    embeddings[::2][same] = embeddings[1::2][same] + 1.6 * rng.normal(size=(3000, 32))
    embeddings = unit(embeddings.astype(dtype))
    pairs = Pairs(np.arange(0, 12_000, 2), np.arange(1, 12_000, 2), same)
    distances = verification.squared_distances(embeddings, pairs)
    assert 0.9 < published_accuracy(distances, same).mean < 0.99
    assert_as_published(distances, same)


near_the_grid = st.sampled_from(GRID.tolist()).flatmap(lambda t: st.sampled_from([t, np.nextafter(t, -1), np.nextafter(t, 5)]))
distances_and_same = st.integers(6, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([0.0, 0.29, 1.13, 1.14, 3.99, 4.0, 4.5]) | near_the_grid | st.floats(0, 4), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n) | st.sampled_from([[True] * n, [False] * n]),
        st.sampled_from([np.float32, np.float64]),
    )
)


@given(distances_and_same, st.sampled_from([2, 3, 6]))
@settings(max_examples=60, deadline=None)
def test_published_accuracy_on_and_beside_the_grid(pairs: tuple[list[float], list[bool], type], folds: int) -> None:
    assert_as_published(np.array(pairs[0], pairs[2]), np.array(pairs[1]), folds)


def test_of_equally_good_thresholds_the_lowest_is_taken() -> None:
    same = np.tile([True, False], 10)
    assert set(published_accuracy(np.where(same, 0.5, 1.5), same).thresholds) == {GRID[51]}
    assert set(published_accuracy(np.full(20, 0.5), same).thresholds) == {0.0}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_and_distances_of_pairs_do_not_depend_on_the_blocks(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    embeddings, (first, second) = unit(rng.normal(size=(30, 17)).astype(dtype)), rng.integers(30, size=(2, 101))
    before, pairs = embeddings.copy(), Pairs(first, second, first == second)
    for at_once in (1, 7, 101, 1000):
        monkeypatch.setattr(verification, "AT_ONCE", at_once)
        slow = [
            sum(float(a) * float(b) for a, b in zip(embeddings[i], embeddings[j], strict=True)) for i, j in zip(first, second, strict=True)
        ]
        np.testing.assert_allclose(verification.pair_scores(embeddings, pairs), slow, atol=1e-12)
        np.testing.assert_allclose(verification.squared_distances(embeddings, pairs), 2 - 2 * np.array(slow), atol=3e-6)
    assert np.array_equal(embeddings, before)


@pytest.mark.parametrize("metric", [auc, eer, best_threshold, published_accuracy, verification_accuracy])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_scores_that_are_not_finite_are_refused(metric: Callable[..., object], wrong: float) -> None:
    with pytest.raises(ValueError, match=r"scores must be finite numbers of shape \(P,\), got shape \(20,\) with 1 non-finite"):
        metric([wrong, *[0.5] * 19], [True, False] * 10)


@pytest.mark.parametrize("metric", [auc, eer])
@pytest.mark.parametrize("same", [True, False])
def test_a_missing_kind_is_refused(metric: Callable[..., object], same: bool) -> None:
    with pytest.raises(ValueError, match="both kinds of pairs are needed"):
        metric([0.1, 0.2], [same, same])


@pytest.mark.parametrize("metric", [published_accuracy, verification_accuracy])
@pytest.mark.parametrize("folds", [1, 21])
def test_impossible_folds_are_refused(metric: Callable[..., object], folds: int) -> None:
    with pytest.raises(ValueError, match=f"got {folds} folds and 20 pairs"):
        metric([0.5] * 20, [True, False] * 10, folds)


@pytest.mark.parametrize("scores", [[0.1, float("nan")], [], [0.1, 0.2, 0.3]])
def test_unusable_scores_are_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="scores"):
        auc(scores, [True, False])
