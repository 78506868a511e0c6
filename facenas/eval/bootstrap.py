"""Confidence intervals by resampling people: pairs of one person are not independent, people are."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facenas.data import Pairs
from facenas.data.faces import Labels
from facenas.eval.scores import Flags, Scores

LEVEL = 0.95
AT_ONCE = 2**24  # weights held in memory


class Interval(NamedTuple):
    """A 95 % confidence interval: the middle 95 % of the resamplings, as fractions."""

    low: float
    high: float


class Decisions(NamedTuple):
    """A model's answers to a benchmark's questions.

    Attributes:
        rate: Name of the share of right answers, for example `rank 1`.
        right: Whether each question is answered correctly, (P,).
        pairs: What each question is about: two pictures or templates, or one twice, by row.
        subjects: The person of each row, (M,).
        names: Names of the people, where the benchmark tells them.
    """

    rate: str
    right: Flags
    pairs: Pairs
    subjects: Labels
    names: tuple[str, ...] = ()

    def comparable(self, other: "Decisions") -> bool:
        """Whether another model was asked the same questions."""
        ours, theirs = ((one.pairs.first, one.pairs.second, one.pairs.same, one.subjects) for one in (self, other))
        return self.names == other.names and all(np.array_equal(*both) for both in zip(ours, theirs, strict=True))


class Difference(NamedTuple):
    """How much more often the first of two models is right, on the same questions.

    Attributes:
        value: Difference of the rates, a fraction.
        interval: 95 % interval of the difference; from -1 to 1 where no resampling draws a question.
        p: Two-sided p-value of the hypothesis that there is no difference.
    """

    value: float
    interval: Interval
    p: float


def accuracy_interval(right: Flags, pairs: Pairs, subjects: Labels, *, replicates: int = 1000, seed: int = 0) -> Interval | None:
    """Interval of the share of pairs that are decided correctly.

    A resampling draws as many people as there are, with replacement. A pair counts as often as both its people were drawn together: the
    product of their numbers for two people, their number for one. The decisions are not taken anew.

    Args:
        right: Whether each pair is decided correctly, (P,).
        pairs: Rows of the two pictures of each pair; P pairs.
        subjects: The person of each picture, (M,).
        replicates: Number of resamplings.
        seed: Seed of the resamplings.

    Returns:
        The interval; None if no resampling draws a pair.

    Source: the subsets bootstrap of Bolle, Ratha, Pankanti, "Error analysis of pattern recognition systems", 2004.
    """
    return _interval(_resampled(right[:, None].astype(np.float64), pairs, subjects, replicates=replicates, seed=seed)[:, 0])


def tar_intervals(
    scores: Scores, thresholds: Mapping[str, float], pairs: Pairs, subjects: Labels, *, replicates: int = 1000, seed: int = 0
) -> dict[str, Interval | None]:
    """Intervals of the true accept rates at fixed thresholds, by resampling people as in `accuracy_interval`.

    Args:
        scores: Similarity of each pair, shape (P,).
        thresholds: Least score that is accepted, by the name of its rate.
        pairs: Rows of the two pictures of each pair, and whether it is genuine; P pairs.
        subjects: The person of each picture, shape (M,).
        replicates: Number of resamplings.
        seed: Seed of the resamplings.

    Returns:
        The interval of each rate, by the names of `thresholds`; None if no resampling draws a genuine pair.
    """
    genuine = Pairs(pairs.first[pairs.same], pairs.second[pairs.same], pairs.same[pairs.same])
    accepted = scores[pairs.same, None] >= np.array([*thresholds.values()])
    drawn = _resampled(accepted.astype(np.float64), genuine, subjects, replicates=replicates, seed=seed)
    return {key: _interval(drawn[:, column]) for column, key in enumerate(thresholds)}


def difference(first: Decisions, second: Decisions, *, replicates: int = 1000, seed: int = 0) -> Difference:
    """The rate of the first model less that of the second, with both resampled together, as in `accuracy_interval`.

    Args:
        first: Answers of one model.
        second: Answers of another model to the same questions.
        replicates: Number of resamplings.
        seed: Seed of the resamplings.

    Raises:
        ValueError: If the two were not asked the same questions.
    """
    if not first.comparable(second):
        raise ValueError("the two models were asked different questions; measure them on the same data and people")
    gain = first.right.astype(np.float64) - second.right
    drawn = _resampled(gain[:, None], first.pairs, first.subjects, replicates=replicates, seed=seed)[:, 0]
    tail = 1 + min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return Difference(float(gain.mean()), _interval(drawn) or Interval(-1.0, 1.0), min(1.0, 2 * tail / (len(drawn) + 1)))


def _resampled(values: NDArray[np.float64], pairs: Pairs, subjects: Labels, *, replicates: int, seed: int) -> NDArray[np.float64]:
    """Weighted means (R, K) of values (P, K) over the resamplings; those that draw no pair are left out."""
    rng, (names, people) = np.random.default_rng(seed), np.unique(subjects, return_inverse=True)
    first, second = people[pairs.first], people[pairs.second]
    parts, step = [], max(1, AT_ONCE // len(first))
    for start in range(0, replicates, step):
        count = min(step, replicates - start)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)
        weights = drawn[:, first] * np.where(first == second, 1, drawn[:, second])
        total = weights.sum(1)
        parts.append((weights @ values)[total > 0] / total[total > 0, None])
    return np.concatenate(parts)


def _interval(drawn: NDArray[np.float64]) -> Interval | None:
    if not len(drawn):
        return None
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
