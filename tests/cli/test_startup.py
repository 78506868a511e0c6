"""Commands import what they use and nothing else: that is what makes them quick, and it needs no clock to be tested."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from facenas.backbones import Architecture
from facenas.cli import COMMANDS
from facenas.cli.lazy import Entry
from facenas.score import Epoch, Evaluation
from facenas.search import Candidate, Journal, NetworkCost, Score, Verdict
from tests.conftest import Result

HEAVY = {"torch", "optuna", "sqlalchemy", "onnxruntime", "onnx", "sklearn", "scipy", "matplotlib", "cv2", "timm", "albumentations", "numpy"}
LOOK = """
import json, sys
from facenas.cli import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(name for name in sys.modules if "." not in name)]), file=sys.stderr)
"""
HELPS = [[name] for name in COMMANDS] + [["gallery", "build"], ["data", "info"], ["study", "ranking"]]


def imported(*arguments: str) -> set[str]:
    """Top-level modules after a command, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", LOOK, *arguments], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return set(modules)


def write_journal(run: Path, *, seed: int = 0) -> None:
    """A finished search of two candidates."""
    journal = Journal(run, warnings=["look out"])
    score = Score(correct=seed + 8, total=10)
    evaluation = Evaluation(score=score, history=(Epoch(1, 0.5, 3, 9, 0.1),), seconds=1.5, device="cpu")
    for depth in (3, 4):
        architecture = Architecture(space="plain", depth=depth, width=16, operations=("sep",) * depth, kernels=(3,) * depth)
        candidate = Candidate(architecture=architecture, epochs=1, phase="random")
        journal.append(candidate, evaluation, Verdict(outcome="accepted", reason="better"), NetworkCost(1000 * depth, 5000))
    (run / "config.yaml").write_text(f"strategy: {{name: random}}\nseed: {seed}\n")
    (run / "architecture.json").write_text("{}")


@pytest.mark.parametrize("command", HELPS, ids=" ".join)
def test_help_imports_neither_settings_nor_tables(command: list[str]) -> None:
    loaded = imported(*command, "--help")
    assert not loaded & (HEAVY | {"pydantic", "yaml", "rich"})


def test_the_list_of_commands_imports_none_of_them() -> None:
    assert not imported("--help") & (HEAVY | {"pydantic", "yaml", "rich"})


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_models_and_journals_are_read_without_torch_and_optuna(options: tuple[str, ...], tmp_path: Path) -> None:
    for seed in (0, 1):
        write_journal(tmp_path / str(seed), seed=seed)
    runs = [str(tmp_path / str(seed)) for seed in (0, 1)]
    for command in (["models"], ["journal", runs[0]], ["compare-searches", *runs]):
        assert not imported(*command, *options) & HEAVY, command


@pytest.mark.parametrize(
    "module",
    [
        "candidate",
        "row",
        "reading",
        "strategies.dynamic_ranking",
        "strategies.random",
        "strategies.regularized_evolution",
        "strategies.sample",
        "speculation",
        "limits",
        "compare",
    ],
)
def test_strategies_load_no_torch(module: str) -> None:
    code = f"import sys, facenas.search.{module}; print(*(name for name in sys.modules if '.' not in name))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & HEAVY


def test_what_is_read_without_optuna_is_what_was_written(tmp_path: Path, facenas: Callable[..., Result]) -> None:
    write_journal(tmp_path / "run")
    written = Journal(tmp_path / "run")
    printed = facenas("journal", tmp_path / "run", "--json")
    assert printed.json == [json.loads(json.dumps(row.plain())) for row in written.rows()]
    assert "look out" in printed.stderr


@pytest.mark.parametrize(("name", "entry"), COMMANDS.items())
def test_the_table_of_commands_says_what_they_say(name: str, entry: Entry) -> None:
    command = entry.load(name)
    assert command.name == name
    told = " ".join((command.help or "").split())
    assert told.startswith(entry.help.rstrip("."))
    assert told[len(entry.help.rstrip(".")) :][:1] in set(".,;: "), "whole words"


def test_every_command_is_in_the_help(facenas: Callable[..., Result]) -> None:
    told = facenas("--help").stdout
    assert all(f"\n  {name} " in told and entry.help[:20] in told for name, entry in COMMANDS.items())


def test_a_mistyped_command_is_named(facenas: Callable[..., Result]) -> None:
    assert "Did you mean 'identify'" in facenas("identfy", code=2).stderr
    assert "Did you mean 'info'" in facenas("data", "inf", code=2).stderr
    assert "No such option: --jsn" in facenas("models", "--jsn", code=2).stderr


def test_an_option_of_the_group_itself_is_still_looked_at(facenas: Callable[..., Result]) -> None:
    assert "No such option" in facenas("--nonsense", "models", code=2).stderr
    assert "Usage: facenas gallery" in facenas("gallery", "--help").stdout


def test_a_command_may_be_a_group_of_its_own() -> None:
    group = COMMANDS["data"].load("data")
    assert "info" in group.commands and "--install-completion" not in str([param.opts for param in group.params])
