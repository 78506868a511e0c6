"""Models of strangers through the real commands: nothing is shared between two that differ, and each is told what it was taken for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from facenas.data import OrlFaces
from tests.eval.onnx_graphs import CHANNELS_LAST, network

Command = Callable[..., Any]
QUICK = ("--benchmark", "folder", "--data", "people", "--set", "replicates=0", "--set", "data.test_people=0", "--json")


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six people of ORL, 32 x 32, and a cache of the test's own."""
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "cache"))
    faces = OrlFaces().load(32)
    for row in range(60):
        folder = tmp_path / "people" / faces.names[faces.identities[row]]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{row % 10}.png"), faces.image(row)[..., ::-1])
    return tmp_path / "people"


def test_weights_outside_of_the_graph_decide(facenas: Command, people: Path) -> None:
    for seed in (1, 2):
        Path(f"m{seed}").mkdir()
        onnx.save(network(seed=seed), f"m{seed}/model.onnx", save_as_external_data=True, location="model.data", size_threshold=0)
    first = facenas("eval", "--model", "m1/model.onnx", *QUICK).json["folder"]
    kept = facenas("eval", "--model", "m2/model.onnx", *QUICK).json["folder"]
    computed = facenas("eval", "--model", "m2/model.onnx", *QUICK, "--set", "cache=false").json["folder"]
    assert first["model_sha256"] != kept["model_sha256"] == computed["model_sha256"]
    assert first["auc"] != kept["auc"] == computed["auc"]
    facenas("gallery", "build", people, "--model", "m1/model.onnx", "--out", "g")
    picture = next(people.rglob("*.png"))
    assert (
        "their embeddings cannot be compared" in facenas("identify", picture, "--gallery", "g", "--model", "m2/model.onnx", code=1).stderr
    )
    shutil.copyfile("m2/model.data", "m1/model.data")
    assert "their embeddings cannot be compared" in facenas("identify", picture, "--gallery", "g", code=1).stderr


def test_kept_embeddings_are_those_of_the_processor(facenas: Command, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx.save(network(), "model.onnx")
    counts = []
    for limit in ("", "", "AVX2"):
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
        facenas("eval", "--model", "model.onnx", *QUICK)
        counts.append(len(list(Path("cache/embeddings").iterdir())))
    assert counts[0] == counts[1] < counts[2]


def test_a_threshold_is_of_one_input_and_each_file_keeps_its_own(facenas: Command, people: Path) -> None:
    onnx.save(network(), "model.onnx")
    onnx.save(network(seed=2), "model-int8.onnx")
    for file in ("model.onnx", "model-int8.onnx"):
        facenas("eval", "--model", file, *QUICK)
    pair = sorted(people.rglob("*.png"))[:2]
    for file in ("model.onnx", "model-int8.onnx"):
        stored = json.loads(Path(f"eval/folder-{file}.json").read_text())["folder"]["threshold_at_far"]["1e-01"]
        assert facenas("compare", *pair, "--model", file, "--far", 0.1, "--json").json["threshold"] == stored
    other = facenas("compare", *pair, "--model", "model.onnx", "--far", 0.1, "--set", "input.mean=100", "--json").json
    assert other["threshold"] is None
    assert "gave it another input" in other["no_threshold"]


def test_axes_that_only_the_user_knows_stay_with_the_gallery(facenas: Command, people: Path) -> None:
    onnx.save(network([CHANNELS_LAST], reads="nchw", shape=["n", "h", "w", "c"]), "last.onnx")
    onnx.save(network(), "first.onnx")
    told = ("--set", "input.size=32", "--set", "input.layout=nhwc")
    rows = [facenas("eval", "--model", file, *QUICK, *more).json["folder"] for file, more in (("first.onnx", ()), ("last.onnx", told))]
    assert rows[0]["auc"] == rows[1]["auc"]
    assert rows[1]["input"]["layout"] == "nhwc"
    facenas("gallery", "build", people, "--model", "last.onnx", *told, "--out", "g")
    picture = next(people.rglob("*.png"))
    found = facenas("identify", picture, "--gallery", "g", "--json").json["found"][0]["candidates"]
    assert found[0]["name"] == picture.parent.name
    row = facenas("bench", "last.onnx", "first.onnx", "--batch", 2, "--threads", 1, "--rounds", 1, "--json", code=1)
    assert "cannot be run on an input of 2 x 112 x 112 x 3" in row.stderr


def test_a_network_for_tall_crops(facenas: Command, people: Path) -> None:
    onnx.save(network(height=112, width=96), "tall.onnx")
    rng, lines = np.random.default_rng(0), list[str]()
    for person in range(1, 9):
        for number in range(1, 5):
            file = Path("lfw", f"P{person}", f"P{person}_{number:04d}.png")
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), rng.integers(0, 256, (112, 96, 3), dtype=np.uint8))
        other = person % 8 + 1
        lines += [f"P{person}\t1\t2", f"P{person}\t1\tP{other}\t2", f"P{person}\t3\t4", f"P{person}\t3\tP{other}\t4"]
    Path("lfw/pairs.txt").write_text("\n".join(lines))
    measured = facenas("eval", "--model", "tall.onnx", "--benchmark", "pairs", "--data", "lfw/pairs.txt", "--set", "replicates=0", "--json")
    assert measured.json["pairs"]["input"]["size"] == [112, 96]
    assert "96 x 112; override" in measured.stderr
    done = facenas("embed", "lfw", "e.npy", "--model", "tall.onnx", "--json").json
    assert (done["embeddings"], done["size"]) == (32, 8)


def test_files_that_are_no_models(facenas: Command, people: Path) -> None:
    Path("run").mkdir()
    for name in ("model.pt2", "best.pth", "last.safetensors"):
        Path("run", name).write_bytes(b"x")
        assert f"run/{name} is no model that can be read; give" in facenas("eval", "--model", f"run/{name}", code=1).stderr
    onnx.save(network(), "model.onnx")
    assert "model.onnx is no model.json and no model.safetensors" in facenas("export", "--model", "model.onnx", code=1).stderr
    assert "ONNX file" not in facenas("export", "--help").stdout
