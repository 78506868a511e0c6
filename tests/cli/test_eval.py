"""`facenas eval` on every kind of benchmark and model, through real files."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from facenas.data import InputContract, OrlFaces, balanced_pairs, open_tinyface
from facenas.data.sources.face_sources import test_names as kept_for_testing
from facenas.eval import torch_embedder
from facenas.training.models import Seen, load_model, save_model
from tests.conftest import save_random_model
from tests.data.test_ijb import ijbc  # noqa: F401
from tests.data.test_tinyface import tinyface  # noqa: F401

Command = Callable[..., Any]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A run with a network of random weights, for pictures of 112 x 112."""
    save_random_model(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def orl(tmp_path: Path) -> Path:
    """The test people of the ORL photographs as a folder, and the pairs that are drawn from it as a list."""
    source = OrlFaces()
    faces = source.load(112)
    test = faces.of(kept_for_testing(source, faces))
    test = test.rows(np.argsort(test.identities, kind="stable"))  # as a folder is read
    root = tmp_path / "orl"
    paths = []
    for row, (image, person) in enumerate(zip(test.images, test.identities.tolist(), strict=True)):
        path = Path(f"{person:02}") / f"{row:03}.png"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), image[..., ::-1])
        paths.append(path)
    pairs = balanced_pairs(test.identities, seed=0)
    lines = [f"{paths[a]},{paths[b]},{int(same)}" for a, b, same in zip(pairs.first, pairs.second, pairs.same, strict=True)]
    (root / "pairs.csv").write_text("first,second,same\n" + "\n".join(lines) + "\n")
    return root


FIGURES = ("accuracy", "std", "exact_accuracy", "auc", "eer", "tar_at_far", "pairs", "correct")


@pytest.mark.slow
def test_orl_by_every_way_gives_the_same_figures_to_the_digit(facenas: Command, model: Path, orl: Path) -> None:
    as_folder = ("--benchmark", "folder", "--data", orl, "--set", "data.test_people=0")
    wanted = facenas("eval", "--model", model, *as_folder, "--json").json["folder"]
    assert wanted["pairs"] == 900
    assert 0.6 < wanted["accuracy"] < 1
    assert wanted["accuracy_low"] < wanted["accuracy"] < wanted["accuracy_high"]
    assert set(wanted["tar_at_far"]) == set(wanted["threshold_at_far"]) == {"1e-01", "1e-02"}
    assert wanted["refused"]["1e-03"] == "needs at least 1,000 impostor pairs, got 450"
    facenas("data", "make-bin", orl / "pairs.csv", orl / "lfw.bin")
    listed = facenas("eval", "--model", model, "--benchmark", "pairs", "--data", orl / "pairs.csv", "--json").json["pairs"]
    filed = facenas("eval", "--model", model, "--benchmark", "pairs", "--data", orl / "lfw.bin", "--json").json["pairs"]
    named = facenas("eval", "--model", model, "--benchmark", "lfw", "--data", orl, "--json")
    onnx = facenas("export", "--model", model, "--check-on", "orl", "--json").json["file"]
    exported = facenas("eval", "--model", onnx, "--benchmark", "lfw", "--data", orl, "--json").json["lfw"]
    ways = {"list": listed, "file": filed, "name": named.json["lfw"], "onnx": exported}
    for way, other in ways.items():
        for figure in FIGURES:
            assert other[figure] == pytest.approx(wanted[figure], abs=1e-5 if figure in ("auc", "eer") else 0), (way, figure)
    assert "900 pairs, the official lfw has 6,000" in named.stderr
    assert named.json["lfw"]["remarks"] == [named.stderr.strip().removeprefix("lfw: ")]
    assert filed["data_sha256"] == listed["data_sha256"]  # the same pictures
    assert filed["model_sha256"] == wanted["model_sha256"]
    assert json.loads((model / "eval" / "lfw.json").read_text())["lfw"]["versions"]["facenas"]


def test_all_benchmarks_that_are_there(facenas: Command, model: Path, orl: Path) -> None:
    for name in ("lfw", "agedb_30"):
        facenas("data", "make-bin", orl / "pairs.csv", orl / f"{name}.bin")
    done = facenas("eval", "--model", model, "--benchmark", "all", "--data", orl, "--json")
    assert set(done.json) == {"lfw", "agedb_30"}
    assert "not there, left out: calfw, cfp_fp, cplfw, ijbb, ijbc, tinyface" in done.stderr
    assert "--data has none of" in facenas("eval", "--model", model, "--benchmark", "all", "--data", model, code=1).stderr


