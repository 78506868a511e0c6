"""`embed`, `compare`, `gallery build` and `identify` on real photographs, with a network of random weights."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import facenas as package
from facenas import cli
from facenas.data import InputContract, OrlFaces
from facenas.errors import DataError, ModelError
from facenas.eval import torch_embedder
from facenas.training.models import load_model
from tests.conftest import save_random_model
from tests.recognition.fake_yunet import write_fake_yunet

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with an evaluation, exported, and the ORL photographs of ten people in folders."""
    root = tmp_path_factory.mktemp("use")
    save_random_model(root / "model", size=64)
    faces = OrlFaces().load(112)
    for row in range(100):
        name = faces.names[faces.identities[row]]
        (root / "people" / name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / "people" / name / f"{row % 10}.png"), faces.image(row)[..., ::-1])
    told = ["--benchmark", "folder", "--data", str(root / "people"), "--set", "data.test_people=0"]
    assert cli.run(["eval", "--model", str(root / "model"), *told]) == 0
    assert cli.run(["export", "--model", str(root / "model"), "--check-on", "orl"]) == 0
    return root


def pictures(place: Path, *names: str) -> list[Path]:
    return [place / "people" / name for name in names]


def test_a_loaded_model_embeds_as_the_evaluation_does(place: Path) -> None:
    model = package.load(place / "model")
    assert model.contract.size == 64
    files = pictures(place, "s1/0.png", "s1/1.png", "s2/0.png")
    images = np.stack([cv2.imread(str(file))[..., ::-1] for file in files])
    found = model.embed(images)
    assert found.shape == (3, 32)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    small = np.stack([cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA) for image in images])
    embed = torch_embedder(load_model(place / "model").network, InputContract(size=64), torch.device("cpu"))
    wanted = embed(small) + embed(small[:, :, ::-1])
    assert np.allclose(found, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-5)
    assert np.allclose(model.embed([str(file) for file in files]), found)
    assert np.allclose(model.embed(np.concatenate([images] * 30))[-3:], found, atol=1e-5)  # more than a batch
    for wrong in (images[0], images.astype(np.float32), images[..., :1], images[:0], []):
        with pytest.raises(DataError, match=r"must be RGB of shape \(B, H, W, 3\)|must be a face to embed"):
            model.embed(wrong)
    threshold = model.threshold(0.1)
    assert threshold.benchmark == "folder"
    assert threshold.pairs == 900


def test_what_cannot_be_loaded(place: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 3), np.float32))
    with pytest.raises(ModelError, match="embeds nothing"):
        package.load(tmp_path / "x.npy")
    with pytest.raises(ModelError, match=r"no model\.json"):
        package.load(tmp_path)
    with pytest.raises(ModelError, match="cannot be measured with bgr"):
        package.load(place / "model", color="bgr")
    with pytest.raises(AttributeError, match="no attribute 'loud'"):
        package.loud  # noqa: B018


def test_embed_tells_what_became_of_every_picture(facenas: Command, place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "people" / "s1", tmp_path / "in" / "s1")
    (tmp_path / "in" / "s1" / "3.png").write_bytes(b"")
    cv2.imwrite(str(tmp_path / "in" / "tall.png"), np.zeros((80, 60, 3), np.uint8))
    done = facenas("embed", "in", "out/faces.npy", "--model", place / "model", "--json").json
    assert (done["pictures"], done["embeddings"], done["size"]) == (11, 10, 32)
    values, rows = np.load("out/faces.npy"), list(csv.DictReader(Path("out/faces.csv").read_text().splitlines()))
    assert values.shape == (10, 32)
    assert [row["row"] for row in rows] == ["0", "1", "2", "3", "", "4", "5", "6", "7", "8", "9"]
    assert rows[0] == {
        "row": "0",
        "picture": "tall.png",
        "status": "as it is",
        "reason": "60 x 80 pixels, taken for an aligned face as it is",
    }
    assert rows[4] == {"row": "", "picture": "s1/3.png", "status": "unreadable", "reason": "is empty; restore it"}
    assert np.allclose(values[4], package.load(place / "model").embed(pictures(place, "s1/4.png"))[0], atol=1e-5)
    made = ("--align", "yunet", "--detector-model", write_fake_yunet(tmp_path / "yunet.onnx"))
    said = facenas("embed", "in", "none.npy", "--model", place / "model", *made, code=1).stderr
    assert "none of the 11 pictures shows a face, none.csv says why" in said
    assert "written to a .npy file" in facenas("embed", "in", "x.txt", "--model", place / "model", code=1).stderr


