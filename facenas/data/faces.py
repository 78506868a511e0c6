"""Sets of face photographs with identities, and the split by identity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenas.errors import DataError

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class FaceSet:
    """Photographs of faces in memory.

    Attributes:
        dataset: What the photographs are, for example `orl`; identities are comparable within one data set only.
        images: RGB, shape (M, H, W, 3), uint8.
        identities: Number of the person in each photograph, shape (M,), from 0 to len(names) - 1.
        names: Name of each identity.
    """

    dataset: str
    images: Images
    identities: Labels
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.images)

    def rows(self, rows: Labels) -> "FaceSet":
        """The photographs of the given rows; the people stay the same."""
        return FaceSet(self.dataset, self.images[rows], self.identities[rows], self.names)

    def of(self, names: Sequence[str]) -> "FaceSet":
        """The photographs of the named people alone, with identities numbered anew in the order of `names`."""
        number = {self.names.index(name): new for new, name in enumerate(names)}
        rows = np.flatnonzero(np.isin(self.identities, list(number)))
        identities = np.array([number[int(i)] for i in self.identities[rows]], dtype=np.int64)
        return FaceSet(self.dataset, self.images[rows], identities, tuple(names))


def share_of_each(labels: Labels, share: float, *, seed: int, least: int = 1) -> Labels:
    """Rows of a random share of every class or identity, in order; at least `least` of each that has as many."""
    rng, kept = np.random.default_rng(seed), []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        kept.append(rows[: max(least, round(share * len(rows)))])
    return np.sort(np.concatenate(kept))


@dataclass(frozen=True)
class Split:
    """Development data cut in two: the only data that a search is given. No identity is in both."""

    train: FaceSet
    validation: FaceSet


def split_by_identity(faces: FaceSet, *, held_out: int, seed: int) -> Split:
    """Hold out `held_out` random identities.

    Raises:
        DataError: If fewer than two identities would be left on either side.
    """
    if not 2 <= held_out <= len(faces.names) - 2:
        raise DataError(
            f"holding out {held_out} of {len(faces.names)} identities leaves fewer than two on one side; "
            "change the number held out or add people"
        )
    order = np.random.default_rng(seed).permutation(len(faces.names))
    people = [faces.names[i] for i in order]
    return Split(train=faces.of(sorted(people[held_out:])), validation=faces.of(sorted(people[:held_out])))
