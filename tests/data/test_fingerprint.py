"""The fingerprint of a data set follows its photographs, not their place."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from facenas.data import FolderFaces, ImageSet, OrlFaces, RecordFaces, SyntheticFaces, fingerprint_of, open_faces
from facenas.data.formats.packing import pack
from facenas.data.sources.class_sources import DigitImages


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photographs of six people of ORL, as PNG files."""
    root, orl = tmp_path_factory.mktemp("faces") / "photographs", OrlFaces().load(32)
    for person in range(6):
        (root / f"p{person}").mkdir(parents=True)
        for number, row in enumerate(np.flatnonzero(orl.identities == person)[:4]):
            cv2.imwrite(str(root / f"p{person}" / f"{number}.png"), orl.images[row])
    return root


def changed(photographs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(photographs, tmp_path / "elsewhere"))


def told(before: Path, now: Path) -> str:
    return fingerprint_of(open_faces(before, 32)).differs(fingerprint_of(open_faces(now, 32)))


def test_a_copy_has_the_same(photographs: Path, tmp_path: Path) -> None:
    copy = changed(photographs, tmp_path)
    assert told(photographs, copy) == ""
    relative = FolderFaces(root=os.path.relpath(copy)).open(64)
    assert fingerprint_of(relative) == fingerprint_of(FolderFaces(root=str(photographs)).open(32))


def test_what_differs_is_named(photographs: Path, tmp_path: Path) -> None:
    copy = changed(photographs, tmp_path)
    shutil.rmtree(copy / "p0")
    (copy / "p1").rename(copy / "someone")
    shutil.copy(copy / "p2" / "0.png", copy / "p2" / "9.png")
    shutil.copy(copy / "p3" / "0.png", copy / "p3" / "1.png")
    assert told(photographs, copy) == (
        "p0 is gone, p1 is gone, p2 has 5 photographs instead of 4, p3 has other photographs, someone is new"
    )


def test_bytes_that_change_in_a_file_of_the_same_size(photographs: Path, tmp_path: Path) -> None:
    copy = changed(photographs, tmp_path)
    file = copy / "p4" / "2.png"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert told(photographs, copy) == "p4 has other photographs"


def test_many_differences_are_counted(photographs: Path, tmp_path: Path) -> None:
    copy = changed(photographs, tmp_path)
    for folder in list(copy.iterdir()):
        folder.rename(copy / f"new-{folder.name}")
    assert told(photographs, copy).endswith(" and 7 more")


def test_what_two_people_swapped_is_seen(photographs: Path, tmp_path: Path) -> None:
    copy = changed(photographs, tmp_path)
    (copy / "p0").rename(copy / "x")
    (copy / "p1").rename(copy / "p0")
    (copy / "x").rename(copy / "p1")
    assert told(photographs, copy) == "p0 has other photographs, p1 has other photographs"


def test_without_a_table_the_counts_differ(photographs: Path, tmp_path: Path) -> None:
    copy = changed(photographs, tmp_path)
    shutil.rmtree(copy / "p0")
    before, now = (fingerprint_of(open_faces(path, 32)).brief for path in (photographs, copy))
    assert before.differs(now) == "5 people instead of 6, 20 photographs instead of 24"
    assert before.differs(before) == ""


def test_records_and_lists(photographs: Path, tmp_path: Path) -> None:
    faces = open_faces(photographs, 32)
    pack(faces, tmp_path / "a" / "train.rec")
    pack(faces.of(faces.names[1:]), tmp_path / "b" / "train.rec")
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    one, other, copy = (fingerprint_of(RecordFaces(root=str(tmp_path / name)).open(32)) for name in "abc")
    assert one == copy
    assert one.differs(other).startswith("p0 is gone")
    lines = [f"{file.relative_to(photographs)} {file.parent.name}\n" for file in sorted(photographs.rglob("*.png"))]
    (photographs.parent / "list.txt").write_text("".join(lines[4:]))
    (photographs.parent / "all.txt").write_text("".join(f"{photographs.name}/{line}" for line in lines))
    assert fingerprint_of(open_faces(photographs.parent / "all.txt", 32)).photographs == 24


def test_images_in_memory() -> None:
    assert fingerprint_of(SyntheticFaces().load(16)) == fingerprint_of(SyntheticFaces().load(16))
    fewer = fingerprint_of(SyntheticFaces(people=23).load(16)).brief
    assert fewer.differs(fingerprint_of(SyntheticFaces().load(16))) == "24 people instead of 23, 192 photographs instead of 184"
    digits = DigitImages().load()
    other = ImageSet(digits.images, np.roll(digits.labels, 1), 10)
    assert fingerprint_of(digits).people == 10
    assert fingerprint_of(digits).differs(other_print := fingerprint_of(other))
    assert other_print.photographs == 1437
