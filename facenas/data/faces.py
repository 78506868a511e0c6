"""Sets of face photographs with identities, and the split by identity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from facenas.errors import DataError

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Size = int | tuple[int, int]  # of an image in pixels: its side, or height and width where they differ


def sides(size: Size) -> tuple[int, int]:
    """Height and width of an image in pixels."""
    return (size, size) if isinstance(size, int) else size


def as_size(height: int, width: int) -> Size:
    """The size of an image: its side if it is square, else height and width."""
    return height if height == width else (height, width)


def told_size(size: Size) -> str:
    """A size as people read it: width x height."""
    height, width = sides(size)
    return f"{width} x {height}"


class FaceDataset(Protocol):
    """Photographs of faces, in memory or read when they are asked for.

    Attributes:
        dataset: What the photographs are, for example `orl`; identities are comparable within one data set only.
        identities: Number of the person in each photograph, shape (M,), from 0 to len(names) - 1.
        names: Name of each identity.
        size: Of the photographs in pixels: their side, or height and width.
    """

    @property
    def size(self) -> Size: ...  # noqa: D102
    @property
    def dataset(self) -> str: ...  # noqa: D102
    @property
    def identities(self) -> Labels: ...  # noqa: D102
    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102

    def __len__(self) -> int:
        """Number of photographs."""

    def image(self, row: int) -> Images:
        """A photograph, RGB (H, W, 3), uint8.

        Raises:
            DataError: If it cannot be decoded.
        """

    def place(self, row: int) -> str:
        """Where a photograph comes from, for messages."""

    def rows(self, rows: Labels) -> Self:
        """The photographs of the given rows; the people stay the same."""

    def of(self, names: Sequence[str]) -> Self:
        """The photographs of the named people alone, with identities numbered anew in the order of `names`."""


F = TypeVar("F", bound=FaceDataset)


@dataclass(frozen=True)
class FaceSet:
    """Photographs of faces in memory: a `FaceDataset`.

    Attributes:
        dataset: What the photographs are.
        images: RGB, shape (M, H, W, 3), uint8.
        identities: Number of the person in each photograph, shape (M,).
        names: Name of each identity.
    """

    dataset: str
    images: Images
    identities: Labels
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.images)

    @property
    def size(self) -> Size:
        """Of the photographs in pixels."""
        return as_size(*self.images.shape[1:3])

    def image(self, row: int) -> Images:
        """A photograph (H, W, 3)."""
        image: Images = self.images[row]
        return image

    def place(self, row: int) -> str:
        """The photograph's data set and row."""
        return f"{self.dataset}, photograph {row}"

    def rows(self, rows: Labels) -> "FaceSet":
        """The photographs of the given rows; the people stay the same."""
        return FaceSet(self.dataset, self.images[rows], self.identities[rows], self.names)

    def of(self, names: Sequence[str]) -> "FaceSet":
        """The photographs of the named people alone, with identities numbered anew in the order of `names`."""
        rows, identities = of_people(self, names)
        return FaceSet(self.dataset, self.images[rows], identities, tuple(names))


def of_people(faces: FaceDataset, names: Sequence[str]) -> tuple[Labels, Labels]:
    """Rows of the named people (K,), in order, and their identities (K,), numbered anew in the order of `names`."""
    number = {name: old for old, name in enumerate(faces.names)}
    new = np.full(len(faces.names), -1, dtype=np.int64)
    new[[number[name] for name in names]] = np.arange(len(names))
    rows = np.flatnonzero(new[faces.identities] >= 0)
    return rows, new[faces.identities[rows]]


def rows_of_each(labels: Labels) -> list[Labels]:
    """Rows of every class or identity that has any, in order."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def share_of_each(labels: Labels, share: float, *, seed: int, least: int = 1) -> Labels:
    """Rows of a random share of every class or identity, in order; at least `least` of each that has as many."""
    rng = np.random.default_rng(seed)
    kept = [rng.permutation(rows)[: max(least, round(share * len(rows)))] for rows in rows_of_each(labels)]
    return np.sort(np.concatenate(kept))


@dataclass(frozen=True)
class Split(Generic[F]):
    """Development data cut in two: the only data that a search is given. No identity is in both."""

    train: F
    validation: F


def split_by_identity(faces: F, *, held_out: int, seed: int) -> Split[F]:
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
