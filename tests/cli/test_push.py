"""A model in the layout of the Hugging Face hub, read by the hub's own library and by timm."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from huggingface_hub import ModelCard

import facenas.backbones.timm_models  # noqa: F401
from facenas.backbones import Blueprint, IRSpace, timm_space
from facenas.data import InputContract
from facenas.training.models import Seen, load_found, load_model, save_model

Command = Callable[..., Any]
SPACE = IRSpace(input_size=32, embedding_size=16)
HAND_MADE = timm_space("test_efficientnet", input_size=32, embedding_size=16)
BLUEPRINTS = [
    Blueprint(architecture=SPACE.start(depth=10, width=8), space=SPACE),
    Blueprint(architecture=HAND_MADE.start(), space=HAND_MADE),
]


def save(run: Path, blueprint: Blueprint = BLUEPRINTS[0]) -> None:
    seen = (Seen(dataset="casia", identities=("0001", "0002")),)
    save_model(run, blueprint.build(), blueprint=blueprint, contract=InputContract(size=32), metrics={}, seen=seen)


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=["ir", "timm"])
def test_timm_and_facenas_read_the_folder(facenas: Command, tmp_path: Path, blueprint: Blueprint) -> None:
    save(tmp_path / "m", blueprint)
    told = facenas("push", "hub", "--model", "m", "--json")
    assert told.json["files"] == ["README.md", "architecture.json", "config.json", "model.json", "model.safetensors"]
    assert "hold the names of 2 people of casia" in told.stderr
    image, network = torch.rand(3, 3, 32, 32), load_model(tmp_path / "m").network
    with torch.inference_mode():
        model = timm.create_model(f"local-dir:{tmp_path / 'hub'}", pretrained=True).eval()
        torch.testing.assert_close(model(image), network(image), rtol=0, atol=0)
        torch.testing.assert_close(load_model(tmp_path / "hub").network(image), network(image), rtol=0, atol=0)
    assert timm.data.resolve_data_config({}, model=model)["input_size"] == [3, 32, 32]
    assert load_found(tmp_path / "hub").blueprint == blueprint
    assert "is not empty" in facenas("push", "hub", "--model", "m", code=1).stderr


@pytest.mark.slow
def test_the_page_has_the_figures_of_these_weights(facenas: Command, tmp_path: Path) -> None:
    save(tmp_path / "m")
    measured = facenas("eval", "--model", "m", "--benchmark", "synthetic", "--json").json["synthetic"]
    facenas("export", "--model", "m", "--check-on", "synthetic")
    told = facenas("push", "hub", "--model", "m", "--license", "apache-2.0", "--name", "Small net", "--json")
    assert "model.onnx" in told.json["files"]
    page = ModelCard.load(tmp_path / "hub" / "README.md")
    assert (page.data.license, page.data.library_name, page.data.pipeline_tag) == ("apache-2.0", "facenas", "image-feature-extraction")
    results = {one.metric_type: one.metric_value for one in page.data.eval_results or []}
    assert results == {key: measured[key] for key in ("accuracy", "auc", "eer")}
    for text in (
        "# Small net",
        "casia: 2 people",
        f"{100 * measured['accuracy']:.2f} %",
        "Consent",
        "Demographics",
        "Thresholds",
        "model.onnx",
    ):
        assert text in page.text
    save(tmp_path / "m")  # other weights: nothing of the former is claimed of them
    told = facenas("push", "other", "--model", "m", "--json")
    assert "exported from other weights" in told.stderr and "model.onnx" not in told.json["files"]
    text = (tmp_path / "other" / "README.md").read_text()
    assert "None was measured" in text and "None is stated" in text and "license:" not in text


def test_damaged_files_of_the_run_are_one_sentence(facenas: Command, tmp_path: Path) -> None:
    save(tmp_path / "m")
    (tmp_path / "m" / "config.yaml").write_text("a: [1")
    assert facenas("push", "hub", "--model", "m", code=1).stderr == (
        "facenas: m/config.yaml is not readable YAML; restore it, or remove it\n"
    )
    shutil.rmtree("hub", ignore_errors=True)
    (tmp_path / "m" / "eval").mkdir()
    (tmp_path / "m" / "eval" / "orl.json").write_text("{")
    assert "m/eval/orl.json is damaged" in facenas("push", "hub", "--model", "m", code=1).stderr
