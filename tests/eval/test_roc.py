"""Accept rates against scikit-learn's ROC, and against how InsightFace's IJB code reads it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from facenas.eval import roc
from facenas.eval.roc import DRAWN, FARS, accept_rates, nearest_tar_at_far, roc_points, tar_at_far

Set = tuple[np.ndarray, np.ndarray]
FRACTIONS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.01, 0.001)


def as_set(parts: tuple[list[float], list[float], type]) -> Set:
    genuine, impostor, dtype = parts
    same = np.repeat([True, False], [len(genuine), len(impostor)])
    order = np.random.default_rng(len(same)).permutation(len(same))
    return np.array(genuine + impostor, dtype)[order], same[order]


coarse = st.sampled_from([-1.0, 0.0, 0.1, 0.3, 0.5, 0.9])
sets = st.tuples(
    st.lists(coarse | st.floats(-1, 1), min_size=1, max_size=30),
    st.lists(coarse, min_size=1, max_size=60) | st.lists(coarse | st.floats(-1, 1), min_size=1, max_size=60),
    st.sampled_from([np.float32, np.float64]),
).map(as_set)


def made(genuine: int, impostors: int, *, seed: int, dtype: type = np.float32, digits: int = 9) -> Set:
    rng = np.random.default_rng(seed)
    same = rng.permutation(np.repeat([True, False], [genuine, impostors]))
    return np.round(rng.normal(0.1, 0.1, len(same)) + 0.4 * same, digits).astype(dtype), same


def read_strictly(scores: np.ndarray, same: np.ndarray, far: float) -> float:
    fpr, tpr, _ = roc_curve(same, scores, drop_intermediate=False)
    return float(tpr[fpr <= far * (1 + 1e-12)].max())


def as_insightface(score: np.ndarray, label: np.ndarray, x_labels: tuple[float, ...]) -> list[float]:
    fpr, tpr, _ = roc_curve(label, score)
    fpr = np.flipud(fpr)
    tpr = np.flipud(tpr)
    found = []
    for x in x_labels:
        _, min_index = min(list(zip(abs(fpr - x), range(len(fpr)), strict=True)))
        found.append(tpr[min_index])
    return found


@given(sets)
@settings(max_examples=200, deadline=None)
def test_strict_rates_are_the_roc_read_strictly(pairs: Set) -> None:
    scores, same = pairs
    rates = accept_rates(scores, same, FRACTIONS)
    for far in FRACTIONS:
        key, enough = roc.rate_key(far), far * (~same).sum() * (1 + 1e-12) >= 1
        assert (key in rates.tar, key in rates.thresholds, key in rates.refused) == (enough, enough, not enough)
        if enough:
            assert rates.tar[key] == pytest.approx(read_strictly(scores, same, far), abs=1e-12)
            assert rates.tar[key] == tar_at_far(scores[same], scores[~same], far) == (scores[same] >= rates.thresholds[key]).mean()
            assert (scores[~same] >= rates.thresholds[key]).mean() <= far * (1 + 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("digits", [2, 9])
@pytest.mark.parametrize("impostors", [99, 10_000, 300_000])
def test_both_readings_of_many_scores(dtype: type, digits: int, impostors: int) -> None:
    scores, same = made(500, impostors, seed=impostors, dtype=dtype, digits=digits)
    tar = accept_rates(scores, same).tar
    assert list(tar) == [f"{far:.0e}" for far in FARS if far * impostors >= 1]
    assert list(tar.values()) == pytest.approx([read_strictly(scores, same, far) for far in FARS][: len(tar)], abs=1e-12)
    assert list(nearest_tar_at_far(scores, same).values()) == as_insightface(scores, same, FARS)


@given(sets, st.sampled_from([FRACTIONS, *((far,) for far in (*FRACTIONS, 0.75, 0.33, 0.25, 0.15, 0.07))]))
@example(as_set(([0.95, 0.9, 0.5], [0.9, *[0.5] * 5], np.float64)), (0.15,))
@settings(max_examples=400, deadline=None)
def test_nearest_rates_are_insightfaces(pairs: Set, fars: tuple[float, ...]) -> None:
    for window in (1, 3, roc.WINDOW):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(roc, "WINDOW", window)
            assert list(nearest_tar_at_far(*pairs, fars).values()) == as_insightface(*pairs, fars)


@given(sets)
@settings(max_examples=100, deadline=None)
def test_the_drawn_curve_is_on_the_roc(pairs: Set) -> None:
    scores, same = pairs
    fpr, tpr, _ = roc_curve(same, scores, drop_intermediate=False)
    curve, points = np.stack([fpr, tpr], axis=1), roc_points(scores, same)
    assert all(np.abs(curve - point).max(1).min() < 1e-12 for point in points)
    assert points[-1] == (1, 1) and points[0][0] == pytest.approx(fpr[fpr > 0].min())
    assert (np.diff(points, axis=0) >= 0).all()


def test_the_drawn_curve_is_short() -> None:
    points = roc_points(*made(500, 100_000, seed=0))
    assert 0.5 * DRAWN < len(points) <= DRAWN + 1


def test_far_below_the_resolution_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"FAR 1e-04 needs at least 10,000 impostor pairs, got 3,000; ask for far >= 0.000333"):
        tar_at_far(np.ones(5), np.zeros(3000), 1e-4)
    rates = accept_rates(np.linspace(0, 1, 400), np.arange(400) % 4 == 0)
    assert list(rates.tar) == ["1e-01", "1e-02"]
    assert rates.refused["1e-06"] == "needs at least 1,000,000 impostor pairs, got 300"


@pytest.mark.parametrize("far", [0.0, -0.1, 1.1, float("nan")])
def test_impossible_rates_are_refused(far: float) -> None:
    for function in (accept_rates, nearest_tar_at_far):
        with pytest.raises(ValueError, match=r"far must be in \(0, 1\]"):
            function([0.1, 0.2], [True, False], (0.5, far))
    with pytest.raises(ValueError, match=r"far must be in \(0, 1\]"):
        tar_at_far([0.1], [0.2], far)


@pytest.mark.parametrize("function", [accept_rates, nearest_tar_at_far, roc_points])
def test_unusable_pairs_are_refused(function: Callable[..., object]) -> None:
    for same in (True, False):
        with pytest.raises(ValueError, match="both kinds of pairs are needed"):
            function([0.1, 0.2], [same, same])
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="scores must be finite"):
            function(np.array([0.1, wrong], np.float32), [True, False])


def test_rates_have_names_of_their_own() -> None:
    assert [roc.rate_key(far) for far in (1.0, 0.25, 0.2, 0.15, 0.1, *FARS[1:])] == [
        "1e+00", "2.5e-01", "2e-01", "1.5e-01", "1e-01", "1e-02", "1e-03", "1e-04", "1e-05", "1e-06",
    ]  # fmt: skip
