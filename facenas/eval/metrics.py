"""Verification metrics in NumPy. Scores are similarities: a pair is accepted if its score is at least the threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class FoldAccuracy:
    """Accuracy of pairs of faces, fold by fold.

    Attributes:
        folds: Accuracy on each fold, fractions, shape (F,).
        thresholds: Threshold used on each fold, chosen on the others, shape (F,).
        right: Whether each pair is decided correctly, shape (P,).
    """

    folds: tuple[float, ...]
    thresholds: tuple[float, ...]
    right: Flags = field(compare=False, repr=False)

    @property
    def correct(self) -> int:
        """Correctly decided pairs over all folds."""
        return int(self.right.sum())

    @property
    def total(self) -> int:
        """Pairs over all folds."""
        return len(self.right)

    @property
    def mean(self) -> float:
        """Mean of the folds' accuracies."""
        return float(np.mean(self.folds))

    @property
    def std(self) -> float:
        """Population standard deviation (ddof 0) of the folds' accuracies, as the field reports it."""
        return float(np.std(self.folds))


def verification_accuracy(scores: ArrayLike, same: ArrayLike, folds: int = 10) -> FoldAccuracy:
    """Accuracy on each of the contiguous folds at the threshold that is best on the other folds.

    Candidate thresholds are the midpoints between neighbouring scores of the other folds, and one beyond either end; of
    several best ones the lowest is taken. So no grid limits the choice and any increasing function of the scores, up to the
    place of the midpoints, gives the same result.

    Args:
        scores: Similarity of each pair, shape (P,).
        same: Whether the pair shows one person, shape (P,).
        folds: Number of contiguous blocks.

    Raises:
        ValueError: If shapes differ, a score is not finite, or there are fewer pairs than folds.

    Source: Huang et al., "Labeled Faces in the Wild", 2007, the "unrestricted" protocol: ten folds, threshold from nine.
    """
    values, flags = _checked(scores, same)
    if not 2 <= folds <= len(values):
        raise ValueError(f"folds must be between 2 and the number of pairs, got {folds} folds and {len(values)} pairs")
    blocks = np.array_split(np.arange(len(values)), folds)
    thresholds, right = [], []
    for block in blocks:
        others = np.ones(len(values), dtype=bool)
        others[block] = False
        threshold = best_threshold(values[others], flags[others])
        thresholds.append(threshold)
        right.append((values[block] >= threshold) == flags[block])
    return FoldAccuracy(tuple(int(fold.sum()) / len(fold) for fold in right), tuple(thresholds), np.concatenate(right))


def best_threshold(scores: ArrayLike, same: ArrayLike) -> float:
    """The lowest of the thresholds with the most correct decisions: midpoints of neighbouring scores, or beyond either end."""
    values, flags = _checked(scores, same)
    distinct, place = np.unique(values, return_inverse=True)
    genuine = np.bincount(place, flags)
    impostor = np.bincount(place, ~flags)
    rejected_impostors = np.concatenate([[0], np.cumsum(impostor)])  # below the k-th distinct score
    rejected_genuine = np.concatenate([[0], np.cumsum(genuine)])
    best = int(np.argmax(rejected_impostors - rejected_genuine))
    if best == 0:
        return float(np.nextafter(distinct[0], -np.inf))
    if best == len(distinct):
        return float(np.nextafter(distinct[-1], np.inf))
    below, above = float(distinct[best - 1]), float(distinct[best])
    middle = below + (above - below) / 2
    return middle if middle > below else above


def auc(scores: ArrayLike, same: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a genuine pair scores higher than an impostor pair, ties counting half.

    Raises:
        ValueError: If either kind is missing.
    """
    values, flags = _checked(scores, same)
    genuine, impostor = values[flags], np.sort(values[~flags])
    _need_both(genuine, impostor)
    below, upto = np.searchsorted(impostor, genuine, "left"), np.searchsorted(impostor, genuine, "right")
    return float((below + upto).sum() / (2 * len(genuine) * len(impostor)))


def eer(scores: ArrayLike, same: ArrayLike) -> float:
    """Equal error rate: where false accept and false reject rates cross, linear between neighbouring thresholds.

    Raises:
        ValueError: If either kind is missing.
    """
    values, flags = _checked(scores, same)
    genuine, impostor = np.sort(values[flags]), np.sort(values[~flags])
    _need_both(genuine, impostor)
    thresholds = np.append(np.unique(values), np.inf)
    accepted = 1 - np.searchsorted(impostor, thresholds, "left") / len(impostor)
    rejected = np.searchsorted(genuine, thresholds, "left") / len(genuine)
    crossing = int(np.argmax(rejected >= accepted))
    if crossing == 0:
        return float((accepted[0] + rejected[0]) / 2)
    before, after = (accepted - rejected)[[crossing - 1, crossing]]
    share = before / (before - after)
    return float(accepted[crossing - 1] + share * (accepted[crossing] - accepted[crossing - 1]))


def tar_at_far(genuine: ArrayLike, impostor: ArrayLike, far: float) -> float:
    """True accept rate at the loosest threshold whose false accept rate is at most `far`.

    Args:
        genuine: Scores of same-identity pairs, shape (G,).
        impostor: Scores of different-identity pairs, shape (I,).
        far: Target false accept rate, a fraction in (0, 1].

    Raises:
        ValueError: If there are too few impostor pairs to measure `far`.
    """
    same, different = _finite(genuine), _finite(impostor)
    _need_both(same, different)
    if not 0 < far <= 1:
        raise ValueError(f"far must be in (0, 1], got {far:g}")
    allowed = int(np.floor(far * len(different) * (1 + 1e-12)))
    if allowed == 0:
        raise ValueError(
            f"FAR {far:.0e} needs at least {int(np.ceil(1 / far)):,} impostor pairs, got {len(different):,}; "
            f"ask for far >= {1 / len(different):.3g}"
        )
    if allowed == len(different):
        return 1.0
    strictest_false_accept = np.partition(different, len(different) - allowed - 1)[len(different) - allowed - 1]
    return float((same > strictest_false_accept).mean())


def tar_at_fars(scores: ArrayLike, same: ArrayLike, fars: Sequence[float] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)) -> dict[str, float]:
    """`tar_at_far` at each rate that the impostor pairs suffice to measure, keyed like `1e-03`."""
    values, flags = _checked(scores, same)
    measurable = [far for far in fars if far * (~flags).sum() * (1 + 1e-12) >= 1]
    return {f"{far:.0e}": tar_at_far(values[flags], values[~flags], far) for far in measurable}


def _checked(scores: ArrayLike, same: ArrayLike) -> tuple[Scores, Flags]:
    values, flags = _finite(scores), np.asarray(same).astype(bool)
    if values.shape != flags.shape or not len(values):
        raise ValueError(f"scores and same need one equal, non-empty shape (P,), got {values.shape} and {flags.shape}")
    return values, flags


def _finite(scores: ArrayLike) -> Scores:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"scores must be finite numbers of shape (P,), got shape {values.shape} with {(~np.isfinite(values)).sum()} non-finite"
        )
    return values


def _need_both(genuine: Scores, impostor: Scores) -> None:
    if not len(genuine) or not len(impostor):
        raise ValueError(f"both kinds of pairs are needed, got {len(genuine)} genuine and {len(impostor)} impostor pairs")
