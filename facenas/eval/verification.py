"""1:1 verification: pairs of faces, the published ten-fold protocol and the ROC's summary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facenas.data import FaceSet, Pairs, VerificationSet, subjects_of
from facenas.data.benchmarks.verification_set import FOLDS
from facenas.data.faces import Labels
from facenas.eval import bootstrap, metrics, roc
from facenas.eval.benchmark import Curve
from facenas.eval.bootstrap import Decisions
from facenas.eval.embed import Embeddings
from facenas.eval.extraction import unit
from facenas.eval.pictures import Pictures, filed_pictures, there
from facenas.eval.resolution import in_words, least_difference
from facenas.eval.result_table import ResultTable
from facenas.eval.scores import Scores, check_kinds
from facenas.words import percent

AT_ONCE = 2**8  # pairs whose embeddings are copied at a time


@dataclass(frozen=True)
class Verification:
    """Result of a verification benchmark; rates are fractions.

    Attributes:
        accuracy: Mean accuracy over the folds, by the published protocol.
        std: Population standard deviation (ddof 0) of that accuracy over the folds.
        accuracy_low: Lower end of its 95 % interval, by resampling the people; None: not computed.
        accuracy_high: Upper end of the same interval.
        exact_accuracy: Mean accuracy with the exactly best threshold of the other folds, instead of one of 400.
        exact_std: Population standard deviation of the exact accuracy over the folds.
        auc: Area under the ROC curve.
        eer: Equal error rate.
        tar_at_far: True accept rate by false accept rate, where there are enough impostor pairs.
        tar_interval: 95 % interval of each true accept rate, at its threshold.
        threshold_at_far: Least cosine that is accepted there.
        refused: Why there is no true accept rate at the other false accept rates.
        correct: Pairs decided correctly by the published protocol.
        pairs: Number of pairs.
        least_difference: Least difference of two models' accuracies that as many pairs tell from chance.
        left_out: Pairs of which a picture is missing or unreadable.
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
    tar_interval: dict[str, tuple[float, float]]
    threshold_at_far: dict[str, float]
    refused: dict[str, str]
    correct: int
    pairs: int
    least_difference: float
    left_out: dict[str, int]

    @property
    def rates(self) -> dict[str, float]:
        """The headline figure: mean accuracy over the folds."""
        return {"": self.accuracy}

    def rows(self, title: str, others: Mapping[str, "Verification"]) -> ResultTable:
        """The result as a table, one recogniser a row.

        Args:
            title: Name of the benchmark.
            others: Results of other recognisers on the same pairs, by their names.
        """
        folds = "ten folds" if self.pairs >= FOLDS else f"{self.pairs} folds"
        columns = ["recogniser", "accuracy", "AUC", "EER", *(f"TAR@FAR {far}" for far in self.tar_at_far)]
        rows = [[name, *one._line(list(self.tar_at_far))] for name, one in {"this model": self, **others}.items()]
        return ResultTable(columns, rows, f"{title}: {self.pairs} pairs, {folds}", in_words(self.correct, self.pairs))

    def _line(self, fars: list[str]) -> list[str]:
        low, high = self.accuracy_low, self.accuracy_high
        between = "" if low is None or high is None else f" [{percent(low)[:-2]}, {percent(high)[:-2]}]"
        accuracy = f"{percent(self.accuracy)} +- {percent(self.std)}{between}"
        return [accuracy, f"{self.auc:.4f}", percent(self.eer), *(percent(self.tar_at_far[far]) for far in fars)]


