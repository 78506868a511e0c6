"""Refinement from the settings to the report, on drawn faces and scikit-learn's digits."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from facenas.backbones import Architecture
from facenas.errors import DivergedError, RunError, SettingsError
from facenas.report.search import page
from facenas.search import SearchSettings, open_journal, read_journal
from facenas.search.evaluator import load_task
from facenas.search.held_out import split
from facenas.search.row import StageEpoch
from facenas.search.strategies.nar.stage import Refinement
from facenas.search.studies import rewards
from facenas.settings import load
from facenas.training.tasks import FaceTask
from tests.conftest import Result

TINY = [
    "space={name: refined, base: ir18, width: 8, input_size: 32, embedding_size: 16, output: gdc}",
    "strategy={name: nar, epochs: 3, pretrain_epochs: 1, samples: 3, shortlist: 2, retrain_epochs: 1, "
    "controller: {hidden: 8, lr: 0.01, steps: 2, samples: 2}}",
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as these are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def settings(*changes: str, preset: str = "smoke") -> SearchSettings:
    return load(SearchSettings, command="search", preset=preset, overrides=[*TINY, *changes])


def refinement(*changes: str) -> Refinement:
    made = settings(*changes)
    return Refinement(made, load_task(made))


def ignored(epochs: float) -> None:
    """Progress that nobody follows."""


def test_interrupted_between_epochs_it_ends_as_if_left_alone() -> None:
    whole, first, second = (refinement() for _ in range(3))
    facts = [whole.epoch(number, ignored) for number in range(3)]
    assert [first.epoch(number, ignored) for number in range(2)] == facts[:2]
    second.load_state_dict(first.state_dict())
    assert second.epoch(2, ignored) == facts[2]
    assert second.shortlist() == whole.shortlist()
    json.dumps(facts)


def test_its_checkpoint_holds_tensors_and_plain_values_only(tmp_path: Path) -> None:
    stage = refinement()
    stage.epoch(0, ignored)
    torch.save(stage.state_dict(), tmp_path / "state.pt")
    other = refinement()
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert other.epoch(1, ignored) == stage.epoch(1, ignored)


def test_photographs_of_the_reward_are_neither_trained_on_nor_of_other_people() -> None:
    made = settings()
    task = load_task(made)
    assert isinstance(task, FaceTask)
    trained, held = split(task, "accuracy", 0.2, seed=0)
    assert isinstance(trained, FaceTask)
    kept, rest = ({image.tobytes() for image in images} for images in (trained.train.images, held.images.permute(0, 2, 3, 1).numpy()))  # type: ignore[attr-defined]
    assert kept.isdisjoint(rest) and kept | rest == {image.tobytes() for image in task.train.images}  # type: ignore[attr-defined]
    assert trained.train.names == task.train.names and set(trained.train.identities) == set(task.train.identities)


@pytest.mark.slow
@pytest.mark.parametrize("reward", ["accuracy", "verification"])
def test_a_reward_leaves_the_network_as_it_was(reward: str) -> None:
    stage = refinement(f"strategy.reward={reward}")
    stage.epoch(0, ignored)
    before = {name: value.clone() for name, value in stage.supernet.state_dict().items() if "num_batches" not in name}
    path, rows = stage.space.sample(Random(0)), np.arange(stage.held.items)
    first = stage._accuracy(path, rows)
    assert first == stage._accuracy(path, rows) and 0 <= first <= 1
    assert all(torch.equal(value, stage.supernet.state_dict()[name]) for name, value in before.items())
    assert stage.supernet.training


def test_turns_search_operators_then_skips_and_accept_nothing_worse() -> None:
    stage = refinement("strategy.skips=alternating", "strategy.turn_epochs=1", "strategy.epochs=4")
    turns, incumbents = [], [stage.incumbent]
    for number in range(4):
        facts = stage.epoch(number, ignored)
        turns.append((facts["searched"], facts.get("turn")))
        incumbents.append(stage.incumbent)
    assert [searched for searched, _ in turns] == ["operators", "operators", "skips", "operators"]
    for (_, turn), before, after in zip(turns, incumbents, incumbents[1:], strict=False):
        assert turn is None or turn["accepted"] == (turn["found"] >= turn["before"])
        assert (turn and turn["accepted"]) or after == before
    operators = [stage.space.decoded(one) for one in incumbents]
    assert operators[2] == operators[3] and incumbents[1].links == incumbents[2].links == ()
    assert stage.incumbent in stage.shortlist() or len(stage.shortlist()) == 2


def test_joint_search_draws_links_too() -> None:
    stage = refinement("strategy.skips=joint", "strategy.pretrain_epochs=0")
    facts = stage.epoch(0, ignored)
    assert len(facts["links"]) == 28 and all(set(links) <= {"0", "1"} and len(links) == 28 for _, links, _ in facts["samples"])
    assert min(facts["link_gradient"]) > 0
    both = rewards([StageEpoch(number=1, seconds=0, facts=facts)])
    for place, (head, samples) in enumerate(zip(("operators", "skips"), [facts["samples"]] * 2, strict=True)):
        for decision, kinds in enumerate(both[head].implicit):
            by_hand = [sum(one[2] for one in samples if one[place][decision] == str(k)) / len(samples) for k in range(len(kinds))]
            assert kinds == pytest.approx(by_hand)
    assert both["skips"].gradients == tuple(facts["link_gradient"])


def test_the_shortlist_stays_within_the_limits() -> None:
    base = settings().space
    most = int(0.6 * base.macs(base.start()))  # type: ignore[call-arg, union-attr]
    stage = refinement(f"limits.macs={most}")
    assert all(stage.space.macs(one) <= most for one in stage.shortlist())
    with pytest.raises(SettingsError, match="no architecture within the limits in 60 draws of the controller"):
        refinement("limits.macs=1000").shortlist()


def test_what_does_not_fit_is_one_sentence() -> None:
    made = load(SearchSettings, command="search", preset="smoke", overrides=["strategy.name=nar"])
    with pytest.raises(SettingsError, match=r"strategy nar refines a base: .* got space 'ir'"):
        Refinement(made, load_task(made))
    with pytest.raises(SettingsError, match="classes are rewarded by accuracy"):
        digits = load(SearchSettings, command="search", preset="mnist", overrides=["data={name: digits}", "space.input_size=8"])
        split(digits.load_task(), "verification", 0.1, 0)
    with pytest.raises(DivergedError, match="the loss of the shared weights became"):
        refinement("strategy.lr=1e30", "recipe.clip_norm=0").epoch(0, ignored)


def test_a_search_that_still_trains_shared_weights_has_a_report() -> None:
    stage = refinement("strategy.skips=joint")
    epochs = [StageEpoch(number=number + 1, seconds=1, facts=stage.epoch(number, ignored)) for number in range(2)]
    html = page(Path("run"), [], space=stage.space, found=None, epochs=epochs)
    assert "Likeliest so far" in html and "Mean probability of a link" in html and "The way there" not in html
    with pytest.raises(RunError, match="no candidate of run has a score yet"):
        page(Path("run"), [], space=stage.space, found=None)


@pytest.mark.slow
def test_from_the_command_to_the_report(facenas: Callable[..., Result], tmp_path: Path) -> None:
    changes = [part for change in TINY for part in ("--set", change)]
    found: dict[str, Any] = facenas("search", "--config", "smoke", *changes, "--run", "run", "--json").json
    rows, epochs = read_journal(tmp_path / "run"), open_journal(tmp_path / "run").epochs()
    assert epochs and [row.number for row in epochs.rows()] == [1, 2, 3]
    assert [row.candidate.architecture for row in rows] == epochs.shortlist
    best = max(rows, key=lambda row: row.evaluation.score.accuracy)
    assert Architecture.model_validate(found["architecture"]) == best.candidate.architecture
    again = facenas("search", "--config", "smoke", *changes, "--run", "run", "--json")
    assert again.json["identity"] == found["identity"] and "shared weights, epoch 3" in again.stderr
    facenas("report", "run")
    html = (tmp_path / "run" / "report.html").read_text()
    assert "What the controller prefers" in html and html.count("<title>convolution ") >= 16
    assert facenas("compare", "run", "--json").json[0]["epochs"]["mean"] == 3 + 2
    facenas("train", "--config", "smoke", "--architecture", "run", "--run", "model", "--set", "epochs=1", "--set", "head.name=cosface")
    facenas("export", "--model", "model")
