"""Pairs of photographs for verification."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenas.data.faces import Labels, rows_of_each
from facenas.errors import DataError


@dataclass(frozen=True)
class Pairs:
    """Rows of a face set, two by two, in contiguous folds.

    Attributes:
        first: Row of each pair's first photograph, shape (P,).
        second: Row of each pair's second photograph, shape (P,).
        same: Whether both show one person, shape (P,).
    """

    first: Labels
    second: Labels
    same: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.same)


def balanced_pairs(identities: Labels, *, seed: int, limit: int = 3000, folds: int = 10) -> Pairs:
    """As many impostor as genuine pairs, drawn without replacement, in equal shares in each of the contiguous folds.

    Args:
        identities: Person in each photograph, shape (M,).
        seed: Seed of the draw.
        limit: Most genuine pairs; if there are fewer, all are taken. LFW has 3,000.
        folds: Contiguous blocks in which both kinds are balanced.

    Raises:
        DataError: If the photographs do not give one pair of each kind for every fold.
    """
    rng = np.random.default_rng(seed)
    genuine = _genuine(identities)
    genuine = genuine[:, rng.permutation(genuine.shape[1])[:limit]]
    impostor = _impostor(identities, genuine.shape[1], rng)
    count = min(genuine.shape[1], impostor.shape[1])
    if count < folds:
        raise DataError(f"{folds} folds need at least {folds} genuine and {folds} impostor pairs, these photographs give {count}")
    blocks = np.array_split(np.arange(count), folds)
    first, second = np.concatenate([side[:, block] for block in blocks for side in (genuine, impostor)], axis=1)
    return Pairs(first, second, np.concatenate([np.repeat([True, False], len(block)) for block in blocks]))


def _genuine(identities: Labels) -> Labels:
    """Every pair of photographs of one person, shape (2, G)."""
    return np.concatenate([rows[np.stack(np.triu_indices(len(rows), 1))] for rows in rows_of_each(identities)], axis=1)


def _impostor(identities: Labels, count: int, rng: np.random.Generator) -> Labels:
    """Up to `count` different pairs of photographs of two people, shape (2, I)."""
    photographs = len(identities)
    codes = rng.choice(photographs**2, min(photographs**2, 8 * count), replace=False)
    first, second = np.divmod(codes, photographs)
    valid = (first < second) & (identities[first] != identities[second])
    return np.stack([first, second])[:, valid][:, :count]
