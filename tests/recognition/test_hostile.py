"""Files of strangers: nothing outside the given folders is read, nothing ends in a traceback."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facenas.data import InputContract
from facenas.data.faces import Images
from facenas.errors import DataError, FacenasError
from facenas.recognition import FaceModel
from facenas.recognition.align_folder import FolderAlignment, align_folder, pictures_to_align
from facenas.recognition.aligning import Alignment
from facenas.recognition.embedding import embed_pictures
from facenas.recognition.gallery import load_gallery
from facenas.recognition.landmarks import listed_faces
from facenas.recognition.thresholds import stored_threshold
from tests.data.test_picture_files import HUGE, SEEDS
from tests.recognition.fake_yunet import write_fake_yunet

Command = Callable[..., Any]
watching, opened = set[str](), list[str]()
sys.addaudithook(
    lambda event, arguments: opened.append(str(arguments[0])) if event in watching else None
)  # for good, so it can be silenced


def grey(images: Images) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)[:, :16] + 1


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Everything that is not a picture as it should be, one picture that is, and ways out."""
    (tmp_path / "outside").mkdir()
    cv2.imwrite(str(tmp_path / "outside" / "secret.png"), np.zeros((40, 40, 3), np.uint8))
    root = tmp_path / "in"
    (root / "ann").mkdir(parents=True)
    for number, data in enumerate([*HUGE.values(), b"", b"hello", *(seed[: len(seed) // 2] for seed in SEEDS)]):
        (root / "ann" / f"{number}.jpg").write_bytes(data)
    picture = np.zeros((300, 300, 3), np.uint8)
    picture[80:88, 80:88] = 255
    cv2.imwrite(str(root / "ann" / "good.png"), picture)
    (root / "ann" / "out.png").symlink_to(tmp_path / "outside" / "secret.png")
    (root / "bob").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "ann" / "pipe.png")
    return root


def test_hostile_folders(facenas: Command, hostile: Path, tmp_path: Path) -> None:
    watching.add("open")
    made = ("--detector-model", write_fake_yunet(tmp_path / "yunet.onnx"))
    done = facenas("align", hostile, "out", "--detector", "yunet", *made, "--json")
    assert done.json["status"]["left out"] == 4
    assert done.json["faces"] == 1
    assert done.stderr == ""
    model = FaceModel(Path("m"), InputContract(size=16), "hash", "", grey)
    embedded = embed_pictures(model, pictures_to_align(hostile, tmp_path / "x"), None, Alignment())
    assert "ann/good.png" in {cut.picture for cut, row in zip(embedded.cuts, embedded.rows, strict=True) if row is not None}
    watching.clear()
    assert not [path for path in opened if "secret" in path]
    assert [path for path in opened if "good.png" in path]  # the hook sees what is read


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300))
def test_random_lists_tables_and_galleries(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(b"a.jpg " + data)
    with pytest.raises(DataError):
        listed_faces(tmp_path / "list.txt")
    (tmp_path / "g").mkdir(exist_ok=True)
    (tmp_path / "g" / "gallery.json").write_bytes(data)
    (tmp_path / "g" / "embeddings.npy").write_bytes(data)
    with pytest.raises(FacenasError):
        load_gallery(tmp_path / "g")
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in" / "a.png").write_bytes(data)
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / "faces.csv").write_bytes(b"picture,status\n" + data)
    pictures = pictures_to_align(tmp_path / "in", tmp_path / "out")
    counts = align_folder(pictures, tmp_path / "out", None, FolderAlignment(alignment=Alignment()))
    assert sum(counts.values()) == 1


def test_damaged_evaluations_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "eval").mkdir()
    good = {"model_sha256": "h", "threshold_at_far": {"1e-02": 0.5}, "pairs": 900, "exact_accuracy": 0.9, "protocol": {"flip": True}}
    others = {"sha": good | {"model_sha256": "x", "pairs": 9000}, "flip": good | {"protocol": {"flip": False}, "pairs": 9000}}
    less = {key: value for key, value in good.items() if key != "pairs"}
    for number, content in enumerate(
        ({"good": good}, others, {"less": less, "list": []}, [1], "[" * 100_000, "\xff", {"small": good | {"pairs": 5}})
    ):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "eval" / f"{number}.json").write_text(text, encoding="latin-1")
    assert stored_threshold(tmp_path, "h", 0.01) == (0.5, 0.01, "good", 900)
    assert stored_threshold(tmp_path / "model.onnx", "h", 1e-2).benchmark == "good"
    with pytest.raises(DataError, match=r"no evaluation stored with .* has a threshold at FAR 0\.001; there are 0\.01"):
        stored_threshold(tmp_path, "h", 1e-3)
    with pytest.raises(DataError, match="no evaluation of these weights is stored"):
        stored_threshold(tmp_path, "other", 1e-2)


def test_a_table_cannot_have_files_elsewhere_removed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"")
    keep = tmp_path / "keep.png"
    keep.write_bytes(b"mine")
    settings_, pictures = FolderAlignment(alignment=Alignment()), pictures_to_align(tmp_path / "in", tmp_path / "out")
    align_folder(pictures, tmp_path / "out", None, settings_)
    table = tmp_path / "out" / "faces.csv"
    table.write_text(table.read_text().rstrip("\n") + "../keep.png\n")
    os.utime(tmp_path / "in" / "a.png", ns=(2**62, 2**62))
    align_folder(pictures, tmp_path / "out", None, settings_)
    assert keep.read_bytes() == b"mine"