def test_saved_embeddings_give_what_the_model_gives(facenas: Command, model: Path, orl: Path, tmp_path: Path) -> None:
    wanted = facenas("eval", "--model", model, "--benchmark", "pairs", "--data", orl / "pairs.csv", "--json").json["pairs"]
    embed = torch_embedder(load_model(model).network, InputContract(), torch.device("cpu"))
    lines = [line.split(",")[:2] for line in (orl / "pairs.csv").read_text().splitlines()[1:]]
    both = [path for pair in lines for path in pair]

    def features(paths: list[str]) -> np.ndarray:
        images = np.stack([cv2.imread(str(orl / path))[..., ::-1] for path in paths])
        return np.concatenate([embed(part) + embed(part[:, :, ::-1]) for part in np.array_split(images, 20)])

    each = features(list(dict.fromkeys(both)))
    where = {path: row for row, path in enumerate(dict.fromkeys(both))}
    np.save(tmp_path / "each.npy", each)
    np.save(tmp_path / "both.npy", each[[where[path] for path in both]])
    for name in ("each", "both"):
        found = facenas("eval", "--model", tmp_path / f"{name}.npy", "--benchmark", "pairs", "--data", orl / "pairs.csv", "--json").json[
            "pairs"
        ]
        assert [found[key] for key in FIGURES if key != "auc"] == [wanted[key] for key in FIGURES if key != "auc"]
    np.save(tmp_path / "few.npy", each[:7])
    few = facenas("eval", "--model", tmp_path / "few.npy", "--benchmark", "pairs", "--data", orl / "pairs.csv", code=1).stderr
    assert "holds 7 embeddings, the benchmark has 100 pictures and 1,800 in its pairs" in few
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    for file in ("objects.npy", "none.npy"):
        assert "does not hold embeddings" in facenas("eval", "--model", tmp_path / file, "--benchmark", "orl", code=1).stderr


def test_a_network_of_timm(facenas: Command, orl: Path, tmp_path: Path) -> None:
    save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), tmp_path / "w.safetensors")
    name = f"timm:test_resnet@{tmp_path / 'w.safetensors'}"
    found = facenas("eval", "--model", name, "--benchmark", "pairs", "--data", orl / "pairs.csv", "--run", tmp_path / "t", "--json")
    assert found.json["pairs"]["pairs"] == 900
    assert "input by its own convention: RGB" in found.stderr
    assert "did you mean 'test_resnet'" in facenas("eval", "--model", "timm:test_resnett", code=1).stderr


def test_what_travels_with_the_weights_is_not_overridden(facenas: Command, model: Path) -> None:
    facenas("export", "--model", model, "--check-on", "orl")
    for path in (model, model / "model.onnx"):
        said = facenas("eval", "--model", path, "--benchmark", "orl", "--set", "input.color=bgr", code=1).stderr
        assert "was trained with input.color=rgb, it cannot be measured with bgr" in said
        assert "Traceback" not in said
    facenas("eval", "--model", model, "--benchmark", "orl", "--set", "input.color=rgb")


def test_ijb_through_its_files(facenas: Command, model: Path, ijbc: Path) -> None:  # noqa: F811
    done = facenas("eval", "--model", model, "--benchmark", "ijbc", "--data", ijbc, "--json")
    found = done.json["ijbc"]
    assert (found["pairs"], found["genuine"], found["probes"]) == (4, 2, 2)
    assert "8 images, officially 469,375" in done.stderr
    assert found["refused"]["1e-01"] == "needs at least 10 impostor pairs, got 2"
    assert "FPIR 0.01 needs at least 100 probes" in found["open_set_refused"]["0.01"]
    again = facenas("eval", "--model", model, "--benchmark", "ijbc", "--data", ijbc)  # as a table
    assert "genuine" in again.stdout and "%" in again.stdout


def test_tinyface_through_its_files(facenas: Command, model: Path, tinyface: Path) -> None:  # noqa: F811
    found = facenas("eval", "--model", model, "--benchmark", "tinyface", "--data", tinyface, "--json").json["tinyface"]
    assert set(found["rank"]) == {"1", "5", "20"}
    assert found["rank"]["1"] <= found["rank"]["5"] <= found["rank"]["20"] <= 1


