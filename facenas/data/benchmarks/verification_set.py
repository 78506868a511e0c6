"""A verification benchmark as it is given out: photographs, and pairs of them in contiguous folds."""

from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from facenas.data.benchmarks.pairs import Pairs
from facenas.data.face_files import Contents, Decoding, Photographs
from facenas.data.faces import Labels, Size
from facenas.data.formats.images import looks_aligned, open_header

OFFICIAL_PAIRS = {"lfw": 6000, "cfp_ff": 7000, "cfp_fp": 7000, "agedb_30": 6000, "calfw": 6000, "cplfw": 6000}
FOLDS = 10
INCOMPARABLE = "the figures are not comparable with published ones"
LOOKED_AT = 5  # pictures, the first of which that can be read tells the size of all


@dataclass(frozen=True)
class VerificationSet:
    """Photographs and the pairs of them to verify.

    Attributes:
        name: Name of the benchmark, for example `lfw`.
        photographs: The different photographs, with the keys 0 to count - 1, read when they are asked for.
        count: Number of different photographs, M.
        pairs: Rows of them, two by two, in the order in which the folds are cut.
        subjects: Number of the person in each photograph, shape (M,); None where they are not told.
        remark: What is odd about the benchmark, "" if nothing is.
    """

    name: str
    photographs: Photographs
    count: int
    pairs: Pairs
    subjects: Labels | None
    remark: str


def verification_set(
    name: str, contents: Contents, pairs: Pairs, *, count: int, size: Size, subjects: Labels | None = None, remarks: Sequence[str] = ()
) -> VerificationSet:
    """A benchmark of aligned photographs with their pairs; what is odd about them goes into its remark.

    Args:
        name: Name of the benchmark, for example `lfw`.
        contents: The encoded photographs.
        pairs: Rows of the photographs, two by two.
        count: Number of different photographs, M.
        size: Size in pixels that photographs are resized to: a side, or height and width.
        subjects: Number of the person in each photograph, shape (M,); None where they are not told.
        remarks: Phrases on what the reader of the files found odd.
    """
    remark = "; ".join([*remarks, *oddities(name, pairs), *unaligned(contents, count)])
    return VerificationSet(name, Decoding(contents, size, shape="refuse"), count, pairs, subjects, remark)


def oddities(name: str, pairs: Pairs) -> list[str]:
    """What is odd about the pairs of a benchmark of this name.

    Args:
        name: Name of the benchmark; of a known one the official number of pairs is compared.
        pairs: The pairs.

    Returns:
        Phrases for the remark; none if nothing is odd.
    """
    found, official = [], OFFICIAL_PAIRS.get(benchmark_name(name), len(pairs))
    if len(pairs) != official:
        found.append(f"{len(pairs):,} pairs, the official {name} has {official:,}")
    folds = [fold for fold in np.array_split(pairs.same, FOLDS) if len(fold)]
    uniform = sum(bool(fold.all() or not fold.any()) for fold in folds)
    if uniform:
        found.append(f"{uniform} of {len(folds)} folds hold only genuine or only impostor pairs")
    return found


def unaligned(contents: Contents, count: int) -> list[str]:
    """A remark on square pictures whose size no aligned face has; none if they look aligned or have other proportions.

    Args:
        contents: The encoded photographs.
        count: Number of photographs; the first readable one is looked at.
    """
    for key in range(min(count, LOOKED_AT)):
        with suppress(Exception):  # of missing and damaged pictures, whatever Pillow stumbles over; they are told when they are read
            width, height = open_header(contents.read(key)).size
            if width == height and not looks_aligned(width, height, width):
                return [f"the pictures are {width} x {height} pixels, so they are not aligned: {INCOMPARABLE}"]
            break
    return []


def benchmark_name(name: str) -> str:
    """A benchmark's name in its usual spelling: CFP-FP becomes cfp_fp."""
    return name.lower().replace("-", "_")


def distinct(items: Sequence[Hashable]) -> tuple[Labels, Labels]:
    """Number the different items in order: where each comes first, shape (M,), and the number of every item, shape (K,)."""
    number: dict[Hashable, int] = {}
    rows = np.array([number.setdefault(item, len(number)) for item in items], dtype=np.int64)
    return np.unique(rows, return_index=True)[1], rows


def pairs_of(rows: Labels, same: Sequence[bool] | NDArray[np.bool_]) -> Pairs:
    """Pairs of neighbours: entries 0 and 1, 2 and 3, and so on.

    Args:
        rows: Row of the photograph of each entry, shape (2 P,).
        same: Whether the two of each pair show one person, shape (P,).
    """
    return Pairs(rows[::2], rows[1::2], np.asarray(same, dtype=np.bool_))


def subjects_of(pairs: Pairs, count: int) -> Labels:
    """The people as far as genuine pairs tell them: photographs that such pairs join, directly or not, show one person.

    Args:
        pairs: The pairs.
        count: Number of photographs, M.

    Returns:
        Number of the person in each photograph, shape (M,).
    """
    first, second = pairs.first[pairs.same], pairs.second[pairs.same]
    graph = coo_array((np.ones(len(first), np.bool_), (first, second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
