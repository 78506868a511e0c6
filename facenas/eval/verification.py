"""1:1 verification: pairs of faces, the published ten-fold protocol and the ROC's summary."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facenas.data import FaceSet, Pairs, VerificationSet, subjects_of
from facenas.data.faces import Labels
from facenas.eval import bootstrap, metrics
from facenas.eval.benchmark import Curve
from facenas.eval.embed import Embeddings
from facenas.eval.extract import unit
from facenas.eval.pictures import Pictures, filed_pictures


@dataclass(frozen=True)
class Verification:
    """Result of a verification benchmark; rates are fractions.

    Attributes:
        accuracy: Mean accuracy over the folds, by the published protocol.
        std: Its population standard deviation over the folds.
        accuracy_low: Lower end of its 95 % interval, by resampling the people; None: not computed.
        accuracy_high: Its upper end.
        exact_accuracy: The same with the exactly best threshold of the other folds, instead of one of 400.
        exact_std: Its deviation.
        auc: Area under the ROC curve.
        eer: Equal error rate.
        tar_at_far: True accept rate by false accept rate, where there are enough impostor pairs.
        threshold_at_far: Least cosine that is accepted there.
        refused: Why there is no true accept rate at the other false accept rates.
        correct: Pairs decided correctly with the exact thresholds.
        pairs: Number of pairs.
    """

    accuracy: float
    std: float
    accuracy_low: float | None
    accuracy_high: float | None
    exact_accuracy: float
    exact_std: float
    auc: float
    eer: float
    tar_at_far: dict[str, float]
    threshold_at_far: dict[str, float]
    refused: dict[str, str]
    correct: int
    pairs: int

    @property
    def rates(self) -> dict[str, float]:
        """Accuracy."""
        return {"": self.accuracy}


@dataclass(frozen=True)
class PairBenchmark:
    """Pairs of pictures.

    Attributes:
        name: Of the benchmark.
        pictures: All of them, each once.
        pairs: Rows of the pictures, in contiguous folds.
        subjects: The person of each picture, (M,).
        remark: What is odd about it.
        replicates: Resamplings of the people.
        seed: Of these.
        rest: Other people of the same data set, whom baselines may learn from.
        faces: The pictures, where they are in memory.
    """

    name: str
    pictures: Pictures
    pairs: Pairs
    subjects: Labels
    remark: str = ""
    replicates: int = 0
    seed: int = 0
    rest: FaceSet | None = None
    faces: FaceSet | None = None

    def rows_of(self, saved: Embeddings, path: Path) -> Embeddings:
        """One embedding a picture; or two a pair, as the pictures are listed in a `.bin` file."""
        if len(saved) != 2 * len(self.pairs):
            return self.pictures.rows_of(saved, path, order=f" and {2 * len(self.pairs):,} in its pairs")
        values = np.empty((self.pictures.count, saved.shape[1]), np.float32)
        values[self.pairs.second], values[self.pairs.first] = saved[1::2], saved[::2]
        return values

    def measure(self, features: Embeddings) -> Verification:
        """Score the pairs and summarise."""
        return verify(features, self.pairs, subjects=self.subjects, replicates=self.replicates, seed=self.seed)

    def curves(self, features: Embeddings) -> dict[str, Curve]:
        """The ROC curve."""
        return {"roc": metrics.roc_points(pair_scores(unit(features), self.pairs), self.pairs.same)}


def pair_benchmark(images: VerificationSet, *, replicates: int, seed: int) -> PairBenchmark:
    """A benchmark that comes with its pairs."""
    subjects = subjects_of(images.pairs, images.count) if images.subjects is None else images.subjects
    pictures = filed_pictures(images.photographs, images.count)
    return PairBenchmark(images.name, pictures, images.pairs, subjects, images.remark, replicates, seed)


def pair_scores(embeddings: Embeddings, pairs: Pairs) -> metrics.Scores:
    """Cosine score of each pair, (P,), from unit embeddings (M, D)."""
    scores: metrics.Scores = np.einsum("pd,pd->p", embeddings[pairs.first], embeddings[pairs.second], dtype=np.float64)
    return scores
