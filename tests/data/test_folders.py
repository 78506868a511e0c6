"""Folders as people have them: deeper ones, hidden ones, other files beside the photographs; and pictures of every shape."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facenas.data import FolderFaces, OrlFaces, in_memory, open_faces, state
from facenas.data.face_files import Decoding
from facenas.data.formats.picture_files import person_of, pictures_below
from facenas.data.formats.walking import files_below
from facenas.errors import DataError

Command = Callable[..., Any]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Five people of ORL with three photographs each, 112 x 112."""
    faces, root = OrlFaces().load(112), tmp_path / "people"
    for row in np.flatnonzero(np.arange(50) % 10 < 3).tolist():
        write(root / faces.names[faces.identities[row]] / f"{row % 10}.png", faces.image(row))
    return root


def write(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), pixels[..., ::-1])


def test_photographs_at_any_depth_are_the_persons(people: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = FolderFaces(root=str(people)).load(112)
    assert caplog.text == ""
    for number in ("1", "2"):
        (people / "s2" / "profile" / "left").mkdir(parents=True, exist_ok=True)
        (people / "s2" / f"{number}.png").rename(people / "s2" / "profile" / "left" / f"{number}.PNG")
    faces = FolderFaces(root=str(people)).load(112)
    assert faces.names == before.names
    assert np.array_equal(faces.images, before.images)
    assert "photographs in folders of a person's folder are of that person: s2/profile/left" in caplog.text
    assert {person_of(one.name) for one in pictures_below(people)} == set(faces.names)


NOBODYS = (".ipynb_checkpoints/s1.png", "__MACOSX/s1/._1.png", "@eaDir/1.png", "s1/.hidden.png", "s1/.cache/1.png", "s1/Desktop.ini")
NOBODYS = (*NOBODYS, "s1/Thumbs.db", "s2/ehthumbs.db", "s2/Icon\r", ".DS_Store", "s3/.DS_Store", "desktop.ini", "faces.csv", "config.yaml")


def test_what_systems_and_editors_leave_is_nobodys(people: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in NOBODYS:
        write(people / "x.png", np.zeros((8, 8, 3), np.uint8))
        (people / name).parent.mkdir(parents=True, exist_ok=True)
        (people / "x.png").rename(people / name)
    faces = FolderFaces(root=str(people)).open(112)
    assert (faces.names, len(faces)) == (("s1", "s2", "s3", "s4", "s5"), 15)
    assert len(list(pictures_below(people))) == 15
    assert caplog.text == ""


def test_other_files_are_left_out_and_told(people: Path, caplog: pytest.LogCaptureFixture) -> None:
    (people / "s1" / "1.txt").write_text("38 51")
    (people / "s1" / "NOTES.TXT").write_text("who is who")
    shutil.copy(people / "s1" / "1.png", people / "group.png")
    (people / "s2" / "gone.png").symlink_to("nothing")
    faces = FolderFaces(root=str(people)).load(112)
    assert (faces.names, len(faces)) == (("s1", "s2", "s3", "s4", "s5"), 15)
    for told in (
        "no photographs by their name: s1/1.txt, s1/NOTES.TXT",
        "in no person's folder: group.png",
        "a link to nothing: s2/gone.png",
    ):
        assert told in caplog.text


def test_links_of_ones_own_are_followed_but_not_in_circles(people: Path, tmp_path: Path) -> None:
    shutil.copytree(people / "s1", tmp_path / "elsewhere")
    (people / "linked").symlink_to(tmp_path / "elsewhere")
    (people / "s3" / "far.png").symlink_to(tmp_path / "elsewhere" / "1.png")
    (people / "s4" / "all").symlink_to(people)
    (people / "all").symlink_to("..")
    faces = FolderFaces(root=str(people)).open(112)
    assert faces.names == ("linked", "s1", "s2", "s3", "s4", "s5")
    assert np.bincount(faces.identities).tolist() == [3, 3, 3, 4, 3, 3]
    reasons = {file.name: file.left_out for file in files_below(people) if file.left_out}
    assert reasons["s3/far.png"] == "a link that leaves the folder"
    assert reasons["linked"] == reasons["all"] == reasons["s4/all"] == "a link to a folder"


def test_splits_are_no_people(people: Path) -> None:
    for split in ("train", "val"):
        shutil.copytree(people, people.parent / "data" / split)
    with pytest.raises(DataError, match="holds train, val, which are no people; give one of them"):
        FolderFaces(root=str(people.parent / "data")).open(112)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read(people: Path) -> None:
    (people / "s1").chmod(0)
    with pytest.raises(DataError, match="s1 cannot be read: Permission denied"):
        FolderFaces(root=str(people)).open(112)


def test_orl_keeps_its_photographs_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    faces = OrlFaces().open(112)
    assert [Path(faces.place(row)).name for row in range(3)] == ["1.pgm", "10.pgm", "2.pgm"]
    assert caplog.text == ""


def tall(people: Path) -> None:
    for file in people.glob("*/*.png"):
        write(file, cv2.resize(cv2.imread(str(file))[..., ::-1], (96, 112)))


def test_faces_that_are_not_square_are_stretched_and_told_or_as_is_asked(people: Path, caplog: pytest.LogCaptureFixture) -> None:
    tall(people)
    stretched = FolderFaces(root=str(people)).open(112)
    assert "15 of 15 photographs that were looked at are not aligned faces by their size, most of them 96 x 112 pixels" in caplog.text
    caplog.clear()
    assert np.array_equal(FolderFaces(root=str(people), shape="stretch").load(112).images, in_memory(stretched).images)
    centre = FolderFaces(root=str(people), shape="centre").open(96)
    assert np.array_equal(centre.image(0), cv2.imread(centre.place(0))[8:104, :, ::-1])
    assert len(state(centre)) != len(state(stretched))
    with pytest.raises(DataError, match=r"0\.png is 96 x 112 pixels; an aligned face is square"):
        FolderFaces(root=str(people), shape="refuse").load(112)
    assert np.array_equal(open_faces(people, 96, "centre").image(0), centre.image(0))
    assert caplog.text == ""


def test_decoded_once_for_each_shape(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "cache"))
    tall(people)
    for shape in ("stretch", "centre"):
        plain = FolderFaces(root=str(people), shape=shape).load(64)  # type: ignore[arg-type]
        decoded = FolderFaces(root=str(people), shape=shape, decoded=True).load(64)  # type: ignore[arg-type]
        assert np.array_equal(decoded.images, plain.images)
    with pytest.raises(DataError, match="an aligned face is square"):
        FolderFaces(root=str(people), shape="refuse", decoded=True).load(64)


def test_pictures_as_lfw_is_downloaded_are_told(people: Path, caplog: pytest.LogCaptureFixture) -> None:
    for file in people.glob("*/*.png"):
        write(file, cv2.resize(cv2.imread(str(file))[..., ::-1], (250, 250)))
    faces = FolderFaces(root=str(people)).open(112)
    assert "most of them 250 x 250 pixels; figures are not comparable with those of aligned faces" in caplog.text
    assert isinstance(faces.photographs, Decoding)


def test_every_command_counts_and_tells_alike(facenas: Command, people: Path, caplog: pytest.LogCaptureFixture) -> None:
    (people / "s6" / "frontal").mkdir(parents=True)
    for number in range(3):
        shutil.copy(people / "s1" / f"{number}.png", people / "s6" / "frontal")
    tall(people)
    done = facenas("data", "info", people, "--json")
    assert done.json["identities"] == 6
    assert "most of them 96 x 112 pixels" in caplog.text
    caplog.clear()
    packed = facenas("data", "pack", people, "p.rec", "--json")
    assert (packed.json["identities"], packed.json["images"]) == (6, 18)
    assert "most of them 96 x 112 pixels" in caplog.text
