"""Verification metrics in NumPy. Scores are similarities: a pair is accepted if its score is at least the threshold."""

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from facenas.eval.scores import Flags, checked, need_both

GRID = np.arange(0, 4, 0.01)  # the published protocol's thresholds on the squared distance


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
    values, flags = checked(scores, same)
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


def published_accuracy(distances: ArrayLike, same: ArrayLike, folds: int = 10) -> FoldAccuracy:
    """Accuracy on each of the contiguous folds at the threshold, one of 400, that is best on the other folds; the lowest of several.

    Args:
        distances: Squared Euclidean distance of each pair's unit embeddings, shape (P,); below the threshold is one person.
        same: Whether the pair shows one person, shape (P,).
        folds: Number of contiguous blocks.

    Raises:
        ValueError: If shapes differ, a distance is not finite, or there are fewer pairs than folds.

    Source: the code of the field (arcface_torch's and AdaFace's `verification.py`), in which `calculate_roc` goes through the thresholds
    0, 0.01, ..., 3.99; the thresholds here are those of the distance.
    """
    values, flags = checked(distances, same)
    if not 2 <= folds <= len(values):
        raise ValueError(f"folds must be between 2 and the number of pairs, got {folds} folds and {len(values)} pairs")
    first = np.searchsorted(GRID, values, "right")  # the first threshold that accepts a pair
    blocks = np.array_split(np.arange(len(values)), folds)
    counts = np.stack([np.bincount(first[block], np.where(flags[block], 1, -1), len(GRID) + 1) for block in blocks])[:, :-1]
    gained = counts.cumsum(1)  # genuine pairs accepted less impostor pairs accepted, by fold and threshold
    thresholds = GRID[(gained.sum(0) - gained).argmax(1)]
    right = [(values[block] < threshold) == flags[block] for block, threshold in zip(blocks, thresholds, strict=True)]
    return FoldAccuracy(tuple(int(fold.sum()) / len(fold) for fold in right), tuple(thresholds.tolist()), np.concatenate(right))


def best_threshold(scores: ArrayLike, same: ArrayLike) -> float:
    """The lowest of the thresholds with the most correct decisions: midpoints of neighbouring scores, or beyond either end.

    Args:
        scores: Similarity of each pair, shape (P,).
        same: Whether the pair shows one person, shape (P,).

    Raises:
        ValueError: If shapes differ, there are no pairs, or a score is not finite.
    """
    values, flags = checked(scores, same)
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

    Args:
        scores: Similarity of each pair, shape (P,).
        same: Whether the pair shows one person, shape (P,).

    Raises:
        ValueError: If either kind is missing.
    """
    values, flags = checked(scores, same)
    genuine, impostor = values[flags], np.sort(values[~flags])
    need_both(genuine, impostor)
    below, upto = np.searchsorted(impostor, genuine, "left"), np.searchsorted(impostor, genuine, "right")
    return float((below + upto).sum() / (2 * len(genuine) * len(impostor)))


def eer(scores: ArrayLike, same: ArrayLike) -> float:
    """Equal error rate: where false accept and false reject rates cross, linear between neighbouring thresholds.

    Args:
        scores: Similarity of each pair, shape (P,).
        same: Whether the pair shows one person, shape (P,).

    Raises:
        ValueError: If either kind is missing.
    """
    values, flags = checked(scores, same)
    genuine, impostor = np.sort(values[flags]), np.sort(values[~flags])
    need_both(genuine, impostor)

    def rates(threshold: float) -> tuple[float, float]:
        return float(1 - np.searchsorted(impostor, threshold) / len(impostor)), float(np.searchsorted(genuine, threshold) / len(genuine))

    def crossed(score: float) -> bool:
        accepted, rejected = rates(score)
        return rejected >= accepted

    places = [(side, bisect_left(side, True, key=crossed)) for side in (genuine, impostor)]
    after = min((side[place] for side, place in places if place < len(side)), default=np.inf)
    before = max(side[below - 1] for side in (genuine, impostor) if (below := np.searchsorted(side, after)))
    (accepted, rejected), (accepted_after, rejected_after) = rates(before), rates(after)
    share = (accepted - rejected) / (accepted - rejected - accepted_after + rejected_after)
    return float(accepted + share * (accepted_after - accepted))
