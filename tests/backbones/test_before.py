"""What was written before spaces came from a registry: architecture.json and model.json of each kind, with what their networks said."""

import json
from pathlib import Path

import pytest
import torch

from facenas.training.models import load_found, load_model

BEFORE = Path(__file__).parents[1] / "fixtures" / "before"


@pytest.mark.parametrize("kind", ["ir", "plain", "refined", "cells"])
def test_files_written_before_are_read_and_say_the_same(kind: str) -> None:
    said = json.loads((BEFORE / kind / "said.json").read_bytes())
    found, model = load_found(BEFORE / kind / "architecture.json"), load_model(BEFORE / kind)
    assert found.blueprint == model.card.blueprint and found.seen == model.card.seen
    assert found.space.name == found.architecture.space == kind and found.architecture.identity == said["identity"]
    assert [found.space.count_parameters(found.architecture), found.space.macs(found.architecture)] == [said["parameters"], said["macs"]]
    shape = (1, found.space.in_channels, found.space.input_size, found.space.input_size)
    with torch.no_grad():
        output = model.network(torch.linspace(-1, 1, shape[1] * shape[2] ** 2).reshape(shape))[0]
    assert output.tolist() == pytest.approx(said["output"], rel=1e-4, abs=1e-5)
    again = json.loads((BEFORE / kind / "architecture.json").read_bytes())
    assert json.loads(found.blueprint.model_dump_json()) == {key: again[key] for key in ("architecture", "space")}  # and written so again
