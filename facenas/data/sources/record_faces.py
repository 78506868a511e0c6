"""Faces in a RecordIO file, as InsightFace gives its training sets out."""

import json
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field

from facenas.data.face_files import FaceFiles, Shape
from facenas.data.faces import Size
from facenas.data.formats.record_writer import names_file
from facenas.data.formats.records import image_labels, open_records
from facenas.data.sources.source import EncodedFaces
from facenas.errors import DataError


class RecordFaces(EncodedFaces):
    """A `.rec` file with its `.idx`, read without MXNet."""

    name: Literal["rec"] = Field("rec", description="Name of the source.")
    root: str = Field(description="A .rec file, or the folder that holds train.rec.")

    @classmethod
    def found(cls, path: Path, shape: Shape | None) -> Self | None:
        """The source of a .rec file, or of a folder that has one; None for anything else.

        Args:
            path: A file or a folder that is there.
            shape: What is done with photographs of other proportions; None: they are stretched, and a remark says so.
        """
        there = path.suffix.lower() == ".rec" or (path.is_dir() and record_path(path).is_file())
        return cls(root=str(path), shape=shape) if there else None

    def open(self, size: Size) -> FaceFiles:
        """All photographs, read when they are asked for; identities are named by their labels, or by `.names.json` beside the file."""
        path = record_path(Path(self.root).expanduser())
        records = open_records(path)
        rows, labels = image_labels(records)
        used, identities = np.unique(labels, return_inverse=True)
        known = _names(path)
        names = tuple(known[label] if label < len(known) else str(label) for label in used.tolist())
        return self.files(f"rec:{path.resolve()}", records, identities.astype(np.int64), names, keys=rows, size=size)


def record_path(root: Path) -> Path:
    """The `.rec` file at a path: the file itself, or in a folder `train.rec`, or the only `.rec` file there."""
    if not root.is_dir():
        return root
    found = sorted(root.glob("*.rec"))
    train = root / "train.rec"
    return train if train in found or len(found) != 1 else found[0]


def _names(path: Path) -> list[str]:
    """The identities' names that `facenas data pack` wrote; nothing where the file came from elsewhere."""
    file = names_file(path)
    if not file.is_file():
        return []
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise DataError(f"{file} must hold a JSON list of the identities' names, each once; remove it to name them by number")
    return names