@pytest.mark.slow
def test_models_side_by_side(facenas: Command, model: Path, orl: Path, tmp_path: Path) -> None:
    facenas("data", "make-bin", orl / "pairs.csv", orl / "lfw.bin")
    onnx = facenas("export", "--model", model, "--check-on", "orl", "--json").json["file"]
    worse = tmp_path / "worse.npy"
    np.save(worse, np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32))
    folder = tmp_path / "side"
    arguments = ("eval", "--compare", model, onnx, worse, "--benchmark", "lfw", "--data", orl, "--run", folder)
    done = facenas(*arguments, "--json").json["lfw"]
    assert set(done["models"]) == {str(model), onnx, str(worse)}
    same, better = done["differences"]
    assert (same["value"], same["p"]) == (0, 1)
    assert 0 < better["low"] < better["value"] < better["high"]
    assert better["p"] < 0.01
    assert cv2.imread(str(folder / "lfw-roc.png")).shape[2] == 3
    page = (folder / "comparison.html").read_text()
    assert "EGNAS small, R-58-256 (paper)" in page and "99.33" in page and "data:image/png;base64," in page
    text = facenas(*arguments)
    assert "lfw: the accuracy of" in text.stdout
    assert "give one model" in facenas("eval", model, onnx, code=1).stderr


def test_searches_side_by_side(facenas: Command, model: Path, tinyface: Path, tmp_path: Path) -> None:  # noqa: F811
    facenas("eval", "--model", model, "--benchmark", "tinyface", "--data", tinyface)
    rows = open_tinyface(tinyface).count
    np.save(tmp_path / "same.npy", np.ones((rows, 4), np.float32))
    arguments = ("eval", "--compare", model, tmp_path / "same.npy", "--benchmark", "tinyface", "--data", tinyface, "--run", tmp_path)
    (found,) = facenas(*arguments, "--json").json["tinyface"]["differences"]
    assert (found["rate"], found["first"]) == ("rank 1", str(model))
    assert "tinyface: the rank 1 of" in facenas(*arguments).stdout


@pytest.mark.slow
@pytest.mark.extra("dlib")
def test_a_network_that_no_one_here_trained_knows_the_orl_people(facenas: Command, orl: Path, tmp_path: Path) -> None:
    """dlib's recogniser with dlib's detector: if the protocol were wrong, it would show."""
    import dlib

    found = importlib.util.find_spec("face_recognition_models")
    assert found and found.submodule_search_locations
    weights = Path(found.submodule_search_locations[0]) / "models"
    detector = dlib.get_frontal_face_detector()
    points = dlib.shape_predictor(str(weights / "shape_predictor_5_face_landmarks.dat"))
    network = dlib.face_recognition_model_v1(str(weights / "dlib_face_recognition_resnet_model_v1.dat"))
    paths = dict.fromkeys(path for line in (orl / "pairs.csv").read_text().splitlines()[1:] for path in line.split(",")[:2])
    rows = []
    for path in paths:
        image = cv2.resize(cv2.imread(str(orl / path))[..., ::-1], (230, 280), interpolation=cv2.INTER_CUBIC)  # upright again
        image = cv2.copyMakeBorder(image, 40, 40, 40, 40, cv2.BORDER_REPLICATE)  # the faces fill the pictures
        boxes = [*detector(image, 1), *detector(image, 2), dlib.rectangle(60, 100, 250, 290)]  # where a face of ORL is
        face = boxes[0]
        rows.append(np.array(network.compute_face_descriptor(image, points(image, face)), np.float32))
    np.save(tmp_path / "dlib.npy", np.stack(rows))
    result = facenas("eval", "--model", tmp_path / "dlib.npy", "--benchmark", "pairs", "--data", orl / "pairs.csv", "--json").json["pairs"]
    assert result["auc"] > 0.99
    assert result["accuracy"] > 0.97


def test_models_that_have_seen_other_people_are_not_compared(facenas: Command, model: Path, tmp_path: Path) -> None:
    other = load_model(model)
    names = OrlFaces().load(16).names
    seen = (Seen(dataset="orl", identities=tuple(sorted(names[:10]))),)
    card = other.card
    save_model(tmp_path / "other", other.network, blueprint=card.blueprint, contract=card.input, metrics={}, seen=seen)
    done = facenas("eval", "--compare", model, tmp_path / "other", "--benchmark", "orl", "--set", "most_pairs=50", "--json")
    assert done.json["orl"]["differences"] == []
    assert "have seen different people, so their questions differ and are not compared" in done.stderr
