"""Every source of images there is keeps the contract, on small files of its real form."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facenas.data import SOURCES, FaceFiles, FolderFaces, ListFaces, OrlFaces, ParquetFaces, RecordFaces, SyntheticFaces
from facenas.data.formats.packing import pack
from facenas.data.sources.class_sources import DigitImages, MnistImages
from facenas.data.sources.source import SourceSection
from facenas.testing import ReaderContract
from tests.data.test_class_sources import write_idx

CHECKED = {"cifar10", "cifar100"}  # torchvision reads the published files alone, by their checksums: see tests/data/test_class_sources.py
IDX = ("mnist", "fashionmnist", "kmnist", "emnist")
OURS: dict[str, SourceSection] = {
    "folder": FolderFaces(root=""),
    "list": ListFaces(file=""),
    "rec": RecordFaces(root=""),
    "parquet": ParquetFaces(root=""),
    "orl": OrlFaces(),
    "synthetic": SyntheticFaces(people=4, photographs=2, test_people=0),
    "digits": DigitImages(),
    **{name: MnistImages.model_validate({"name": name}) for name in IDX},
}


@cache
def photographs() -> tuple[Image.Image, ...]:
    """Two people of ORL, three photographs each."""
    return tuple(Image.fromarray(OrlFaces().open(64).image(row)) for row in (0, 1, 2, 10, 11, 12))


def write_folder(folder: Path) -> list[str]:
    names = [f"{person}/{number}.png" for person in ("ann", "bob") for number in range(3)]
    for name, photograph in zip(names, photographs(), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        photograph.save(folder / name)
    return names


class TestOurs(ReaderContract):
    settings = tuple(OURS.values())

    def placed(self, member: SourceSection, folder: Path) -> SourceSection:
        place, names = folder / "faces", write_folder(folder / "faces")
        if isinstance(member, MnistImages):
            form = {"prefix": "emnist-balanced-", "test": "test"} if member.name == "emnist" else {}
            write_idx(folder / member.name, **form)
            return member.at(str(folder))
        if isinstance(member, ListFaces):
            (place / "list.txt").write_text("".join(f"{name} {name[:3]}\n" for name in names))
            return member.model_copy(update={"file": str(place / "list.txt")})
        if isinstance(member, RecordFaces):
            faces = FolderFaces(root=str(place)).open(64)
            assert isinstance(faces, FaceFiles)
            pack(faces, folder / "train.rec")
            return member.model_copy(update={"root": str(folder / "train.rec")})
        if isinstance(member, ParquetFaces):
            if not find_spec("pyarrow"):
                pytest.skip("needs parquet: pip install 'facenas[parquet]'")
            import pyarrow
            from pyarrow import parquet

            images = [{"bytes": (place / name).read_bytes(), "path": name} for name in names]
            parquet.write_table(pyarrow.table({"image": images, "label": np.repeat([0, 1], 3)}), folder / "train.parquet")
            return member.model_copy(update={"root": str(folder / "train.parquet")})
        return member.model_copy(update={"root": str(place)}) if isinstance(member, FolderFaces) else member


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "cache"))


def test_none_is_forgotten() -> None:
    assert set(OURS) == set(SOURCES.members) - CHECKED
