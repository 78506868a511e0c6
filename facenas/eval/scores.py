"""What all metrics take: scores of pairs, and whether a pair shows one person."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facenas.errors import DataError

Scores = NDArray[np.floating]
Flags = NDArray[np.bool_]


def checked(scores: ArrayLike, same: ArrayLike) -> tuple[Scores, Flags]:
    """Scores and flags of pairs as arrays.

    Args:
        scores: Similarity of each pair, shape (P,).
        same: Whether the pair shows one person, shape (P,).

    Returns:
        Scores (P,), float32 or float64, and flags (P,), bool.

    Raises:
        ValueError: If shapes differ, there are no pairs, or a score is not finite.
    """
    values, flags = finite(scores), np.asarray(same).astype(bool)
    if values.shape != flags.shape or not len(values):
        raise ValueError(f"scores and same need one equal, non-empty shape (P,), got {values.shape} and {flags.shape}")
    return values, flags


def finite(scores: ArrayLike) -> Scores:
    """Scores (P,), float32 or float64; a ValueError if some are not finite."""
    values = np.asarray(scores)
    values = values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"scores must be finite numbers of shape (P,), got shape {values.shape} with {(~np.isfinite(values)).sum()} non-finite"
        )
    return values


def need_both(genuine: Scores, impostor: Scores) -> None:
    """Refuse scores if one kind of pairs is missing.

    Args:
        genuine: Scores of same-identity pairs, shape (G,).
        impostor: Scores of different-identity pairs, shape (I,).

    Raises:
        ValueError: If there are no genuine or no impostor pairs.
    """
    if not len(genuine) or not len(impostor):
        raise ValueError(f"both kinds of pairs are needed, got {len(genuine)} genuine and {len(impostor)} impostor pairs")


def check_kinds(same: Flags, what: str) -> None:
    """Refuse pairs that are all genuine, all impostors, or none, of which no error rate can be told.

    Args:
        same: Whether each pair shows one person, shape (P,).
        what: Name of what has the pairs, for the message.

    Raises:
        DataError: If they are.
    """
    genuine = int(same.sum())
    if not 0 < genuine < len(same):
        raise DataError(
            f"{what} must have pairs of one person and pairs of two people to be measured, "
            f"it has {genuine:,} genuine and {len(same) - genuine:,} impostor pairs; add the others"
        )
