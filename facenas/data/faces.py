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
    """The size of an image as it is kept: one side if the image is square, else height and width.

    Args:
        height: Height in pixels.
        width: Width in pixels.
    """
    return height if height == width else (height, width)


def told_size(size: Size) -> str:
    """A size as people read it: width x height."""
    height, width = sides(size)
    return f"{width} x {height}"


class FaceDataset(Protocol):
    """Photographs of faces, in memory or read when they are asked for.

    Attributes:
        dataset: Name of the data set, for example `orl`; identities are comparable within one data set only.
        identities: Number of the person in each photograph, shape (M,), from 0 to len(names) - 1.
        names: Name of each identity.
        size: Size of the photographs in pixels: their side, or height and width.
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
        dataset: Name of the data set, for example `orl`.
        images: The photographs, RGB, shape (M, H, W, 3), uint8.
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
        """Size of the photographs in pixels: their side, or height and width."""
        return as_size(*self.images.shape[1:3])

    def image(self, row: int) -> Images:
        """A photograph (H, W, 3)."""
        image: Images = self.images[row]
        return image

    def place(self, row: int) -> str:
        """Where a photograph comes from: the name of the data set, and its row."""
        return f"{self.dataset}, photograph {row}"

    def rows(self, rows: Labels) -> "FaceSet":
        """The photographs of the given rows; the people stay the same."""
        return FaceSet(self.dataset, self.images[rows], self.identities[rows], self.names)

    def of(self, names: Sequence[str]) -> "FaceSet":
        """The photographs of the named people alone, with identities numbered anew in the order of `names`."""
        rows, identities = of_people(self, names)
        return FaceSet(self.dataset, self.images[rows], identities, tuple(names))


def of_people(faces: FaceDataset, names: Sequence[str]) -> tuple[Labels, Labels]:
    """The photographs of the named people.

    Args:
        faces: The photographs.
        names: Names of the people to keep, all of them in the set.

    Returns:
        Rows of their photographs (K,), in order, and the identity of each (K,), numbered anew in the order of `names`.
    """
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
    """Draw a random share of the rows of every class or identity.

    Args:
        labels: Class or identity of each row, shape (M,).
        share: The share of each class that is drawn, a fraction.
        seed: Seed of the draw.
        least: Fewest rows that are drawn of a class; of a smaller class all are.

    Returns:
        The drawn rows, in order.
    """
    rng = np.random.default_rng(seed)
    kept = [rng.permutation(rows)[: max(least, round(share * len(rows)))] for rows in rows_of_each(labels)]
    return np.sort(np.concatenate(kept))


@dataclass(frozen=True)
class Split(Generic[F]):
    """Development data cut in two: the only data that a search is given. No identity is in both."""

    train: F
    validation: F


def split_by_identity(faces: F, *, held_out: int, seed: int) -> Split[F]:
    """Split faces by identity: a number of random people are held out for validation.

    Args:
        faces: The development photographs.
        held_out: Number of people to hold out.
        seed: Seed of the choice of people.

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
