"""`facenas train --set validation.folds=K`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facenas.backbones import IRSpace
from facenas.data import Pairs
from facenas.eval.bootstrap import accuracy_interval
from facenas.training.folds import Fold, fold_tasks, summed
from facenas.training.models import load_card
from facenas.training.settings import TrainSettings

Command = Callable[..., Any]


@pytest.fixture
def architecture(tmp_path: Path) -> Path:
    space = IRSpace(embedding_size=16, input_size=16, output="gdc", dropout=0.0)
    path = tmp_path / "architecture.json"
    path.write_text(json.dumps({"architecture": space.start(depth=10, width=4).model_dump(), "space": space.model_dump()}))
    return path


def train(facenas: Command, architecture: Path, *more: str, people: int = 12, code: int = 0) -> Any:
    small = ("--set", f"data.people={people}", "--set", "data.photographs=5", "--set", "data.test_people=0", "--set", "epochs=1", "--json")
    return facenas("train", "--config", "smoke", "--architecture", architecture, "--run", "run", *small, *more, code=code)


def test_everybody_is_verified_once_and_the_last_network_has_seen_all(facenas: Command, architecture: Path, tmp_path: Path) -> None:
    done = train(facenas, architecture, "--set", "validation.folds=3", "--set", "care.validate_every_epochs=1")
    found = done.json
    assert (found["folds"], found["folds_pairs"]) == (3, 3 * 2 * 4 * 10)  # 4 people with 10 genuine pairs, and as many impostors
    assert found["folds_low"] < found["folds_accuracy"] < found["folds_high"]
    p, n = (found["folds_accuracy"] * 240 + 1.9208) / (240 + 3.8416), 240
    assert found["folds_least_difference"] == pytest.approx(1.96 * np.sqrt(2 * p * (1 - p) / n))
    assert "validation_accuracy" not in found
    assert "now one network of everybody, which nobody is left to validate" in done.stderr
    card = load_card(tmp_path / "run")
    assert len(card.seen[0].identities) == 12
    assert card.metrics["folds_accuracy"] == found["folds_accuracy"]
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    again = train(facenas, architecture, "--set", "validation.folds=3", "--set", "care.validate_every_epochs=1").json
    assert {key: again[key] for key in found} == found  # finished folds are read
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before


def test_no_network_has_seen_whom_it_verifies(architecture: Path) -> None:
    settings = TrainSettings.model_validate(
        {"data": {"name": "synthetic", "people": 11, "test_people": 1}, "architecture": str(architecture), "validation": {"folds": 3}}
    )
    space = IRSpace(embedding_size=16, input_size=16)
    validated = list[str]()
    for task in fold_tasks(settings, space):
        assert task.validation is not None
        assert not set(task.train.names) & set(task.validation.names)
        assert len({*task.train.names, *task.validation.names}) == 10
        validated += task.validation.names
    assert len(validated) == len(set(validated)) == 10


def test_the_interval_is_that_of_all_people_together() -> None:
    rng = np.random.default_rng(0)
    rows = np.arange(40)
    pairs = Pairs(rows[:20], rows[20:], np.arange(20) % 2 == 0)
    people = rng.integers(0, 5, 40)
    folds = [Fold(rng.random(20) < 0.7, pairs, people), Fold(rng.random(20) < 0.9, pairs, people)]
    both = Pairs(np.concatenate([rows[:20], rows[:20] + 40]), np.concatenate([rows[20:], rows[20:] + 40]), np.tile(pairs.same, 2))
    wanted = accuracy_interval(
        np.concatenate([fold.right for fold in folds]), both, np.concatenate([people, people + people.max() + 1]), replicates=200
    )
    found = summed(folds, replicates=200)
    assert wanted and (found["folds_low"], found["folds_high"]) == wanted
    rates = [fold.right.mean() for fold in folds]
    assert (found["folds_mean"], found["folds_std"]) == pytest.approx((np.mean(rates), np.std(rates, ddof=1)))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("validation.folds=7",), "validation.folds=7 needs two people for each fold, there are 12; take 6 at most"),
        (("validation.folds=1",), "validation.folds: Input should be greater than or equal to 2, got 1"),
        (("validation.folds=6", "data.photographs=2"), "validation.folds=6 leaves 2 people in each"),
    ],
)
def test_folds_that_cannot_be(facenas: Command, architecture: Path, more: tuple[str, ...], sentence: str) -> None:
    given = [part for setting in more for part in ("--set", setting)]
    said = train(facenas, architecture, *given, code=1).stderr
    assert sentence in said
    assert len(said.strip().splitlines()) == 1


def test_folds_are_of_people(facenas: Command, architecture: Path) -> None:
    classes = ("--set", "data={name: digits}", "--set", "num_classes=10", "--set", "validation.folds=2")
    said = facenas("train", "--config", "smoke", "--architecture", architecture, *classes, code=1).stderr
    assert "a network of the space 'ir' has no num_classes" in said


def test_folds_are_trained_on_one_device(facenas: Command, architecture: Path) -> None:
    said = train(facenas, architecture, "--set", "validation.folds=2", "--devices", "2", code=1).stderr
    assert "validation.folds trains its networks on one device; leave --devices and torchrun out" in said


def test_a_validation_says_which_differences_it_tells(facenas: Command, architecture: Path) -> None:
    found = train(facenas, architecture).json
    n, p = found["validation_pairs"], found["validation_accuracy"]
    p = (p * n + 1.9208) / (n + 3.8416)
    assert found["validation_least_difference"] == pytest.approx(1.96 * np.sqrt(2 * p * (1 - p) / n))
    small = ("--set", "data.people=12", "--set", "data.photographs=5", "--set", "data.test_people=0", "--set", "epochs=1")
    told = facenas("train", "--config", "smoke", "--architecture", architecture, "--run", "run", *small).stdout
    assert f"of {n} pairs, which tell differences of" in told
