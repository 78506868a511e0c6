"""What is done with any source of faces: whom it keeps for testing, and which source reads a path."""

from pathlib import Path

import numpy as np

from facenas.data.face_files import FaceFiles, Shape
from facenas.data.faces import FaceDataset, FaceSet, Size
from facenas.data.sources.folders import FolderFaces
from facenas.data.sources.lists import ListFaces
from facenas.data.sources.source import SOURCES, FaceSource
from facenas.errors import DataError
from facenas.registry import OneOf

FACES = OneOf(SOURCES, FaceSource)


def test_names(source: FaceSource, faces: FaceDataset) -> tuple[str, ...]:
    """The names of the identities that the source keeps for testing, drawn by its `split_seed`.

    Args:
        source: The source.
        faces: All photographs of the source.

    Raises:
        DataError: If fewer than 4 identities would be left to train on.
    """
    if source.test_people > len(faces.names) - 4:
        enough = "lower data.test_people, or add people" if source.test_people else "add people"
        kept = f", {source.test_people} of them are kept for testing" if source.test_people else ""
        raise DataError(f"at least 4 identities are needed to train on, there are {len(faces.names)}{kept}; {enough}")
    order = np.random.default_rng(source.split_seed).permutation(len(faces.names))
    return tuple(sorted(faces.names[i] for i in order[: source.test_people]))


def development_faces(source: FaceSource, size: Size) -> FaceSet | FaceFiles:
    """The photographs that search and training may see, all but those of the test identities, read when they are asked for.

    Args:
        source: The source.
        size: Size in pixels that photographs are resized to: a side, or height and width.

    Raises:
        DataError: If the photographs are missing or damaged, or too few identities are left.
    """
    faces = source.open(size)
    held_out = set(test_names(source, faces))
    return faces.of([name for name in faces.names if name not in held_out])


def open_faces(path: Path, size: Size, shape: Shape | None = None) -> FaceFiles:
    """Open the faces at a path by the source that knows it (`FaceSource.found`), else as a folder of identities or a list.

    Args:
        path: File or folder of the photographs.
        size: Size in pixels that the photographs are resized to: a side, or height and width.
        shape: What is done with photographs of other proportions; None: they are stretched, and a remark says so.

    Raises:
        DataError: If there is nothing at the path, or nothing that is known.
    """
    if not path.exists():
        raise DataError(
            f"nothing at {path}; give a folder of identities, a .rec file or its folder, a .parquet file, or a list of photographs"
        )
    for source in (member.found(path, shape) for member in FACES.sections()):
        faces = source.open(size) if source else None
        if isinstance(faces, FaceFiles):
            return faces
    if path.is_dir():
        return FolderFaces(root=str(path), shape=shape).every(size)
    return ListFaces(file=str(path), shape=shape).open(size)
