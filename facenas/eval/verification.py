"""1:1 verification of a face set: the ten-fold protocol and the ROC's summary."""

from dataclasses import dataclass

import numpy as np

from facenas.data import Pairs
from facenas.eval import metrics
from facenas.eval.embed import Embeddings


@dataclass(frozen=True)
class Verification:
    """Result of a verification benchmark; rates are fractions.

    Attributes:
        accuracy: Mean accuracy over the folds.
        std: Its population standard deviation over the folds.
        auc: Area under the ROC curve.
        eer: Equal error rate.
        tar_at_far: True accept rate by false accept rate, where there are enough impostor pairs.
        correct: Correctly decided pairs over all folds.
        pairs: Number of pairs.
    """

    accuracy: float
    std: float
    auc: float
    eer: float
    tar_at_far: dict[str, float]
    correct: int
    pairs: int


def pair_scores(embeddings: Embeddings, pairs: Pairs) -> metrics.Scores:
    """Cosine score of each pair, (P,), from unit embeddings (M, D)."""
    scores: metrics.Scores = np.einsum("pd,pd->p", embeddings[pairs.first], embeddings[pairs.second], dtype=np.float64)
    return scores


def verify(embeddings: Embeddings, pairs: Pairs) -> Verification:
    """Score the pairs and summarise."""
    scores = pair_scores(embeddings, pairs)
    accuracy = metrics.verification_accuracy(scores, pairs.same)
    return Verification(
        accuracy=accuracy.mean,
        std=accuracy.std,
        auc=metrics.auc(scores, pairs.same),
        eer=metrics.eer(scores, pairs.same),
        tar_at_far=metrics.tar_at_fars(scores, pairs.same),
        correct=accuracy.correct,
        pairs=accuracy.total,
    )
