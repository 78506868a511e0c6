"""How a search begins, is ended, is asked for what it has found, and goes on."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from facenas import api
from facenas.backbones import Architecture
from facenas.errors import RunError, SettingsError
from facenas.search import locked, read_journal
from tests.cli.test_survival import FEW, wait_for, workers_of
from tests.conftest import Result, rows_so_far

Command = Callable[..., Result]
SEARCH = ["search", "--config", "smoke", "--set", "strategy.micro=false", "--run", "r"]


def found(run: Path) -> Architecture:
    return Architecture.model_validate(json.loads((run / "architecture.json").read_text())["architecture"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes by their parent")
def test_a_terminated_search_ends_its_workers_and_says_how_to_go_on(tmp_path: Path, facenas: Command) -> None:
    few = [*SEARCH, "--set", FEW]
    command = [sys.executable, "-m", "facenas", *few, "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: len(workers_of(process)) == 2 and rows_so_far(tmp_path / "r") >= 1, process)
    workers = workers_of(process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    said = " ".join(errors.decode().split())
    assert process.returncode == 143, said
    assert "stopped; every finished epoch is kept, run the same command to go on, or `facenas search --finish --run r`" in said
    assert "Traceback" not in said
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    rows = read_journal(tmp_path / "r")
    with locked(tmp_path / "r"):  # as if it were running
        taken = facenas("search", "--finish", "--run", "r", "--json").json
    assert taken["candidates"] == len(rows)
    assert found(tmp_path / "r") == [row.candidate.architecture for row in rows if row.verdict.outcome == "accepted"][-1]
    assert "r (dynamic_ranking, seed 0) is not finished" in facenas("compare", "r").stderr
    done = facenas(*few, "--json").json
    assert read_journal(tmp_path / "r")[: len(rows)] == rows
    assert done["candidates"] > len(rows)
    assert found(tmp_path / "r") == Architecture.model_validate(done["architecture"])
    assert "is not finished" not in facenas("compare", "r").stderr


def test_a_budget_may_be_set_changed_and_taken_away(tmp_path: Path, facenas: Command) -> None:
    for given, rows in ((["budget.trials=1"], 1), (["budget.trials=2"], 2)):
        done = facenas(*SEARCH, *(part for one in given for part in ("--set", one)), "--json")
        assert done.json["candidates"] == rows
        assert "trials: " + given[0].partition("=")[2] in (tmp_path / "r" / "config.yaml").read_text()
    said = facenas(*SEARCH, "--set", "recipe.lr=0.2", "--set", "budget.trials=3", code=1).stderr
    assert "r was made with other settings: recipe.lr (0.1 there, 0.2 here)" in said
    assert "trials: 2" in (tmp_path / "r" / "config.yaml").read_text()


def test_without_a_terminal_it_says_what_it_will_do(facenas: Command) -> None:
    said = facenas(*SEARCH, "--set", "budget.trials=1", "--json").stderr.splitlines()
    assert said[0] == (
        "r: dynamic_ranking in the space ir, depth 10 to 14, width 8 to 12; 88 photographs of 11 people of synthetic to train on, "
        "scored on 280 held-out pairs; 1 worker on cpu, 1 thread each"
    )
    assert said[1] == "r: at most 1 candidate"
    assert said[2].startswith("  1. grow       depth  10 width  12")


def test_nothing_found_is_one_sentence(facenas: Command) -> None:
    assert "no search in nowhere" in facenas("search", "--finish", "--run", "nowhere", code=1).stderr


def test_two_studies_do_not_share_a_folder(tmp_path: Path) -> None:
    with locked(tmp_path / "s"), pytest.raises(RunError, match="another process is working on"):
        api.study("random", run=tmp_path / "s")
    with pytest.raises(SettingsError, match="did you mean 'ranking'"):
        api.study("rankin")
