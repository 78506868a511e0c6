"""How candidates are scored: honestly, as published, on a share of the data, and with doubt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facenas.backbones import PlainSpace
from facenas.data import DigitImages
from facenas.score import pack_answers
from facenas.search import (
    Budget,
    Candidate,
    DynamicRanking,
    InProcess,
    Journal,
    NetworkCost,
    ResultCache,
    Runner,
    Score,
    SearchSettings,
    read_journal,
)
from facenas.search.evaluator import Evaluator, load_task
from facenas.search.significance import paired_error, standard_error
from facenas.settings import load
from facenas.training.fit import Evaluation
from facenas.training.schedule import PublishedCosine

Command = Callable[..., Any]
CANDIDATE = Candidate(architecture=PlainSpace().start(depth=5, width=8), epochs=3, phase="grow")


def settings(*overrides: str, preset: str = "digits") -> SearchSettings:
    return load(SearchSettings, command="search", preset=preset, overrides=["threads=1", *overrides])


def evaluate(*overrides: str) -> Evaluation:
    return Evaluator.of(settings(*overrides))(CANDIDATE, lambda epochs: None)


def test_the_published_protocol_selects_on_the_test_set_at_its_best_epoch() -> None:
    task = load_task(settings("protocol=paper"))
    assert (len(task.images), task.validation_items) == (1437, 360)
    assert np.array_equal(task.content[2], DigitImages().test().images)
    published = evaluate("protocol=paper")
    validations = [epoch.validation for epoch in published.history]
    assert published.score.correct == max(v for v in validations if v is not None)
    assert published.history[-1].lr == 0
    assert [round(epoch.lr / 0.1, 6) for epoch in published.history] == [0.75, 0.25, 0.0]
    honest = evaluate()
    assert honest.score.total < 300  # a fifth of the training images
    assert honest.history[-1].lr > 0
    assert [epoch.validation for epoch in honest.history] == [None] * 3


def test_the_last_published_epoch_changes_nothing_but_statistics() -> None:
    assert [PublishedCosine().factor(epoch, 2) for epoch in (0, 0.99, 1, 1.99)] == pytest.approx([0.5, 0.5, 0, 0])


def test_the_published_protocol_warns_in_the_output_and_in_the_journal(facenas: Command) -> None:
    quick = ["--set", "strategy.micro=false", "--set", "strategy.max_depth=10", "--set", "strategy.min_width=12"]
    done = facenas("search", "--config", "smoke", *quick, "--set", "protocol=paper", "--run", "r", "--json")
    assert "selected on the TEST set" in " ".join(done.stderr.split())
    assert "TEST set" in done.json["warnings"][0]
    assert "selected on the TEST set" in " ".join(facenas("journal", "r").stderr.split())
    [row] = read_journal(Path("r"))
    assert row.evaluation.score.total == 448  # the pairs of the 8 test people


def test_a_share_of_the_data_keeps_every_class_in_proportion() -> None:
    whole, third = load_task(settings()), load_task(settings("data_fraction=0.3333"))
    counts = [np.bincount(task.labels.numpy()) for task in (whole, third)]
    assert np.abs(counts[1] * 3 - counts[0]).max() <= 2
    assert third.validation_items == whole.validation_items
    faces = load_task(settings("data_fraction=0.1", preset="smoke"))
    assert set(np.bincount(faces.train.identities)) == {2}  # of eight photographs, two are kept at least


def test_every_epoch_can_be_validated_without_changing_the_training() -> None:
    plain, followed = evaluate(), evaluate("every_epoch=true")
    assert [epoch._replace(validation=None) for epoch in followed.history] == list(plain.history)
    assert followed.history[-1].validation == followed.score.correct == plain.score.correct


def test_a_result_is_known_by_what_it_depends_on_and_nothing_else() -> None:
    key = Evaluator.of(settings()).key(CANDIDATE)
    for same in ("strategy.max_depth=9", "budget.trials=3", "limits.parameters=5"):
        assert Evaluator.of(settings(same)).key(CANDIDATE) == key, same
    for other in ("seed=1", "recipe.lr=0.2", "data_fraction=0.5", "protocol=paper", "threads=2", "validation_share=0.3"):
        assert Evaluator.of(settings(other)).key(CANDIDATE) != key, other
    assert Evaluator.of(settings()).key(CANDIDATE.model_copy(update={"epochs": 4})) != key


def test_a_result_is_known_by_the_processor_too(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator = Evaluator.of(settings())
    keys = {evaluator.key(CANDIDATE)}
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    keys.add(evaluator.key(CANDIDATE))
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "DEFAULT")
    keys.add(evaluator.key(CANDIDATE))
    monkeypatch.setattr("facenas.native.fused.library", lambda: None)
    keys.add(evaluator.key(CANDIDATE))
    assert len(keys) == 4


class Elsewhere(InProcess):
    """A worker on a processor of another kind."""

    def wait(self) -> list[tuple[str, Evaluation]]:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
            return super().wait()


@pytest.mark.slow
def test_a_result_of_another_processor_is_kept_as_that_one_s(tmp_path: Path) -> None:
    """The search goes on with it; who computes here afterwards does not take it for his own."""
    made = settings(
        "strategy.max_depth=10",
        "strategy.min_depth=10",
        "strategy.min_width=64",
        "strategy.max_width=64",
        "strategy.micro=false",
        "recipe.batch_size=256",
    )
    evaluator, cache, space = Evaluator.of(made), tmp_path / "cache", made.space
    runner = Runner(
        made.build_strategy(), Journal(tmp_path / "run"), Elsewhere(evaluator), ResultCache(cache), evaluator.key,
        lambda architecture: NetworkCost(*space.cost(architecture)), budget=Budget(trials=1),
    )  # fmt: skip
    runner.run()
    [row] = read_journal(tmp_path / "run")
    assert "ONEDNN_MAX_CPU_ISA=AVX2" in row.evaluation.processor and "ONEDNN" not in evaluator(CANDIDATE, lambda epochs: None).processor
    assert ResultCache(cache).get(evaluator.key(row.candidate)) is None
    monkeypatched = pytest.MonkeyPatch()
    monkeypatched.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert ResultCache(cache).get(evaluator.key(row.candidate)) == row.evaluation
    monkeypatched.undo()


def score(right: str) -> Score:
    answers = np.array([answer == "1" for answer in right])
    return Score(correct=int(answers.sum()), total=len(answers), answers=pack_answers(answers))


def test_a_seed_depends_on_what_was_chosen_wherever_the_data_lies() -> None:
    chosen = settings(preset="folder").seeded()
    assert chosen["data"] == {"name": "folder"}
    assert set(chosen["recipe"]["augmentation"]) == {"flip", "shift", "light", "cutout", "cutout_side"}
    assert settings("data.root=elsewhere", preset="folder").seeded() == chosen
    different = ["head.name=arcface", "head.name=cosface", "recipe.lr=0.1", "seed=1", "space.dropout=0", "data.test_people=3"]
    assert len({str(settings(one, preset="folder").seeded()) for one in ["seed=0", *different]}) == 7


def test_errors_of_a_difference() -> None:
    """Four items that one of the two has wrong: sqrt(4) / 10; independently sqrt(0.7 x 0.3 / 10 + 0.9 x 0.1 / 10)."""
    first, second = score("1111111000"), score("0111111111")
    assert paired_error(first, second) == pytest.approx(0.2)
    assert standard_error(first, second) == pytest.approx(np.sqrt((0.21 + 0.09) / 10))
    with pytest.raises(ValueError, match="a paired test needs the answers"):
        paired_error(first, Score(correct=1, total=10))


def outcomes(scores: list[Score], **changes: Any) -> list[str]:
    verdicts: list[Any] = []
    strategy = DynamicRanking(PlainSpace(), **{"min_depth": 10, "max_depth": 9 + len(scores), "min_width": 64, "micro": False} | changes)
    plan = strategy.search(verdicts.append)
    next(plan)
    for one in scores:
        try:
            plan.send(one)
        except StopIteration:
            break
    return [verdict.outcome for verdict in verdicts]


def test_noise_aware_acceptance() -> None:
    """+1 of 100 is a gain by the published threshold; it is within one standard error (6 points), but not if one item alone differs."""
    base, one_more = score("1" * 70 + "0" * 30), score("1" * 71 + "0" * 29)
    assert outcomes([base, one_more]) == ["accepted", "accepted"]
    assert outcomes([base, one_more], noise="unpaired") == ["accepted", "neutral"]
    assert outcomes([base, one_more], noise="paired") == ["accepted", "accepted"]
    assert outcomes([base, one_more], noise="paired", noise_z=1.5) == ["accepted", "neutral"]
    assert outcomes([base, base], noise="paired") == ["accepted", "neutral"]
    assert outcomes([base, score("1" * 50 + "0" * 50)], noise="unpaired", patience=1) == ["accepted", "rejected"]


def test_fair_pruning_retrains_the_wider_network_as_long() -> None:
    strategy = DynamicRanking(PlainSpace(), min_depth=10, max_depth=10, min_width=60, micro=False, fair_prune=True)
    plan, asked = strategy.search(), []
    candidate = next(plan)
    try:
        for correct in (50, 60, 55, 70, 71):
            asked.append((candidate.phase, candidate.architecture.width, candidate.epochs))
            candidate = plan.send(Score(correct=correct, total=100))
    except StopIteration as end:
        found = end.value
    assert asked == [("grow", 64, 10), ("baseline", 64, 12), ("prune", 62, 12), ("baseline", 64, 14), ("prune", 60, 14)]
    assert found.width == 60
