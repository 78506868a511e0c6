"""`facenas align` on real photographs, and what it makes of all others."""

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from facenas.data import FolderFaces, OrlFaces
from tests.recognition.fake_yunet import write_fake_yunet

Command = Callable[..., Any]


def blocks(*corners: tuple[int, int], shape: tuple[int, int] = (300, 400)) -> np.ndarray:
    """A picture with a face, as the made YuNet knows them, at each corner of a block."""
    picture = np.zeros((*shape, 3), np.uint8)
    for x, y in corners:
        picture[y : y + 8, x : x + 8] = 255
    return picture


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "faces.csv").open(encoding="utf-8")))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """People with two pictures each, a group, no face, and files that are no pictures."""
    root = tmp_path / "photographs"
    for person in ("ann", "bob"):
        (root / person).mkdir(parents=True)
        cv2.imwrite(str(root / person / "1.png"), blocks((80, 80)))
        cv2.imwrite(str(root / person / "1.jpg"), blocks((160, 80)))
    cv2.imwrite(str(root / "group.png"), blocks((40, 40), (160, 120), (240, 40)))
    cv2.imwrite(str(root / "nobody.png"), blocks())
    (root / "notes.txt").write_text("who is who")
    (root / "passwd.png").symlink_to("/etc/passwd")
    return root


@pytest.fixture
def made(tmp_path: Path) -> tuple[object, ...]:
    return ("--detector", "yunet", "--detector-model", write_fake_yunet(tmp_path / "yunet.onnx"))


def test_every_picture_has_its_line(facenas: Command, photographs: Path, made: tuple[object, ...], tmp_path: Path) -> None:
    done = facenas("align", photographs, "out", *made, "--json").json
    assert done == {
        "pictures": 8,
        "faces": 5,
        "status": {"aligned": 5, "no face": 1, "unreadable": 1, "left out": 1},
        "several_faces": {"group.png": 3},
        "table": "out/faces.csv",
    }
    rows = {row["picture"]: row for row in table(tmp_path / "out")}
    assert list(rows) == ["group.png", "nobody.png", "notes.txt", "passwd.png", "ann/1.jpg", "ann/1.png", "bob/1.jpg", "bob/1.png"]
    assert rows["group.png"]["reason"] == "the largest of 3 faces"
    assert rows["group.png"]["faces"] == "3"
    assert rows["passwd.png"]["reason"] == "a link that leaves the folder"
    assert "no picture of a kind" in rows["notes.txt"]["reason"]
    assert [rows[name]["file"] for name in ("ann/1.jpg", "ann/1.png")] == ["ann/1.png", "ann/1.png.png"]
    assert rows["ann/1.png"]["left_eye_x"] == "88.00"
    faces = FolderFaces(root=str(tmp_path / "out")).open(112)
    assert faces.names == ("ann", "bob")
    assert len(faces) == 4
    assert cv2.imread(str(tmp_path / "out" / "group.png")).shape == (112, 112, 3)
    text = facenas("align", photographs / "ann" / "1.png", "one", *made).stdout
    assert "1 faces of 1 pictures -> one" in text


def test_which_faces(facenas: Command, photographs: Path, made: tuple[object, ...], tmp_path: Path) -> None:
    facenas("align", photographs, "all", *made, "--faces", "all")
    assert [row["file"] for row in table(tmp_path / "all")][:3] == ["group.png", "group-2.png", "group-3.png"]
    facenas("align", photographs, "centre", *made, "--faces", "centre")
    assert table(tmp_path / "centre")[0]["left_eye_x"] == "168.00"
    facenas("align", photographs, "small", *made, "--min-size", 60)
    assert {(row["status"], row["reason"]) for row in table(tmp_path / "small")[4:]} == {("too small", "no face has a box of 60 pixels")}


def test_where_no_face_is_found_the_centre_is_taken_if_asked(
    facenas: Command, photographs: Path, made: tuple[object, ...], tmp_path: Path
) -> None:
    shown = facenas("align", photographs, "out", "--align", *made[1:], "--otherwise", "centre").stdout
    assert "5 faces of 8 pictures; 1 centre; 1 unreadable; 1 left out; several faces in 1 pictures: group.png (3) -> out" in shown
    (row,) = (row for row in table(tmp_path / "out") if row["picture"] == "nobody.png")
    assert (row["status"], row["reason"], row["file"]) == ("centre", "no face is found; the middle of the picture", "nobody.png")
    assert cv2.imread(str(tmp_path / "out" / "nobody.png")).shape == (112, 112, 3)
    assert "1 unreadable" in facenas("align", photographs, "out", *made, "--otherwise", "centre").stdout


