"""The pictures of a benchmark, wherever they are."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facenas.data import FaceSet
from facenas.data.face_files import Photographs
from facenas.data.faces import Images
from facenas.data.formats.decoded import stamp
from facenas.errors import DataError
from facenas.eval.embed import Embeddings


@dataclass(frozen=True)
class Pictures:
    """The pictures of a benchmark, read by their numbers.

    Attributes:
        count: Number of pictures, M.
        image: Function that gives a picture (H, W, 3), RGB, uint8, by its number.
        stamp: Function that makes what tells these pictures from others, without reading them all.
        most_missing: Share of them that may be missing or unreadable; their embeddings are then NaN.
    """

    count: int
    image: Callable[[int], Images]
    stamp: Callable[[], str]
    most_missing: float = 0

    def rows_of(self, saved: Embeddings, path: Path, *, order: str = "") -> Embeddings:
        """Embeddings of these pictures that a file holds, one a picture.

        Args:
            saved: Embeddings (K, D) as they were read from the file.
            path: The file, for the message.
            order: What other number of embeddings would be taken, for the message.

        Raises:
            DataError: If there are more or fewer embeddings than pictures.
        """
        if len(saved) != self.count:
            raise DataError(f"{path} holds {len(saved):,} embeddings, the benchmark has {self.count:,} pictures{order}")
        return saved


def in_memory_pictures(faces: FaceSet) -> Pictures:
    """The pictures of a set of faces in memory."""
    return Pictures(len(faces), faces.image, lambda: sha256(np.ascontiguousarray(faces.images).data).hexdigest())


def filed_pictures(photographs: Photographs, count: int, most_missing: float = 0, *, points: NDArray[Any] | None = None) -> Pictures:
    """Pictures in files, which are the same as long as path, size and time of change are, and the points by which they are cut out.

    Args:
        photographs: The pictures by their numbers.
        count: Number of pictures.
        most_missing: Share of them that may be missing or unreadable, a fraction.
        points: Landmarks by which they are cut out; None: they are aligned already.
    """

    def told() -> str:
        cut = "" if points is None else f" {sha256(np.ascontiguousarray(points).data).hexdigest()}"
        how = f"{type(photographs).__name__} {photographs.size} {getattr(photographs, 'shape', '')}"
        return f"{how} {stamp(photographs.files()).hex()}{cut}"

    return Pictures(count, photographs.image, told, most_missing)


def there(features: Embeddings) -> NDArray[np.bool_]:
    """Whether a picture could be read, shape (M,): the embedding of one that could not is NaN."""
    known: NDArray[np.bool_] = np.logical_not(np.isnan(features).any(axis=1))
    return known
