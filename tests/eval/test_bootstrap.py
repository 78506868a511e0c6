"""Resampling of people against a slow loop, and on problems whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from facenas.data import Pairs
from facenas.eval import bootstrap
from facenas.eval.bootstrap import Decisions, Difference, accuracy_interval, difference

PEOPLE, EACH = 12, 3


def made(seed: int, pairs: int = 80) -> tuple[np.ndarray, np.ndarray, Pairs, np.ndarray]:
    rng = np.random.default_rng(seed)
    subjects = np.repeat(rng.permutation(1000)[:PEOPLE], EACH)
    first, second = rng.integers(len(subjects), size=(2, pairs))
    some = Pairs(first, second, subjects[first] == subjects[second])
    return rng.random(pairs) < 0.8, rng.random(pairs) < 0.7, some, subjects


def slow(values: np.ndarray, pairs: Pairs, subjects: np.ndarray, *, replicates: int, seed: int) -> list[float]:
    rng, names = np.random.default_rng(seed), sorted(set(subjects.tolist()))
    means = []
    for _ in range(replicates):
        times = dict(zip(names, rng.multinomial(len(names), np.full(len(names), 1 / len(names))).tolist(), strict=True))
        total, weight = 0.0, 0
        for value, i, j in zip(values.tolist(), pairs.first, pairs.second, strict=True):
            one, other = subjects[i], subjects[j]
            count = times[one] if one == other else times[one] * times[other]
            total, weight = total + count * value, weight + count
        if weight:
            means.append(total / weight)
    return means


def accuracy_difference(first: np.ndarray, second: np.ndarray, pairs: Pairs, subjects: np.ndarray, **options: int) -> Difference:
    return difference(*(Decisions("accuracy", right, pairs, subjects) for right in (first, second)), **options)


@pytest.mark.parametrize("at_once", [1, 300, 2**24])
@pytest.mark.parametrize("pairs", [2, 80])
def test_the_interval_is_the_slow_loops(at_once: int, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "AT_ONCE", at_once)
    right, _, some, subjects = made(0, pairs)
    found = accuracy_interval(right, some, subjects, replicates=60, seed=5)
    assert found == pytest.approx(np.quantile(slow(right, some, subjects, replicates=60, seed=5), [0.025, 0.975]))


def test_the_difference_is_the_slow_loops() -> None:
    first, second, pairs, subjects = made(1)
    found = accuracy_difference(first, second, pairs, subjects, replicates=60, seed=6)
    drawn = np.array(slow(first.astype(float) - second, pairs, subjects, replicates=60, seed=6))
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert found.interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]))
    assert found.p == pytest.approx(min(1, 2 * (1 + min((drawn <= 1e-12).sum(), (drawn >= -1e-12).sum())) / 61))
    assert 1 / 61 < found.p < 1


def test_the_difference_the_other_way_round_is_its_negative() -> None:
    first, second, pairs, subjects = made(2)
    one, other = accuracy_difference(first, second, pairs, subjects), accuracy_difference(second, first, pairs, subjects)
    assert (one.value, one.interval.low, one.interval.high) == pytest.approx((-other.value, -other.interval.high, -other.interval.low))
    assert one.p == other.p


def test_the_seed_decides() -> None:
    right, _, pairs, subjects = made(3)
    assert accuracy_interval(right, pairs, subjects, seed=1) == accuracy_interval(right, pairs, subjects, seed=1)
    assert accuracy_interval(right, pairs, subjects, seed=1) != accuracy_interval(right, pairs, subjects, seed=2)


def test_a_model_against_itself_does_not_differ() -> None:
    right, _, pairs, subjects = made(4)
    assert accuracy_difference(right, right, pairs, subjects) == (0.0, (0.0, 0.0), 1.0)


def test_a_model_that_is_always_right_has_no_spread() -> None:
    _, _, pairs, subjects = made(5)
    assert accuracy_interval(np.ones(len(pairs), bool), pairs, subjects) == (1.0, 1.0)


def test_clearly_different_models_have_a_small_p_and_alike_ones_have_not() -> None:
    _, _, pairs, subjects = made(6, 2000)
    rng = np.random.default_rng(7)
    good, bad, as_good = (rng.random(2000) < rate for rate in (0.95, 0.75, 0.95))
    better, worse, alike = (accuracy_difference(*two, pairs, subjects) for two in ((good, bad), (bad, good), (good, as_good)))
    assert better.p < 0.01 and worse.p < 0.01 and better.interval.low > 0 > worse.interval.high
    assert alike.p > 0.05 and alike.interval.low < 0 < alike.interval.high


def test_the_interval_holds_the_truth_where_people_differ_in_difficulty() -> None:
    """Genuine pairs, ten a person, who is recognised with a rate of his own: the truth is the mean over all people."""
    rng, people, held, plain = np.random.default_rng(8), 60, 0, 0
    pairs = Pairs(np.arange(people * 10) * 2, np.arange(people * 10) * 2 + 1, np.ones(people * 10, bool))
    subjects = np.repeat(np.arange(people), 20)
    for trial in range(200):
        right = rng.random(people * 10) < np.repeat(rng.choice([0.95, 0.45], people), 10)
        low, high = accuracy_interval(right, pairs, subjects, replicates=200, seed=trial)
        held += low <= 0.7 <= high
        error = 1.96 * right.std() / len(right) ** 0.5
        plain += abs(right.mean() - 0.7) <= error
    assert 0.9 <= held / 200 <= 0.99
    assert plain / 200 < 0.85  # pairs taken for independent


def test_what_was_not_asked_alike_is_not_compared() -> None:
    first, second, pairs, subjects = made(3)
    one = Decisions("accuracy", first, pairs, subjects, ("a",))
    for other in (one._replace(names=("b",)), one._replace(subjects=subjects + 1), one._replace(pairs=replace(pairs, same=~pairs.same))):
        assert not one.comparable(other)
        with pytest.raises(ValueError, match="asked different questions"):
            difference(one, other)
    assert one.comparable(one._replace(right=second))
