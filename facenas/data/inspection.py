"""What is in a set of faces, and what is wrong with it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np

from facenas.data.face_files import FaceFiles
from facenas.data.shapes import pixel_sizes
from facenas.errors import DataError

Kind = Literal["unreadable", "label gap", "duplicate", "two identities", "overlap of names", "overlap of pictures"]
SAMPLED = 200
NUMBERED = ("rec", "list", "parquet")  # sources whose identities are numbers, unless they have names


@dataclass(frozen=True)
class Problem:
    """Something wrong with a data set, and where."""

    kind: Kind
    places: tuple[str, ...]


def image_sizes(faces: FaceFiles) -> dict[str, int]:
    """Count the sizes of a few images, spread over the set, as `width x height` before they are resized."""
    sizes = pixel_sizes(faces, sampled_rows(faces))
    return {f"{width} x {height}" if width else "unreadable": count for (width, height), count in sizes.items()}


def sampled_rows(faces: FaceFiles) -> list[int]:
    """Rows spread evenly over the set."""
    rows: list[int] = np.unique(np.linspace(0, len(faces) - 1, SAMPLED).astype(np.int64)).tolist()
    return rows


def label_gaps(faces: FaceFiles) -> list[Problem]:
    """A problem for each number below the highest identity's that no image has."""
    if faces.dataset.split(":")[0] not in NUMBERED or not all(_is_number(name) for name in faces.names):
        return []
    numbers = np.array([int(name) for name in faces.names])
    missing = np.setdiff1d(np.arange(numbers.max() + 1), numbers)
    return [Problem("label gap", tuple(map(str, missing.tolist())))] if len(missing) else []


def unreadable(faces: FaceFiles, rows: list[int]) -> list[Problem]:
    """A problem for each of the photographs that cannot be decoded.

    Args:
        faces: The photographs.
        rows: Rows of those that are tried.
    """
    return [Problem("unreadable", (faces.place(row),)) for row in rows if _fingerprint(faces, row) is None]


def check(faces: FaceFiles, against: FaceFiles | None = None) -> list[Problem]:
    """Find unreadable photographs, gaps in the labels, equal pictures, and people or pictures that are in another set too.

    Pictures are equal if their pixels are, decoded and resized to the size of `faces`; identities of the two sets are equal if their names
    are, unless they are mere numbers.

    Args:
        faces: The set that is checked.
        against: Another set, such as a benchmark, that should share no person and no picture with it.
    """
    prints = _fingerprints(faces)
    problems = [Problem("unreadable", (faces.place(row),)) for row, print_ in enumerate(prints) if print_ is None]
    return [*problems, *label_gaps(faces), *_duplicates(faces, prints), *(_overlap(faces, prints, against) if against else [])]


def _duplicates(faces: FaceFiles, prints: list[bytes | None]) -> list[Problem]:
    rows_of: dict[bytes, list[int]] = {}
    for row, print_ in enumerate(prints):
        if print_ is not None:
            rows_of.setdefault(print_, []).append(row)
    found = [rows for rows in rows_of.values() if len(rows) > 1]
    return [
        Problem(
            "duplicate" if len(set(faces.identities[rows].tolist())) == 1 else "two identities", tuple(faces.place(row) for row in rows)
        )
        for rows in found
    ]


def _overlap(faces: FaceFiles, prints: list[bytes | None], against: FaceFiles) -> list[Problem]:
    names = set(faces.names) & set(against.names)
    meant = not all(_is_number(name) for name in names)
    others = {print_: row for row, print_ in enumerate(_fingerprints(against)) if print_ is not None}
    pictures = [
        Problem("overlap of pictures", (faces.place(row), against.place(others[print_])))
        for row, print_ in enumerate(prints)
        if print_ is not None and print_ in others
    ]
    return [*([Problem("overlap of names", tuple(sorted(names)))] if meant else []), *pictures]


def _fingerprints(faces: FaceFiles) -> list[bytes | None]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda row: _fingerprint(faces, row), range(len(faces))))


def _fingerprint(faces: FaceFiles, row: int) -> bytes | None:
    """A hash of a photograph's pixels; None if it cannot be decoded."""
    try:
        return blake2b(faces.image(row).tobytes(), digest_size=16).digest()
    except DataError:
        return None


def _is_number(name: str) -> bool:
    return name.isdecimal() and name == str(int(name))