@dataclass(frozen=True)
class PairBenchmark:
    """A benchmark of pairs of pictures.

    Attributes:
        name: Name of the benchmark.
        pictures: All pictures of the pairs, each once.
        pairs: Rows of the two pictures of each pair, in contiguous folds.
        subjects: The person of each picture, (M,).
        remark: What is odd about the benchmark, "" if nothing is.
        replicates: Resamplings of the people for confidence intervals; 0: none.
        seed: Seed of the resamplings.
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
        """Embeddings (M, D) of the pictures from a file: one a picture, or two a pair, as the pictures are listed in a `.bin` file.

        Args:
            saved: Embeddings (M, D) or (2P, D) as they were read from the file.
            path: The file, for the message.

        Raises:
            DataError: If there are as many neither as pictures nor as sides of pairs.
        """
        if len(saved) != 2 * len(self.pairs):
            return self.pictures.rows_of(saved, path, order=f" and {2 * len(self.pairs):,} in its pairs")
        values = np.empty((self.pictures.count, saved.shape[1]), np.float32)
        values[self.pairs.second], values[self.pairs.first] = saved[1::2], saved[::2]
        return values

    def measure(self, features: Embeddings) -> Verification:
        """Score the pairs and summarise."""
        pairs = self._answered(features)
        result = verify(features, pairs, subjects=self.subjects, replicates=self.replicates, seed=self.seed)
        left_out = len(self.pairs) - len(pairs)
        return replace(result, left_out={"pairs": left_out} if left_out else {})

    def decisions(self, features: Embeddings) -> list[Decisions]:
        """Whether each pair is decided correctly, by the published protocol."""
        pairs = self._answered(features)
        right = metrics.published_accuracy(squared_distances(unit(features), pairs), pairs.same, _folds(pairs)).right
        return [Decisions("accuracy", right, pairs, self.subjects, tuple(self.faces.names) if self.faces else ())]

    def curves(self, features: Embeddings) -> dict[str, Curve]:
        """The ROC curve."""
        pairs = self._answered(features)
        return {"roc": roc.roc_points(pair_scores(unit(features), pairs), pairs.same)}

    def _answered(self, features: Embeddings) -> Pairs:
        """The pairs of which both pictures could be read."""
        known = there(features)
        if known.all():
            return self.pairs
        pairs, both = self.pairs, known[self.pairs.first] & known[self.pairs.second]
        check_kinds(pairs.same[both], f"{self.name} without the pictures that are missing")
        return Pairs(pairs.first[both], pairs.second[both], pairs.same[both])


def pair_benchmark(images: VerificationSet, *, replicates: int, seed: int, most_missing: float = 0) -> PairBenchmark:
    """A benchmark of pairs that come with their pictures, ready to be run.

    Args:
        images: The pictures and their pairs.
        replicates: Resamplings of the people for confidence intervals; 0: none.
        seed: Seed of the resamplings.
        most_missing: Share of the pictures that may be missing or unreadable, a fraction.

    Raises:
        DataError: If these are all genuine, or all impostors.
    """
    check_kinds(images.pairs.same, images.name)
    subjects = subjects_of(images.pairs, images.count) if images.subjects is None else images.subjects
    pictures = filed_pictures(images.photographs, images.count, most_missing)
    return PairBenchmark(images.name, pictures, images.pairs, subjects, images.remark, replicates, seed)


def _folds(pairs: Pairs) -> int:
    """Ten, or as many as there are pairs."""
    return min(FOLDS, len(pairs))


def pair_scores(embeddings: Embeddings, pairs: Pairs) -> Scores:
    """Cosine score of each pair, shape (P,).

    Args:
        embeddings: Embeddings of the pictures, of unit length, shape (M, D).
        pairs: Rows of the two pictures of each pair; P pairs.
    """
    return _of_pairs(lambda first, second: np.einsum("pd,pd->p", first, second, dtype=np.float64), embeddings, pairs)


def squared_distances(embeddings: Embeddings, pairs: Pairs) -> Scores:
    """Squared Euclidean distance of each pair, shape (P,).

    Args:
        embeddings: Embeddings of the pictures, of unit length, shape (M, D).
        pairs: Rows of the two pictures of each pair; P pairs.
    """

    def distance(first: Embeddings, second: Embeddings) -> Scores:
        first -= second
        result: Scores = np.einsum("pd,pd->p", first, first)
        return result

    return _of_pairs(distance, embeddings, pairs)


def _of_pairs(function: Callable[[Embeddings, Embeddings], Scores], embeddings: Embeddings, pairs: Pairs) -> Scores:
    """A function of copies of both sides (B, D), some pairs at a time."""
    blocks = [slice(start, start + AT_ONCE) for start in range(0, len(pairs), AT_ONCE)]
    return np.concatenate([function(embeddings[pairs.first[block]], embeddings[pairs.second[block]]) for block in blocks])


def verify(features: Embeddings, pairs: Pairs, *, subjects: Labels, replicates: int = 0, seed: int = 0) -> Verification:
    """Score pairs of pictures by the cosine of their embeddings, and summarise.

    Args:
        features: Raw embeddings of the pictures, shape (M, D).
        pairs: Rows of the two pictures of each pair; P pairs.
        subjects: The person of each picture, (M,).
        replicates: Resamplings of the people for the interval; 0: none.
        seed: Seed of the resamplings.

    Fewer than ten pairs make as many folds.
    """
    embeddings = unit(features)
    scores = pair_scores(embeddings, pairs)
    published = metrics.published_accuracy(squared_distances(embeddings, pairs), pairs.same, _folds(pairs))
    exact, rates = metrics.verification_accuracy(scores, pairs.same, _folds(pairs)), roc.accept_rates(scores, pairs.same)
    interval, of_tar = None, dict[str, bootstrap.Interval | None]()
    if replicates:
        interval = bootstrap.accuracy_interval(published.right, pairs, subjects, replicates=replicates, seed=seed)
        of_tar = bootstrap.tar_intervals(scores, rates.thresholds, pairs, subjects, replicates=replicates, seed=seed)
    return Verification(
        accuracy=published.mean,
        std=published.std,
        accuracy_low=interval.low if interval else None,
        accuracy_high=interval.high if interval else None,
        exact_accuracy=exact.mean,
        exact_std=exact.std,
        auc=metrics.auc(scores, pairs.same),
        eer=metrics.eer(scores, pairs.same),
        tar_at_far=rates.tar,
        tar_interval={far: (one.low, one.high) for far, one in of_tar.items() if one},
        threshold_at_far=rates.thresholds,
        refused=rates.refused,
        correct=published.correct,
        pairs=published.total,
        least_difference=least_difference(published.correct, published.total),
        left_out={},
    )
