"""Files of the MNIST family: where they lie, and what is in them."""

import gzip
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facenas.errors import DataError

Array = NDArray[np.uint8]
UNSIGNED_BYTE = 8  # the only type of the idx format that these data sets use


def read_idx(file: Path, *, dimensions: int) -> Array:
    """An array of bytes from an idx file, plain or gzipped.

    Args:
        file: The file; a name that ends in `.gz` is a gzipped one.
        dimensions: Number of dimensions that the array must have.

    Returns:
        The array, uint8.

    Raises:
        DataError: If the file is damaged or holds something else.
    """
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        magic, *shape = struct.unpack_from(f">{1 + dimensions}i", content)
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise DataError(f"{file} is damaged: {error}; get it again") from None
    start = 4 * (1 + dimensions)
    if magic != UNSIGNED_BYTE << 8 | dimensions or min(shape) < 1 or len(content) - start != np.prod(shape, dtype=np.int64):
        raise DataError(f"{file} is no idx file of {dimensions} dimensions, or a part of it is missing; get it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def find_idx(places: Sequence[Path], prefixes: tuple[str, str], folders: Sequence[str], *, named: bool) -> tuple[Path, Path] | None:
    """Find the file of images and the file of labels of one split.

    Args:
        places: Folders to look in, with their folders and those folders' `raw`.
        prefixes: Beginnings of the two file names, for example `train-images`, `train-labels`.
        folders: Names of the data set, since MNIST, Fashion-MNIST and KMNIST all call their files alike. A folder belongs to it if its
            name, or its parent's if it is called `raw`, is one of them but for case and punctuation.
        named: Whether the first place was named by the user: it may then have any name.

    Returns:
        Paths of the two files; None if no place has both.
    """
    for folder in _folders(places):
        own_name = folder.parent.name if folder.name == "raw" else folder.name
        if _plain(own_name) in folders or (named and folder in (places[0], places[0] / "raw")):
            found = [_file(folder, prefix) for prefix in prefixes]
            if found[0] and found[1]:
                return found[0], found[1]
    return None


def _folders(places: Sequence[Path]) -> Iterator[Path]:
    for place in places:
        below = sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
        for folder in [place, *below]:
            yield folder
            yield folder / "raw"


def _file(folder: Path, prefix: str) -> Path | None:
    kind = "idx3" if prefix.endswith("images") else "idx1"
    names = [f"{prefix}{mark}{kind}-ubyte{ending}" for mark in "-." for ending in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
