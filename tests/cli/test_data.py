import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

Command = Callable[..., Any]
rng = np.random.default_rng(0)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Four people with five photographs each."""
    for person in range(4):
        for number in range(5):
            file = tmp_path / "faces" / f"p{person}" / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), cv2.resize(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8), (40, 36)))
    return tmp_path / "faces"


def test_info(facenas: Command, faces: Path) -> None:
    (faces / "alone").mkdir()
    (faces / "alone" / "1.jpg").write_bytes(b"damaged")
    found = facenas("data", "info", faces, "--json").json
    assert (found["kind"], found["identities"], found["images"]) == ("folder", 5, 21)
    assert found["images_per_identity"] == {"min": 1, "median": 5.0, "max": 5}
    assert found["sampled_sizes"] == {"40 x 36": 20, "unreadable": 1}
    assert found["problems"] == [{"kind": "unreadable", "places": [str(faces / "alone" / "1.jpg")]}]
    shown = facenas("data", "info", faces).stdout
    assert "1 to 5, median 5" in shown
    assert "unreadable" in shown


def test_pack_then_check_against_the_origin(facenas: Command, faces: Path) -> None:
    packed = facenas("data", "pack", faces, "out/train.rec", "--size", "32", "--json").json
    assert (packed["identities"], packed["images"]) == (4, 20)
    assert facenas("data", "check", "out", "--size", "32", "--json").json["problems"] == []
    assert "no problems found" in facenas("data", "check", "out").stdout
    problems = facenas("data", "check", "out", "--size", "32", "--against", faces, "--json", code=1).json["problems"]
    assert [problem["kind"] for problem in problems] == ["overlap of names"] + ["overlap of pictures"] * 20
    assert problems[0]["places"] == ["p0", "p1", "p2", "p3"]
    assert problems[1]["places"] == ["out/train.rec, record 1", str(faces / "p0" / "0.jpg")]
    Path("out/train.names.json").unlink()  # then the names are numbers, and their agreement says nothing
    problems = facenas("data", "check", "out", "--size", "32", "--against", "out", "--json", code=1).json["problems"]
    assert {problem["kind"] for problem in problems} == {"overlap of pictures"}


def test_check_finds_what_is_wrong(facenas: Command, faces: Path) -> None:
    (faces / "p0" / "0.jpg").write_bytes((faces / "p0" / "1.jpg").read_bytes())
    (faces / "p2" / "0.jpg").write_bytes((faces / "p1" / "1.jpg").read_bytes())
    (faces / "p3" / "4.jpg").write_bytes((faces / "p3" / "4.jpg").read_bytes()[:200])
    listed = faces.parent / "list.txt"
    listed.write_text("".join(f"faces/p{p}/{n}.jpg {(0, 1, 3, 4)[p]}\n" for p in range(4) for n in range(5)))
    problems = {problem["kind"]: problem["places"] for problem in facenas("data", "check", listed, "--json", code=1).json["problems"]}
    assert problems == {
        "unreadable": [str(faces / "p3" / "4.jpg")],
        "label gap": ["2"],
        "duplicate": [str(faces / "p0" / "0.jpg"), str(faces / "p0" / "1.jpg")],
        "two identities": [str(faces / "p1" / "1.jpg"), str(faces / "p2" / "0.jpg")],
    }
    shown = facenas("data", "check", listed, code=1).stdout
    assert "problems: 4" in shown


def test_sample(facenas: Command, faces: Path) -> None:
    told = facenas("data", "sample", faces, "--out", "sheet.png", "--size", "32", "--count", "3", "--json").json
    sheet = cv2.imread("sheet.png")
    assert sheet.shape == (told["height"], told["width"], 3) == (3 * 36 + 4, 8 * 36 + 4, 3)
    facenas("data", "sample", faces, "--out", "again.png", "--size", "32", "--count", "3")
    assert Path("again.png").read_bytes() == Path("sheet.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["info", "nowhere"], "nothing at nowhere; give a folder of identities"),
        (["check", "empty"], "has no photographs in folders below it"),
        (["info", "text.txt"], "line 1 of text.txt needs a path, a space or a tab, and an identity"),
        (["info", "short.rec"], "is cut short"),
        (["pack", "nowhere", "a.rec"], "nothing at nowhere"),
        (["pack", "list.txt", "a.bin"], "name ends in .rec, got a.bin"),
        (["pack", "list.txt", "a.rec"], "files are not readable images, among them"),
        (["sample", "list.txt", "--out", "a.jpg"], "ends in .png, got a.jpg"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_sentence(facenas: Command, arguments: list[str], sentence: str) -> None:
    Path("empty").mkdir()
    Path("text.txt").write_text("hello\n")
    Path("list.txt").write_text("missing.jpg 1\n")
    Path("short.rec").write_bytes(b"\x0a\x23\xd7\xce\x40\x00")
    done = facenas("data", *arguments, code=1)
    assert sentence in done.stderr
    assert done.stderr.startswith("facenas: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert not Path("a.rec").exists()


def test_json_is_json_alone(facenas: Command, faces: Path) -> None:
    for command in ("info", "check"):
        assert isinstance(json.loads(facenas("data", command, faces, "--json").stdout), dict)


def test_make_bin(facenas: Command, tmp_path: Path) -> None:
    for number, shape in enumerate([(32, 32), (32, 32), (40, 40), (32, 30)]):
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
    (tmp_path / "pairs.csv").write_text("first,second,same\n0.jpg,1.jpg,1\n0.jpg,2.jpg,0\n")
    made = facenas("data", "make-bin", "pairs.csv", "out/my.bin", "--size", "32", "--json").json
    bins, same = pickle.loads(Path("out/my.bin").read_bytes(), encoding="bytes")
    assert same == [True, False]
    assert bins[0] == bins[2] == (tmp_path / "0.jpg").read_bytes()
    assert bins[1] == (tmp_path / "1.jpg").read_bytes()
    assert bins[3].startswith(b"\x89PNG")
    assert cv2.imdecode(np.frombuffer(bins[3], np.uint8), cv2.IMREAD_COLOR).shape == (32, 32, 3)
    assert made == {
        "file": "out/my.bin",
        "pairs": 2,
        "genuine": 1,
        "impostor": 1,
        "pictures": 3,
        "bytes": Path("out/my.bin").stat().st_size,
    }
    shown = facenas("data", "make-bin", "out/my.bin", "again.bin", "--size", "32")
    assert "2 pairs, 1 of them genuine, of 3 different pictures" in shown.stdout
    assert Path("again.bin").read_bytes() == Path("out/my.bin").read_bytes()
    (tmp_path / "pairs.csv").write_text("0.jpg,3.jpg,1\n")
    assert "3.jpg is 30 x 32 pixels; an aligned face is square" in facenas("data", "make-bin", "pairs.csv", "no.bin", code=1).stderr
    assert not Path("no.bin").exists()
    assert "ends in .bin" in facenas("data", "make-bin", "pairs.csv", "no.pkl", code=1).stderr
