"""Accept rates against scikit-learn's curve, read as the definitions say."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from facenas.eval import roc
from facenas.eval.metrics import eer
from facenas.eval.roc import accept_rates, nearest_tar_at_far, roc_points, tar_at_far

FARS = (1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02)
coarse = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=3, max_size=150)
fine = st.tuples(st.integers(0, 2**32), st.integers(3, 400), st.sampled_from([3, 20, 1000]), st.floats(0.02, 0.98)).map(
    lambda made: [*zip(*_drawn(*made), strict=True)]
)


def _drawn(seed: int, count: int, levels: int, share: float) -> tuple[list[float], list[bool]]:
    rng = np.random.default_rng(seed)
    same = rng.random(count) < share
    return (np.round((rng.normal(0, 1, count) + same) * levels) / levels).tolist(), same.tolist()


def both_kinds(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    scores, same = np.array([score for score, _ in pairs], np.float64), np.array([flag for _, flag in pairs])
    assume(0 < same.sum() < len(same))
    return scores, same


def reference_pick(scores: np.ndarray, same: np.ndarray, far: float) -> float:
    fpr, tpr, _ = roc_curve(same, scores)
    fpr, tpr = np.flipud(fpr), np.flipud(tpr)
    _, place = min(zip(abs(fpr - far), range(len(fpr)), strict=True))
    return float(tpr[place])


@pytest.mark.parametrize("window", [1, 4, 1024])
@given(pairs=coarse | fine)
@settings(max_examples=150, deadline=None)
def test_nearest_is_the_reference_codes_pick(window: int, pairs: list[tuple[float, bool]]) -> None:
    scores, same = both_kinds(pairs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roc, "WINDOW", window)
        found = nearest_tar_at_far(scores, same, FARS)
        one_by_one = {key: value for far in FARS for key, value in nearest_tar_at_far(scores, same, [far]).items()}
    measurable = [far for far in FARS if far * (~same).sum() >= 1]
    assert found == one_by_one == {f"{far:.0e}": reference_pick(scores, same, far) for far in measurable}


@given(coarse | fine)
@settings(max_examples=150, deadline=None)
def test_rates_never_exceed_and_their_thresholds_give_them(pairs: list[tuple[float, bool]]) -> None:
    scores, same = both_kinds(pairs)
    fpr, tpr, _ = roc_curve(same, scores, drop_intermediate=False)
    rates = accept_rates(scores, same, FARS)
    assert set(rates.tar) | set(rates.refused) == {f"{far:.0e}" for far in FARS}
    for far in FARS:
        key = f"{far:.0e}"
        if key in rates.refused:
            assert far * (~same).sum() < 1
            continue
        accepted = scores >= rates.thresholds[key]
        assert accepted[~same].mean() <= far + 1e-12
        assert rates.tar[key] == accepted[same].mean() == pytest.approx(tpr[fpr <= far + 1e-12].max(), abs=1e-12)
        assert rates.tar[key] == tar_at_far(scores[same], scores[~same], far)


def test_the_nearest_corner_may_exceed_the_rate() -> None:
    scores = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1])
    same = np.array([True, False, False, True, False, False, False, False, True])
    assert accept_rates(scores, same, [0.3]).tar == {"3e-01": pytest.approx(1 / 3)}
    assert nearest_tar_at_far(scores, same, [0.3]) == {"3e-01": pytest.approx(2 / 3)}  # two of six impostors


def test_single_and_double_precision_agree() -> None:
    rng = np.random.default_rng(0)
    same = rng.random(20_000) < 0.05
    scores = (rng.normal(0, 1, 20_000) + 2 * same).astype(np.float32)
    assert accept_rates(scores, same).tar == accept_rates(scores.astype(np.float64), same).tar
    assert nearest_tar_at_far(scores, same) == nearest_tar_at_far(scores.astype(np.float64), same)
    assert [*nearest_tar_at_far(scores, same)] == ["1e-01", "1e-02", "1e-03", "1e-04"]  # 1e-05 needs 100,000 impostors


@given(coarse | fine)
@settings(max_examples=150, deadline=None)
def test_eer_is_where_the_rates_cross(pairs: list[tuple[float, bool]]) -> None:
    scores, same = both_kinds(pairs)
    before = (1.0, 0.0)
    for threshold in [*sorted(set(scores)), np.inf]:
        accepted, rejected = (scores[~same] >= threshold).mean(), (scores[same] < threshold).mean()
        if rejected >= accepted:
            break
        before = (accepted, rejected)
    share = (before[0] - before[1]) / (before[0] - before[1] + rejected - accepted)
    assert eer(scores, same) == pytest.approx(before[0] + share * (accepted - before[0]), abs=1e-12)


def test_the_drawn_curve_lies_on_the_roc() -> None:
    rng = np.random.default_rng(1)
    same = rng.random(5000) < 0.1
    scores = rng.normal(0, 1, 5000) + same
    fpr, tpr, _ = roc_curve(same, scores, drop_intermediate=False)
    points = roc_points(scores, same)
    assert {(round(far, 9), round(tar, 9)) for far, tar in points} <= {
        (round(far, 9), round(tar, 9)) for far, tar in zip(fpr, tpr, strict=True)
    }
    assert points == sorted(points)


@pytest.mark.parametrize("metric", [accept_rates, nearest_tar_at_far, roc_points, eer])
@pytest.mark.parametrize(
    ("scores", "same", "reason"),
    [
        ([0.1, float("nan")], [True, False], "1 non-finite"),
        ([0.1, float("inf")], [True, False], "1 non-finite"),
        ([], [], "non-empty"),
        ([0.1, 0.2, 0.3], [True, False], "equal"),
        ([0.1, 0.2], [True, True], "2 genuine and 0 impostor"),
        ([0.1, 0.2], [False, False], "0 genuine and 2 impostor"),
    ],
)
def test_unusable_scores_are_refused(metric, scores, same, reason) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=reason):
        metric(scores, same)
