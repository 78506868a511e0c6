"""Where faces come from: the sources that exist, and whom they keep for testing."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from facenas.data.face_files import FaceFiles, Shape
from facenas.data.faces import FaceDataset, FaceSet, Size
from facenas.data.formats.parquet_files import parquet_files
from facenas.data.sources.folders import FolderFaces, OrlFaces
from facenas.data.sources.held_out import HeldOut
from facenas.data.sources.lists import ListFaces
from facenas.data.sources.parquet_faces import ParquetFaces
from facenas.data.sources.record_faces import RecordFaces, record_path
from facenas.data.sources.synthetic import draw_faces
from facenas.errors import DataError


class SyntheticFaces(HeldOut):
    """Drawn faces, for tests: learnable, tiny, made in an instant."""

    name: Literal["synthetic"] = Field("synthetic", description="Name of the source.")
    people: int = Field(24, ge=4, description="Number of identities.")
    photographs: int = Field(8, ge=2, description="Pictures of each.")
    test_people: int = Field(8, ge=0, description="Identities kept for testing: never used for search or training.")

    def load(self, size: Size) -> FaceSet:
        """Draw them."""
        images, identities = draw_faces(people=self.people, photographs=self.photographs, size=size)
        return FaceSet("synthetic", images, identities, tuple(f"face{i}" for i in range(self.people)))

    def open(self, size: Size) -> FaceSet:
        """The same: they are in memory anyway."""
        return self.load(size)


FaceSource = FolderFaces | OrlFaces | SyntheticFaces | RecordFaces | ListFaces | ParquetFaces
FaceSources = Annotated[FaceSource, Field(discriminator="name")]


def test_names(source: FaceSource, faces: FaceDataset) -> tuple[str, ...]:
    """The identities that the source keeps for testing."""
    if source.test_people > len(faces.names) - 4:
        enough = "lower data.test_people, or add people" if source.test_people else "add people"
        kept = f", {source.test_people} of them are kept for testing" if source.test_people else ""
        raise DataError(f"at least 4 identities are needed to train on, there are {len(faces.names)}{kept}; {enough}")
    order = np.random.default_rng(source.split_seed).permutation(len(faces.names))
    return tuple(sorted(faces.names[i] for i in order[: source.test_people]))


def development_faces(source: FaceSource, size: Size) -> FaceSet | FaceFiles:
    """All photographs but those of the test identities, read when they are asked for: what search and training may see."""
    faces = source.open(size)
    held_out = set(test_names(source, faces))
    return faces.of([name for name in faces.names if name not in held_out])


def open_faces(path: Path, size: Size, shape: Shape | None = None) -> FaceFiles:
    """Whatever faces there are at a path: a folder of identities, a .rec file or its folder, Parquet files, or a list of photographs.

    Args:
        path: Where they are.
        size: That they are resized to, in pixels.
        shape: What is done with those of other proportions; None: they are stretched, and a remark says so.

    Raises:
        DataError: If there is nothing, or nothing of these kinds.
    """
    if not path.exists():
        raise DataError(
            f"nothing at {path}; give a folder of identities, a .rec file or its folder, a .parquet file, or a list of photographs"
        )
    if path.suffix.lower() == ".rec" or (path.is_dir() and record_path(path).is_file()):
        return RecordFaces(root=str(path), shape=shape).open(size)
    if path.suffix.lower() == ".parquet" or (path.is_dir() and parquet_files(path)):
        return ParquetFaces(root=str(path), shape=shape).open(size)
    if path.is_dir():
        return FolderFaces(root=str(path), shape=shape).every(size)
    return ListFaces(file=str(path), shape=shape).open(size)
