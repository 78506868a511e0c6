"""Networks of timm through all commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
SMALL = (
    "--config",
    "smoke",
    "--set",
    "input_size=64",
    "--set",
    "timm.embedding_size=64",
    "--set",
    "epochs=1",
    "--backbone",
    "timm:test_efficientnet",
)


@pytest.mark.slow
def test_a_network_of_timm_is_trained_measured_exported(facenas: Command, tmp_path: Path) -> None:
    trained = facenas("train", *SMALL, "--run", "m", "--json").json
    card = json.loads((tmp_path / "m" / "model.json").read_text())
    assert card["space"] | {"model": "test_efficientnet", "output": "gdc", "embedding_size": 64, "input_size": 64} == card["space"]
    assert trained["parameters"] == 117_180 and trained["macs"] > 9_000_000
    measured = facenas("eval", "--model", "m", "--benchmark", "synthetic", "--json").json["synthetic"]
    assert measured["pairs"] == 448
    assert facenas("export", "--model", "m", "--check-on", "synthetic", "--json").json["parity"]["min_cosine"] > 0.9999
    assert (
        facenas("eval", "--model", "m/model.onnx", "--benchmark", "synthetic", "--json").json["synthetic"]["correct"] == measured["correct"]
    )


def test_a_network_of_timm_as_classifier(facenas: Command) -> None:
    facenas("train", "--config", "digits", "--set", "epochs=1", "--backbone", "timm:test_efficientnet", "--run", "m")
    assert facenas("eval", "--model", "m", "--benchmark", "test", "--json").json["test"]["total"] == 360
    assert "is a classifier" in facenas("eval", "--model", "m", "--benchmark", "synthetic", code=1).stderr


def test_what_cannot_be_is_one_sentence(facenas: Command, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "timm has no network 'resnet_18'; did you mean" in facenas("train", "--backbone", "timm:resnet_18", code=1).stderr
    assert "which ir18 is not" in facenas("train", "--backbone", "ir18", "--pretrained", code=1).stderr
