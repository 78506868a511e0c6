"""Cross-validation over people: each is verified by a network that has not seen them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from facenas.backbones import Builder
from facenas.data import ClassSource, InputContract, Pairs, development_faces
from facenas.data.faces import Labels
from facenas.errors import DataError, SettingsError
from facenas.eval.bootstrap import accuracy_interval
from facenas.eval.resolution import least_difference
from facenas.training.settings import TrainSettings
from facenas.training.tasks import Answers, FaceTask


class Fold(NamedTuple):
    """What the network of a fold says of the people that it has not seen.

    Attributes:
        right: Whether each pair of them is verified correctly, (P,).
        pairs: The pairs, (P,), rows of the fold's photographs.
        people: The person of each of these photographs, (M,), numbered within the fold.
    """

    right: Answers
    pairs: Pairs
    people: Labels


def fold_tasks(settings: TrainSettings, space: Builder) -> Iterator[FaceTask]:
    """The task of each fold: a K-th of the people validates, the others are trained on.

    Args:
        settings: Settings of `facenas train`, with the number of folds K in `validation.folds`.
        space: Space that builds the networks.

    Raises:
        SettingsError: If the data has no people, or too few for so many folds.
        DataError: If the photographs cannot be read.
    """
    source, count = settings.data, settings.validation.folds or 0
    if isinstance(source, ClassSource):
        raise SettingsError(f"validation.folds cuts people, {source.name} has classes; leave it out and set validation_share")
    faces = development_faces(source, space.input_size)
    if len(faces.names) < 2 * count:
        raise SettingsError(
            f"validation.folds={count} needs two people for each fold, there are {len(faces.names)}; take {len(faces.names) // 2} at most"
        )
    order = np.random.default_rng(settings.seed).permutation(len(faces.names))
    for held_out in np.array_split(order, count):
        people = [[faces.names[i] for i in sorted(some)] for some in (set(order.tolist()) - set(held_out.tolist()), held_out.tolist())]
        train, validation = (settings.kept(faces.of(names)) for names in people)
        try:
            yield settings.face_task(train, validation, contract=InputContract(size=space.input_size))
        except DataError as error:
            raise SettingsError(
                f"validation.folds={count} leaves {len(held_out)} people in each: {error}; lower validation.folds"
            ) from None


def summed(folds: list[Fold], *, replicates: int = 1000, seed: int = 0) -> dict[str, float]:
    """The figures of all folds together, fractions and counts; `folds_low` and `folds_high` are a 95 % interval by resampling people.

    Args:
        folds: What each fold's network says of the people that it has not seen.
        replicates: Number of resamplings.
        seed: Seed of the resamplings.
    """
    rates = [float(fold.right.mean()) for fold in folds]
    right = np.concatenate([fold.right for fold in folds])
    figures = {
        "folds": float(len(folds)),
        "folds_accuracy": float(right.mean()),
        "folds_mean": float(np.mean(rates)),
        "folds_std": float(np.std(rates, ddof=1)),
        "folds_pairs": float(len(right)),
        "folds_least_difference": least_difference(int(right.sum()), len(right)),
    }
    interval = accuracy_interval(right, *_together(folds), replicates=replicates, seed=seed)
    return figures | ({"folds_low": interval.low, "folds_high": interval.high} if interval else {})


def _together(folds: list[Fold]) -> tuple[Pairs, Labels]:
    """The pairs of all folds, and the person in each of all photographs."""
    rows = np.cumsum([0, *(len(fold.people) for fold in folds)])
    people = np.cumsum([0, *(int(fold.people.max()) + 1 for fold in folds)])
    first, second = (
        np.concatenate([getattr(fold.pairs, side) + start for fold, start in zip(folds, rows, strict=False)])
        for side in ("first", "second")
    )
    same = np.concatenate([fold.pairs.same for fold in folds])
    return Pairs(first, second, same), np.concatenate([fold.people + start for fold, start in zip(folds, people, strict=False)])
