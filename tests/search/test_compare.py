"""Comparisons against figures worked out by hand."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from facenas.backbones import PlainSpace
from facenas.cli import compare as command
from facenas.errors import RunError
from facenas.search import Candidate, Journal, Row, Score, Verdict
from facenas.search.candidate import Outcome, Phase
from facenas.search.compare import SearchRun, compare, relative_improvement
from facenas.search.row import NetworkCost
from facenas.training.fit import Evaluation

SPACE = PlainSpace()
Told = tuple[Phase, int, int, Outcome]  # phase, correct of 1000, epochs, outcome


def run(name: str, strategy: str, seed: int, told: list[Told], **settings: Any) -> SearchRun:
    """A run whose n-th candidate has 1000 (n + 1) parameters and took half an hour; 0 correct: refused."""
    rows = [
        Row(
            step=step,
            candidate=Candidate(architecture=SPACE.start(depth=5 + step, width=8), epochs=epochs, phase=phase),
            evaluation=Evaluation(
                score=Score(correct=correct, total=1000, refused=not correct), history=(), seconds=1800 if correct else 0, device="cpu"
            ),
            verdict=Verdict(outcome=outcome, reason="a test"),
            parameters=1000 * (step + 1),
            macs=1,
        )
        for step, (phase, correct, epochs, outcome) in enumerate(told)
    ]
    return SearchRun(name, {"strategy": {"name": strategy}, "seed": seed, "device": "cpu", "data": {"name": "digits"}, **settings}, rows)


def random_run(seed: int, *correct: int, epochs: int = 10, **settings: Any) -> SearchRun:
    best, told = 0, list[Told]()
    for one in correct:
        told.append(("random", one, epochs, "accepted" if one > best else "rejected"))
        best = max(one, best)
    return run(f"random-{seed}", "random", seed, told, **settings)


EGNAS: list[Told] = [
    ("grow", 800, 10, "accepted"), ("grow", 880, 11, "neutral"), ("prune", 900, 13, "accepted"), ("prune", 700, 15, "rejected"),
    ("operations", 300, 2, "accepted"), ("kernels", 310, 2, "accepted"),
]  # fmt: skip


def test_relative_improvement() -> None:
    thirds = [Fraction(1, 3), Fraction(2, 3), Fraction(1, 2)]
    assert relative_improvement(Fraction(3, 4), thirds) == 50
    assert relative_improvement(Fraction(1, 4), thirds) == -50
    assert relative_improvement(Fraction(1, 4), []) is None
    assert relative_improvement(Fraction(1, 4), [Fraction(0)]) is None


def test_figures_over_seeds() -> None:
    """Random candidates average (500 + 700 + 600 + 600) / 4 = 600 of 1000."""
    other: list[Told] = [("grow", 840, 13, "accepted"), ("operations", 990, 2, "accepted")]
    runs = [
        run("egnas-0", "dynamic_ranking", 0, EGNAS), random_run(0, 500, 0, 700, 600), random_run(1, 600, device="cuda"),
        run("egnas-1", "dynamic_ranking", 1, other),
    ]  # fmt: skip
    egnas, random = compare(runs)
    assert egnas | {"relative_improvement_percent": ...} == {
        "task": 1,
        "strategy": "dynamic_ranking",
        "runs": ["egnas-0", "egnas-1"],
        "seeds": [0, 1],
        "score": {"mean": pytest.approx(0.87), "sd": pytest.approx(0.06 / 2**0.5)},
        "score_epochs": [13],
        "parameters": {"mean": 2000, "sd": pytest.approx(2000 / 2**0.5)},
        "candidates": {"mean": 4, "sd": pytest.approx(4 / 2**0.5)},
        "epochs": {"mean": (53 + 15) / 2, "sd": pytest.approx(38 / 2**0.5)},
        "hours": {"mean": 2, "sd": pytest.approx(2**0.5)},
        "relative_improvement_percent": ...,
        "note": "the scores come from 10 to 13 epochs of training: longer training alone scores higher",
    }
    assert egnas["relative_improvement_percent"] == {"mean": pytest.approx(45), "sd": pytest.approx(10 / 2**0.5)}  # 50 and 40
    assert random["seeds"] == [0, 1]
    assert random["score"]["mean"] == pytest.approx(0.65)
    assert random["candidates"]["mean"] == 2  # the refused one was not trained
    assert random["epochs"]["mean"] == 20
    assert random["hours"]["mean"] == 1
    assert random["relative_improvement_percent"]["mean"] == pytest.approx(100 * (650 - 600) / 600)


def test_one_run_has_no_spread_and_no_improvement() -> None:
    (entry,) = compare([run("one", "tpe", 3, [("tpe", 900, 10, "accepted")])])
    assert entry["score"] == {"mean": 0.9, "sd": None}
    assert entry["relative_improvement_percent"] is None
    assert entry["note"] == ""


def test_other_data_is_another_task_and_another_setting_another_group() -> None:
    tpe = [run(f"tpe-{batch}", "tpe", 0, [("tpe", 900, 10, "accepted")]) for batch in (1, 2)]
    tpe[1].settings["strategy"]["batch"] = 2
    entries = compare([tpe[0], random_run(0, 500, data={"name": "orl"}), tpe[1], random_run(1, 300, budget={"trials": 1})])
    assert [(entry["runs"], entry["task"]) for entry in entries] == [
        (["tpe-1"], 1), (["random-0"], 2), (["tpe-2"], 1), (["random-1"], 1),
    ]  # fmt: skip
    assert entries[0]["relative_improvement_percent"]["mean"] == pytest.approx(200)
    assert entries[0]["note"] == ""


def bounded(name: str, strategy: str, correct: int, budget: dict[str, int] | None = None, **of_strategy: int) -> SearchRun:
    made = run(name, strategy, 0, [("random", correct, 10, "accepted")], space={"name": "plain"}, budget=budget or {"trials": None})
    made.settings["strategy"].update({"min_depth": 5, "max_depth": 14, "epochs": 10} | of_strategy)
    return made


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_depth": 20}, "other bounds: max_depth 20 against 14"),
        ({"min_depth": 6, "max_depth": 20}, "other bounds: min_depth 6 against 5, other bounds: max_depth 20 against 14"),
        ({"epochs": 12}, "other epochs of a candidate: 12 against 10"),
        ({"budget": {"trials": 9}}, "other budget: trials 9 against 3"),
        ({"budget": {"hours": 9}}, "other budget: hours 9 against none, other budget: trials none against 3"),
    ],
)
def test_searches_of_other_bounds_epochs_or_budgets_are_shown_with_what_differs(changes: dict[str, Any], said: str) -> None:
    random = bounded("random", "random", 500, {"trials": 3})
    tpe, rest = compare([bounded("tpe", "tpe", 900, **{"budget": {"trials": 3}} | changes), random])
    assert tpe["note"] == f"{said} of random, no relative improvement over it"
    assert tpe["relative_improvement_percent"] is None
    assert (tpe["task"], rest["task"], rest["note"]) == (1, 1, "")
    alike, _ = compare([bounded("tpe", "tpe", 900, {"trials": 3}), random])
    assert (alike["note"], alike["relative_improvement_percent"]["mean"]) == ("", pytest.approx(80))


def test_data_is_what_a_run_has_seen_wherever_it_lay() -> None:
    runs = [random_run(seed, 500, data={"name": "folder", "root": root}) for seed, root in enumerate(("here", "there", "here"))]
    told = [{"photographs": 400}, {"photographs": 400}, {"photographs": 399}]
    assert [entry["runs"] for entry in compare(runs)] == [["random-0", "random-2"], ["random-1"]]
    known = [one._replace(data=data) for one, data in zip(runs, told, strict=True)]
    assert [(entry["runs"], entry["task"]) for entry in compare(known)] == [(["random-0", "random-1"], 1), (["random-2"], 2)]


def test_what_cannot_be_compared_is_one_sentence() -> None:
    with pytest.raises(RunError, match="random-0 has accepted no candidate yet"):
        compare([random_run(0, 0, 0)])
    with pytest.raises(RunError, match="a and b have the same settings and the same seed"):
        compare([random_run(0, 500)._replace(name=name) for name in "ab"])


def write(folder: Path, given: SearchRun) -> Path:
    journal = Journal(folder)
    for row in given.rows:
        journal.append(row.candidate, row.evaluation, row.verdict, NetworkCost(row.parameters, row.macs))
    (folder / "config.yaml").write_text(yaml.safe_dump(given.settings))
    return folder


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [write(Path("egnas"), run("egnas", "dynamic_ranking", 0, EGNAS)), write(Path("random"), random_run(1, 500, 700))]
    command.compare(folders, as_json=True)
    printed = capsys.readouterr()
    assert [entry["runs"] for entry in json.loads(printed.out)] == [["egnas"], ["random"]]
    assert "egnas (dynamic_ranking, seed 0) is not finished" in printed.err
    (folders[0] / "architecture.json").touch()
    command.compare([*folders, *folders])
    printed = capsys.readouterr()
    for words in ("90.00 %", "+50.00 %", "0.00 M", "task 1: the scores come from 10 to 13 epochs"):
        assert words in printed.out
    assert "egnas (" not in printed.err
    (folders[1] / "config.yaml").write_text("seed: [")
    with pytest.raises(RunError, match=r"random/config.yaml is missing or damaged"):
        command.compare(folders)