def test_compare_two_photographs(facenas: Command, place: Path, tmp_path: Path) -> None:
    first, second, other = pictures(place, "s1/0.png", "s1/1.png", "s2/0.png")
    model = ("--model", place / "model")
    done = facenas("compare", first, second, *model, "--far", 0.1, "--json").json
    a, b = package.load(place / "model").embed([first, second])
    assert done["score"] == pytest.approx(float(a @ b), abs=1e-6)
    report = json.loads((place / "model" / "eval" / "folder.json").read_text())["folder"]
    assert done["threshold"] == report["threshold_at_far"]["1e-01"]
    assert done["same"] == (done["score"] >= done["threshold"])
    assert facenas("compare", first, first, *model, "--far", 0.1).stdout.startswith("one person: score 1.000, threshold ")
    none = facenas("compare", first, other, *model, "--json").json
    assert none["same"] is None
    assert "folder needs at least 1,000 impostor pairs, got 450" in none["no_threshold"]
    own = facenas("compare", first, other, *model, "--threshold", 1.5, "--json").json
    assert (own["same"], own["far"], own["threshold"]) == (False, None, 1.5)
    shutil.copytree(place / "model", tmp_path / "alone", ignore=shutil.ignore_patterns("eval"))
    said = facenas("compare", first, other, "--model", tmp_path / "alone").stdout
    assert said.startswith("score ")
    assert "no verdict: no evaluation of these weights is stored" in said


def test_an_onnx_file_has_the_threshold_of_its_own_evaluation(facenas: Command, place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "model", tmp_path / "model")
    first, second = pictures(place, "s1/0.png", "s1/1.png")
    assert "no verdict" in facenas("compare", first, second, "--model", "model/model.onnx", "--far", 0.1).stdout
    facenas("eval", "--model", "model/model.onnx", "--benchmark", "folder", "--data", place / "people", "--set", "data.test_people=0")
    by_file = facenas("compare", first, second, "--model", "model/model.onnx", "--far", 0.1, "--json").json
    by_run = facenas("compare", first, second, "--model", "model", "--far", 0.1, "--json").json
    assert by_file["threshold"] == pytest.approx(by_run["threshold"], abs=1e-5)
    assert by_file["score"] == pytest.approx(by_run["score"], abs=1e-5)


def test_compare_decides_by_what_is_given(facenas: Command, place: Path) -> None:
    first, second = pictures(place, "s1/0.png", "s1/1.png")
    for given in ((first, second), (first, place), (first, place, "--model", place / "model"), (first, "--model", place / "model")):
        said = facenas("compare", *given, code=1).stderr
        assert "compare takes two pictures and --model, or folders of searches and no model; got" in said
    assert "no journal in" in facenas("compare", place, place, code=1).stderr
    assert "none.jpg is no file" in facenas("compare", first, "none.jpg", "--model", place / "model", code=1).stderr


def test_a_face_that_is_not_there(facenas: Command, place: Path, tmp_path: Path) -> None:
    made = ("--align", "yunet", "--detector-model", write_fake_yunet(tmp_path / "yunet.onnx"))
    cv2.imwrite("none.png", np.zeros((100, 100, 3), np.uint8))
    said = facenas("compare", "none.png", "none.png", "--model", place / "model", *made, code=1).stderr
    assert said.strip() == "facenas: none.png shows no usable face: no face; give another picture, or another --align"


