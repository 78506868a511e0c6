"""Intervals of true accept rates."""

import numpy as np

from facenas.data import Pairs
from facenas.eval.bootstrap import tar_intervals


def test_intervals_hold_the_rate_and_widen_with_fewer_people() -> None:
    rng, widths = np.random.default_rng(0), []
    for people in (200, 20):
        subjects = np.repeat(np.arange(people), 4)
        first, second = np.array([(4 * person + a, 4 * person + b) for person in range(people) for a, b in ((0, 1), (2, 3))]).T
        other = Pairs(np.concatenate([first, first]), np.concatenate([second, np.roll(second, 7)]), np.repeat([True, False], len(first)))
        scores = np.where(other.same, rng.random(len(other)), 0.0)
        found = tar_intervals(scores, {"1e-01": 0.5, "1e-02": 0.9}, other, subjects, seed=1)
        for key, threshold in (("1e-01", 0.5), ("1e-02", 0.9)):
            assert found[key].low < (scores[other.same] >= threshold).mean() < found[key].high
        widths.append(found["1e-01"].high - found["1e-01"].low)
        assert found == tar_intervals(scores, {"1e-01": 0.5, "1e-02": 0.9}, other, subjects, seed=1)
    assert 2 < widths[1] / widths[0] < 5  # the square root of ten
