"""The studies through the real commands, tiny."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from facenas.search import Journal, read_journal

Command = Callable[..., Any]
FEW = ["search.data_fraction=0.05", "search.strategy.max_depth=4", "search.strategy.min_width=4", "search.strategy.max_width=4"]
SHARED = ["search.strategy.epochs=3", "search.strategy.samples=2"]
OF_STUDY = {
    "ranking": ["count=4", "epochs=2", "draw=3", "resamples=20"],
    "random": ["count=2", "epochs=1", "search.strategy.macro_epochs=1", "search.strategy.micro=false"],
    "initialisation": ["subsets=1", "epochs=1", "search.strategy.macro_epochs=1", "search.data_fraction=0.1"],
}
FEW_OF = {
    "reward": [*SHARED, "search.strategy.controller.steps=2"],
    "overfitting": [*SHARED, "search.strategy.retrain_epochs=1", "epochs=1", "transfer_epochs=1", "search.data_fraction=0.2"],
}
RUNS = {
    "ranking": ["networks"],
    "random": ["search-5", "compared-5"],
    "initialisation": ["conv-3x3", "conv-7x7", "sep-3x3", "sep-7x7", "compared"],
    "reward": ["search-5"],
    "overfitting": ["search-5", "task-a-5", "task-b-5"],
}
studies = pytest.mark.parametrize("study", RUNS)


def tiny(study: str, run: str) -> list[str]:
    changes = [part for change in (FEW_OF.get(study) or (*FEW, *OF_STUDY[study])) for part in ("--set", change)]
    return ["study", study, *changes, "--seed", "5", "--device", "cpu", "--run", run]


class Interrupt:
    """Ctrl-C after so many rows, in whatever search they are."""

    def __init__(self, rows: int) -> None:
        self.rows, self.append = rows, Journal.append

    def __call__(self, journal: Journal, *arguments: Any) -> Any:
        if not self.rows:
            raise KeyboardInterrupt
        self.rows -= 1
        return self.append(journal, *arguments)


@pytest.mark.slow
@studies
def test_from_command_to_picture(facenas: Command, tmp_path: Path, study: str) -> None:
    printed = facenas(*tiny(study, "s"), "--json").json
    assert printed == json.loads((tmp_path / "s" / "study.json").read_text())
    assert (printed["study"], printed["settings"]["seeds"], printed["settings"]["search"]["device"]) == (study, [5], "cpu")
    assert sorted(path.parent.name for path in tmp_path.glob("s/**/journal.db")) == sorted(RUNS[study])
    picture = ElementTree.parse(tmp_path / "s" / "study.svg").getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(picture.findall("{*}svg")) == (4 if study == "ranking" else 2)


@pytest.mark.slow
@pytest.mark.parametrize("study", ["ranking", "random"])
def test_goes_on_after_an_interruption(facenas: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study: str) -> None:
    """The random study is stopped in its second search."""
    facenas(*tiny(study, "whole"), "--json")
    interrupt = Interrupt(2)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", lambda *arguments: interrupt(*arguments))
        facenas(*tiny(study, "part"), code=130)
    assert not (tmp_path / "part" / "study.json").exists()
    before = {path.parent: rows_of(path.parent) for path in tmp_path.glob("part/**/journal.db")}
    assert sum(map(len, before.values())) == 2
    table = facenas(*tiny(study, "part")).stdout
    assert "part/study.json, part/study.svg" in table
    assert "paper" in table
    for folder, rows in before.items():
        assert rows_of(folder)[: len(rows)] == rows, "not trained again"
    for name in ("study.json", "study.svg"):
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row.plain() for row in read_journal(folder)]


def test_another_study_in_the_same_folder(facenas: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt = Interrupt(0)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", lambda *arguments: interrupt(*arguments))
        facenas(*tiny("ranking", "s"), code=130)
    assert "made with other settings: draw (3 there, 4 here)" in facenas(*tiny("ranking", "s"), "--set", "draw=4", code=1).stderr


def test_an_unknown_setting(facenas: Command) -> None:
    wrong = facenas("study", "ranking", "--set", "search.strategy.max_dept=3", code=1).stderr
    assert "max_dept; did you mean 'max_depth'?" in " ".join(wrong.split())
