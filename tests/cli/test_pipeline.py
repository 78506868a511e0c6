"""The real commands, one after another, on drawn faces."""

import gzip
import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from torchvision import datasets

from tests.conftest import FASHION_MNIST, needs_fashion_mnist

Command = Callable[..., Any]


def test_search_train_eval_export(facenas: Command, tmp_path: Path) -> None:
    start = time.perf_counter()
    found = facenas("search", "--config", "smoke", "--run", "s", "--json").json
    assert time.perf_counter() - start < 60
    rows = facenas("journal", "s", "--json").json
    assert [row["step"] for row in rows] == list(range(found["candidates"]))
    assert {row["phase"] for row in rows} == {"grow", "prune", "operations", "kernels"}
    for row in rows:
        assert 0 <= row["correct"] <= row["total"]
        assert row["verdict"] in {"accepted", "neutral", "rejected"}
        assert row["architecture"]["space"] == "ir"
    assert json.loads((tmp_path / "s" / "architecture.json").read_text())["architecture"] == found["architecture"]

    trained = facenas("train", "--config", "smoke", "--architecture", "s", "--run", "m", "--json").json
    assert trained["architecture"] == found["architecture"]
    assert trained["parameters"] == found["parameters"]
    assert trained["validation_accuracy"] > 0.7

    measured = facenas("eval", "--model", "m", "--benchmark", "synthetic", "--baselines", "--json").json
    assert measured["synthetic"]["pairs"] == 448  # 8 people that were kept for testing, 28 pairs each, and as many impostors
    assert measured["synthetic"]["accuracy"] > 0.7
    assert set(measured["baselines"]) == {"raw pixels", "eigenfaces", "fisherfaces"}
    assert json.loads((tmp_path / "m" / "eval" / "synthetic.json").read_text())["synthetic"] == measured["synthetic"]

    exported = facenas("export", "--model", "m", "--check-on", "synthetic", "--json").json
    assert exported["parity"]["min_cosine"] > 0.9999
    assert sorted(path.name for path in (tmp_path / "m").glob("*onnx*")) == ["model.onnx", "model.onnx.json"]
    deployed = facenas("eval", "--model", "m/model.onnx", "--benchmark", "synthetic", "--json").json
    for key in ("accuracy", "pairs", "correct"):
        assert deployed["synthetic"][key] == measured["synthetic"][key]

    session = onnxruntime.InferenceSession(tmp_path / "m" / "model.onnx")
    assert (len(session.get_inputs()), len(session.get_outputs())) == (1, 1)
    for batch in (1, 5):
        assert session.run(None, {"input": np.zeros((batch, 3, 32, 32), np.float32)})[0].shape == (
            batch,
            8 * found["architecture"]["width"],
        )


@pytest.mark.slow
def test_plain_space_on_digits(facenas: Command) -> None:
    small = [
        "--set",
        "strategy.max_depth=6",
        "--set",
        "strategy.min_width=12",
        "--set",
        "strategy.macro_epochs=1",
        "--set",
        "strategy.micro_epochs=1",
    ]
    found = facenas("search", "--config", "digits", "--run", "s", *small, "--json").json
    assert found["architecture"]["space"] == "plain"
    trained = facenas("train", "--config", "digits", "--architecture", "s", "--set", "epochs=3", "--run", "m", "--json").json
    assert trained["identity"] == found["identity"]
    measured = facenas("eval", "--model", "m", "--benchmark", "test", "--json").json["test"]
    assert measured["total"] == 360 and measured["low"] < measured["accuracy"] < measured["high"]
    assert facenas("export", "--model", "m", "--json").json["parity"]["min_cosine"] > 0.9999
    assert facenas("eval", "--model", "m/model.onnx", "--benchmark", "test", "--json").json["test"] == measured
    assert "is a classifier" in facenas("eval", "--model", "m", "--benchmark", "synthetic", code=1).stderr
    assert "lie in no folder" in facenas("eval", "--model", "m", "--benchmark", "test", "--data-root", ".", code=1).stderr


@pytest.mark.slow
@needs_fashion_mnist
def test_what_is_found_on_fashion_mnist_is_what_is_trained(facenas: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    small = ["min_depth=5", "max_depth=5", "max_width=16", "macro_epochs=1", "micro_epochs=1"]
    settings = [part for value in small for part in ("--set", f"strategy.{value}")]
    found = facenas("search", "--config", "fashionmnist-cpu", "--run", "s", "--set", "data_fraction=0.004", *settings, "--json").json
    options = ["--config", "fashionmnist-600", "--architecture", "s", "--set", "epochs=1", "--set", "recipe.batch_size=512"]
    trained = facenas("train", *options, "--run", "m", "--data-root", first_of_fashion_mnist(tmp_path, 2048), "--json").json
    assert (trained["identity"], trained["parameters"]) == (found["identity"], found["parameters"])
    assert "validation_accuracy" not in trained  # it was trained on all training images
    assert facenas("eval", "--model", "m", "--benchmark", "test", "--json").json["test"]["total"] == 10_000
    assert "no Fashion-MNIST in" in facenas("train", *options, "--run", "n", "--data-root", "empty", code=1).stderr


def first_of_fashion_mnist(folder: Path, count: int) -> Path:
    """The first of its training images, and its whole test set, as it is given out."""
    for file in FASHION_MNIST.parent.iterdir():
        data = gzip.decompress(file.read_bytes())
        if file.name.startswith("train"):
            head = 16 if "images" in file.name else 8
            data = data[:4] + struct.pack(">I", count) + data[8:head] + data[head : head + count * (784 if head == 16 else 1)]
        (folder / "fashion").mkdir(exist_ok=True)
        (folder / "fashion" / file.name).write_bytes(gzip.compress(data))
    return folder / "fashion"


def test_a_face_model_has_no_test_set(facenas: Command, foreign_onnx: Path) -> None:
    assert "does not say which images it classifies" in facenas("eval", "--model", foreign_onnx, "--benchmark", "test", code=1).stderr


@pytest.fixture
def foreign_onnx(tmp_path: Path) -> Path:
    """A recognition model that says nothing about its input: channel means of 4 x 4 blocks."""
    graph = helper.make_graph(
        [helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[8, 8], strides=[8, 8]), helper.make_node("Flatten", ["p"], ["y"])],
        "foreign",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 48])],
    )
    path = tmp_path / "foreign.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_any_recognition_onnx_is_measured_by_the_arcface_convention(facenas: Command, foreign_onnx: Path) -> None:
    done = facenas("eval", "--model", foreign_onnx, "--benchmark", "synthetic", "--json")
    assert done.json["synthetic"]["pairs"] == 448
    assert "RGB, (x - 127.5) / 127.5, 32 x 32" in " ".join(done.stderr.split())
    other = facenas("eval", "--model", foreign_onnx, "--benchmark", "synthetic", "--set", "input.mean=[0]", "--json")
    assert "RGB, (x - 0) / 127.5" in " ".join(other.stderr.split())
    assert other.json["synthetic"]["auc"] != done.json["synthetic"]["auc"]
    wrong = facenas("eval", "--model", foreign_onnx, "--benchmark", "synthetic", "--set", "input.size=112", code=1)
    assert "takes 3 x 32 x 32, the input contract says 3 x 112 x 112" in wrong.stderr