def test_an_interrupted_run_goes_on(facenas: Command, photographs: Path, made: tuple[object, ...], tmp_path: Path) -> None:
    facenas("align", photographs, "out", *made)
    out, whole = tmp_path / "out", (tmp_path / "out" / "faces.csv").read_text()
    lines = whole.splitlines(keepends=True)
    (out / "faces.csv").write_text("".join(lines[:6]) + lines[6][:20])
    (out / "bob" / "1.png").unlink()
    before = (out / "ann" / "1.png").stat().st_mtime_ns
    facenas("align", photographs, "out", *made)
    assert (out / "faces.csv").read_text() == whole
    assert (out / "ann" / "1.png").stat().st_mtime_ns == before
    cv2.imwrite(str(photographs / "group.png"), blocks())
    cv2.imwrite(str(photographs / "ann" / "2.png"), blocks((80, 80)))
    os.utime(photographs / "group.png", ns=(2**62, 2**62))
    facenas("align", photographs, "out", *made)
    rows = {row["picture"]: row["status"] for row in table(out)}
    assert rows["group.png"] == "no face"
    assert rows["ann/2.png"] == "aligned"
    assert not (out / "group.png").exists()
    said = facenas("align", photographs, "out", *made, "--size", 128, code=1).stderr
    assert "out was made with other settings: size (112 there, 128 here)" in said


def test_names_that_print_alike(facenas: Command, made: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    names = [os.fsdecode(b"caf\xe9.png"), "caf\\xe9.png", "a" * 250 + ".png"]
    try:
        for name in names:
            (tmp_path / "in" / name).write_bytes(cv2.imencode(".png", blocks((80, 80)))[1].tobytes())
    except OSError:
        pytest.skip("this file system takes no such names")
    assert facenas("align", "in", "out", *made, "--json").json["faces"] == 2  # one line for both
    assert (tmp_path / "out" / f"{'a' * 200}.png").is_file()


@pytest.mark.extra("dlib")
def test_real_photographs_with_dlib(facenas: Command, tmp_path: Path) -> None:
    faces = OrlFaces().load(112)
    for row in (0, 1, 10, 11):
        folder = tmp_path / "people" / faces.names[faces.identities[row]]
        folder.mkdir(parents=True, exist_ok=True)
        picture = cv2.resize(faces.image(row)[..., ::-1], (92, 112), interpolation=cv2.INTER_AREA)  # upright again
        cv2.imwrite(str(folder / f"{row}.png"), picture)
    (tmp_path / "people" / "astronaut").mkdir()
    for name, turned in (("a", astronaut()), ("b", np.pad(astronaut(), ((0, 0), (0, 400), (0, 0))))):
        cv2.imwrite(str(tmp_path / "people" / "astronaut" / f"{name}.png"), turned[..., ::-1])
    done = facenas("align", "people", "aligned", "--detector", "dlib", "--json").json
    assert done["status"] == {"aligned": 6}
    first, second = (cv2.imread(str(tmp_path / "aligned" / "astronaut" / f"{name}.png")).astype(int) for name in "ab")
    assert np.abs(first - second).mean() < 8  # the same face in another picture
    assert len(FolderFaces(root="aligned").load(112)) == 6


def test_landmarks_of_a_list(facenas: Command, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "points.txt").write_text(f"ann/1.png 88 96 104 96 96 104 88 112 104 112\nbob/1.png {' '.join(['50'] * 10)}\n")
    facenas("align", photographs, "out", "--landmarks", "points.txt", "--min-size", 1)
    rows = {row["picture"]: row for row in table(tmp_path / "out")}
    assert rows["ann/1.png"]["status"] == "aligned"
    assert rows["ann/1.png"]["left_eye_x"] == "88.00"
    assert rows["ann/1.jpg"]["status"] == "no face"
    assert rows["bob/1.png"]["status"] == "too small"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none", "out", "--detector", "yunet"], "nothing at none; give a folder of pictures"),
        (["photographs", "out"], "give either --detector dlib, --detector yunet, or --landmarks FILE"),
        (["photographs", "photographs/out", "--landmarks", "x"], "must be in a folder of their own"),
        (["photographs", "out", "--landmarks", "none.txt"], "no list of landmarks at none.txt"),
        (["photographs", "out", "--detector", "yunet", "--size", "100"], "multiple of 112 or of 128 pixels, got 100"),
        (["photographs", "out", "--detector", "yunet", "--detector-model", "none.onnx"], "none.onnx is not a YuNet"),
    ],
)  # fmt: skip
def test_one_sentence_and_nothing_written(facenas: Command, photographs: Path, arguments: list[str], sentence: str) -> None:
    done = facenas("align", *arguments, code=1)
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not Path("out").exists()
    assert not (photographs / "out").exists()