@pytest.fixture
def people(place: Path, tmp_path: Path) -> Path:
    """A gallery of eight people by their first five photographs each, one of whom is a single picture."""
    for name in ("s1", "s2", "s3", "s4", "s5", "s6", "s7"):
        for number in range(5):
            (tmp_path / "known" / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(place / "people" / name / f"{number}.png", tmp_path / "known" / name)
    shutil.copy(place / "people" / "s8" / "0.png", tmp_path / "known" / "eve.png")
    return tmp_path / "known"


def test_a_gallery_knows_its_people(facenas: Command, place: Path, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (people / "s1" / "bad.png").write_text("no picture")
    built = facenas("gallery", "build", people, "--model", place / "model", "--out", "g", "--json").json
    assert (built["people"], built["pictures"]) == (8, 36)
    assert [one["picture"] for one in built["left_out"]] == ["s1/bad.png"]
    assert sorted(path.name for path in Path("g").iterdir()) == ["embeddings.npy", "gallery.json"]
    seen = facenas("identify", place / "people" / "s3" / "0.png", "--gallery", "g", "--threshold", 0.5, "--json").json
    assert seen["found"][0]["person"] == "s3"
    assert len(seen["found"][0]["candidates"]) == 5
    eve = facenas("identify", place / "people" / "s8" / "0.png", "--gallery", "g", "--far", 0.1, "--top", 20, "--json").json
    assert (eve["found"][0]["person"], len(eve["found"][0]["candidates"])) == ("eve", 8)
    assert eve["benchmark"] == "folder"
    model = package.load(place / "model")
    known = model.embed(sorted((people / "s3").glob("*.png"))).mean(axis=0)
    score = float(model.embed(pictures(place, "s3/0.png"))[0] @ known / np.linalg.norm(known))
    assert seen["found"][0]["candidates"][0]["score"] == pytest.approx(score, abs=1e-5)
    unknown = facenas("identify", place / "people" / "s9" / "0.png", "--gallery", "g", "--threshold", 1.5)
    assert "unknown" in unknown.stdout
    assert "no verdict" in facenas("identify", place / "people" / "s9" / "0.png", "--gallery", "g").stdout


def test_a_gallery_keeps_a_person_together_and_is_not_replaced_unasked(facenas: Command, place: Path, people: Path, tmp_path: Path) -> None:
    for name in ("frontal", "profile"):
        shutil.copytree(people / "s1", people / "s9" / name)
    built = facenas("gallery", "build", people, "--model", place / "model", "--out", "g", "--json").json
    assert (built["people"], built["several_faces"]) == (9, {})
    shutil.copytree(people / "s2", people / "s10")
    assert "10 people" in facenas("gallery", "build", people, "--model", place / "model", "--out", "g").stdout
    shutil.copytree(people / "s1", "others/s1")
    said = facenas("gallery", "build", "others", "--model", place / "model", "--out", "g", code=1).stderr
    assert "g holds another gallery already, 10 people of" in said
    made = ("--detector", "yunet", "--detector-model", write_fake_yunet(tmp_path / "yunet.onnx"))
    group = np.zeros((200, 300, 3), np.uint8)
    group[80:88, 80:88] = group[80:88, 200:208] = 255
    cv2.imwrite("others/group.png", group)
    shown = facenas("gallery", "build", "others", "--model", place / "model", "--out", "g", "--replace", *made).stdout
    assert "several faces in 1 pictures: group.png (2)" in shown


def test_pictures_that_do_not_look_like_aligned_faces_are_told(facenas: Command, place: Path, people: Path) -> None:
    face = cv2.imread(str(people / "s1" / "0.png"))
    cv2.imwrite(str(people / "s1" / "0.png"), cv2.resize(face, (92, 112)))
    cv2.imwrite(str(people / "s2" / "0.png"), cv2.resize(face, (250, 250)))
    for command in (("gallery", "build", people, "--out", "g"), ("embed", people, "e.npy")):
        said = facenas(*command, "--model", place / "model").stderr
        assert "2 of 36 pictures do not look like aligned faces: s1/0.png (92 x 112 pixels, taken for an aligned face as it is)" in said


def test_a_gallery_refuses_another_model(facenas: Command, place: Path, people: Path) -> None:
    facenas("gallery", "build", people, "--model", place / "model", "--out", "g")
    picture = place / "people" / "s1" / "0.png"
    said = facenas("identify", picture, "--gallery", "g", "--model", place / "model" / "model.onnx", code=1).stderr
    assert "the gallery was built with" in said
    assert "cannot be compared" in said
    shutil.copytree(place / "model", "moved")
    facenas("identify", picture, "--gallery", "g", "--model", "moved", "--json")


def test_the_input_of_a_foreign_model_is_kept_by_its_gallery(facenas: Command, place: Path, people: Path) -> None:
    import onnx

    model = onnx.load(place / "model" / "model.onnx")
    del model.metadata_props[:]
    onnx.save(model, "foreign.onnx")
    built = facenas("gallery", "build", people, "--model", "foreign.onnx", "--set", "input.color=bgr", "--out", "g")
    assert "says nothing about its input" in built.stderr
    picture = place / "people" / "s8" / "0.png"
    found = facenas("identify", picture, "--gallery", "g", "--json").json["found"][0]["candidates"][0]
    assert found["name"] == "eve"
    assert found["score"] == pytest.approx(1, abs=1e-5)


def test_a_damaged_gallery(facenas: Command, place: Path, people: Path) -> None:
    picture = place / "people" / "s1" / "0.png"
    assert "no gallery in none" in facenas("identify", picture, "--gallery", "none", code=1).stderr
    facenas("gallery", "build", people, "--model", place / "model", "--out", "g")
    card = json.loads(Path("g/gallery.json").read_text())
    Path("g/gallery.json").write_text(json.dumps(card | {"people": card["people"][1:]}))
    assert "an embedding of each of the 7 people" in facenas("identify", picture, "--gallery", "g", code=1).stderr
    np.save("g/embeddings.npy", np.array([{}, None], dtype=object), allow_pickle=True)
    assert "is not the file that" in facenas("identify", picture, "--gallery", "g", code=1).stderr
    Path("g/gallery.json").write_text("{}")
    assert "does not hold a gallery: people: Field required; build" in facenas("identify", picture, "--gallery", "g", code=1).stderr
    (people / "empty").mkdir()
    assert "holds no files" in facenas("gallery", "build", people / "empty", "--model", place / "model", "--out", "h", code=1).stderr
