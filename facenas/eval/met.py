"""Photographs that a model has met in training, known again by their looks wherever they lie now."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from facenas.data.faces import FaceDataset, Images
from facenas.data.looks import ALIKE, Looks, alike, prints
from facenas.eval.pictures import Pictures

LOOKED_AT = 2000  # pictures of a benchmark that comes with its pairs, evenly spread
Bits = NDArray[np.int64]


def people_met(faces: FaceDataset, looks: Sequence[Looks]) -> frozenset[str]:
    """People of whom a photograph is among those that were seen, or at least half of the photographs look like such ones.

    The first are copies, under whatever name; the second were encoded anew. A single photograph that merely looks like a known one makes
    nobody known.

    Args:
        faces: Photographs of people.
        looks: Looks of the photographs that were seen.
    """
    if not looks or not len(faces):
        return frozenset()
    bits = _nearest(faces.image, len(faces), looks)
    people = len(faces.names)
    all_of, near = np.bincount(faces.identities, minlength=people), np.bincount(faces.identities[bits <= ALIKE], minlength=people)
    same = np.bincount(faces.identities[bits == 0], minlength=people)
    return frozenset(faces.names[i] for i in np.flatnonzero((same > 0) | ((near > 0) & (2 * near >= all_of))))


def pictures_met(pictures: Pictures, looks: Sequence[Looks]) -> tuple[int, int]:
    """How many of a benchmark's pictures look like photographs that a model has seen, and how many were looked at.

    Args:
        pictures: The benchmark's pictures; of many, some that lie evenly among them are looked at.
        looks: Looks of the photographs that the model has seen.
    """
    if not looks:
        return 0, 0
    rows = np.unique(np.linspace(0, pictures.count - 1, min(LOOKED_AT, pictures.count)).astype(np.int64)).tolist()
    bits = _nearest(lambda number: pictures.image(rows[number]), len(rows), looks)
    return int((bits <= ALIKE).sum()), len(rows)


def _nearest(image: Callable[[int], Images], count: int, looks: Sequence[Looks]) -> Bits:
    """Bits by which each photograph, or its mirror image, differs from the most alike (M,): training mirrors what it sees."""
    made = prints(image, count), prints(lambda number: np.ascontiguousarray(image(number)[:, ::-1]), count)
    nearest: Bits = np.min([alike(some, one.kept) for some in made for one in looks], axis=0)
    return nearest
