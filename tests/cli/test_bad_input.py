"""What a user can get wrong: one clear sentence, exit code 1, and nothing that was finished is lost."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facenas.backbones import ZOO
from facenas.search import read_journal
from tests.conftest import rows_so_far

Command = Callable[..., Any]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["search", "--config", "smok"], "unknown preset 'smok'; did you mean 'smoke'?"),
        (["search", "--config", "none.yaml"], "no settings file at none.yaml"),
        (["search", "--config", "smoke", "--set", "recipe.batchsize=3"], "unknown setting recipe.batchsize; did you mean 'batch_size'?"),
        (["search", "--config", "smoke", "--set", "head.name=arcfase"], "unknown head 'arcfase'; did you mean 'arcface'?"),
        (["search", "--config", "smoke", "--set", "recipe.lr=fast"], "recipe.lr"),
        (["search", "--config", "smoke", "--set", "recipe.lr"], "--set needs path=value"),
        (["search", "--config", "smoke", "--set", "strategy.min_depth=90"], "must not exceed"),
        (["search", "--config", "smoke", "--set", "strategy.min_depth=11"], "depth is even"),
        (["search", "--config", "smoke", "--set", "space.name=plain"], "in a space that ends in an embedding, such as 'ir'"),
        (["search", "--config", "smoke", "--device", "cuda"], "this machine has no cuda device"),
        (["search", "--config", "folder", "--set", "data.root=nowhere"], "no folder at nowhere"),
        (["train", "--config", "smoke", "--architecture", "ir51"], "unknown architecture 'ir51'; did you mean 'ir50'?"),
        (["train", "--config", "smoke", "--architecture", "none/architecture.json"], "no architecture at none/architecture.json"),
        (["eval", "--model", "nowhere"], "no model.json in"),
        (["eval", "--model", "none.onnx"], "no ONNX file at none.onnx"),
        (["eval", "--model", "runs/nope"], "no model.json in runs/nope; give the folder of a finished `facenas train` run, an ONNX file"),
        (["export", "--model", "runs/nope"], "no model.json in runs/nope; give the folder of a finished `facenas train` run\n"),
        (["push", "hub", "--model", "runs/nope"], "no model.json in runs/nope; give the folder of a finished `facenas train` run\n"),
        (["eval", "--model", "m", "--set", "input.std=0"], "input.std: a divisor must be positive, got 0"),
        (["eval", "--model", "m", "--set", "input.mean=[1,2]"], "input.mean: there must be one finite number, or one for each of 3"),
        (["eval", "--model", "m", "--set", "input.size=0"], "input.size: a size is a side of 1 to 4,096 pixels, or height and width"),
        (["eval", "--model", "nowhere", "--benchmark", "olr"], "unknown benchmark 'olr'; did you mean 'orl'?"),
        (["eval", "--compare", "m", "n", "--benchmark", "test", "--json"], "takes one model and no settings; leave out --compare\n"),
        (
            ["eval", "--model", "m", "--benchmark", "test", "--config", "x", "--set", "a=1", "--seed", "0", "--baselines"],
            "--benchmark test takes one model and no settings; leave out --config, --set, --seed, --baselines\n",
        ),
        (["eval", "--model", "m", "--benchmark", "test", "--seed", "0"], "leave out --seed\n"),
        (["eval", "--model", "m", "--benchmark", "test", "--device", "cpu", "--data", ".", "--run", "r"], "no model.json in"),
        (["export", "--model", "nowhere"], "no model.json in"),
        (["journal", "nowhere"], "no journal in nowhere"),
        (["report", "nowhere"], "no journal in nowhere"),
        (["dashboard", "nowhere"], "no journal in nowhere"),
        (["compare", "nowhere"], "no journal in nowhere"),
        (["search", "--config", "smoke", "--set", "strategy.name=randm"], "unknown strategy 'randm'; did you mean 'random'?"),
        (["search", "--config", "smoke", "--set", "strategy.name=random"], "strategy random never ends by itself: set budget.trials"),
        (["search", "--config", "smoke", "--storage", "nonsense"], "--storage needs a database URL such as postgresql://"),
        (["search", "--config", "smoke", "--set", "limits.parameters=0"], "limits.parameters"),
        (["search", "--config", "smoke", "--per-gpu", "4"], "--per-gpu shares the GPUs of this machine, and torch sees none"),
        (["search", "--config", "smoke", "--set", "base=x"], "unknown setting base"),
        (["search", "--config", "digits", "--data-root", "x"], "unknown setting data.digits.root"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_one_sentence(facenas: Command, arguments: list[str], sentence: str) -> None:
    done = facenas(*arguments, code=1)
    assert sentence in done.stderr
    *choices, told = done.stderr.strip().splitlines()
    assert told.startswith("facenas: ")
    assert all(" instead of " in choice for choice in choices)  # what another choice keeps and drops is said before
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [["search", "--bogus"], ["nonsense"], ["report"], ["align"], ["demo", "--port", "99999"], ["data", "sample", "x", "--count", "0"]],
)
def test_a_mistake_on_the_command_line_is_shown_with_the_usage(facenas: Command, arguments: list[str]) -> None:
    done = facenas(*arguments, code=2)
    assert "Traceback" not in done.stderr
    assert "Usage: facenas" in done.stderr


def test_all_mistakes_are_reported_together(facenas: Command) -> None:
    done = facenas("search", "--config", "smoke", "--set", "recipe.lr=-1", "--set", "colour=red", code=1)
    assert "recipe.lr" in done.stderr
    assert "colour" in done.stderr


def test_a_run_folder_of_other_settings_names_the_keys(facenas: Command, tmp_path: Path) -> None:
    quick = [
        "search",
        "--config",
        "smoke",
        "--set",
        "strategy.micro=false",
        "--set",
        "strategy.max_depth=10",
        "--set",
        "strategy.min_width=12",
    ]
    facenas(*quick, "--run", "r", "--json")
    before = (tmp_path / "r" / "architecture.json").read_bytes()
    done = facenas(*quick, "--run", "r", "--seed", "7", "--set", "recipe.lr=0.2", code=1)
    assert "recipe.lr (0.1 there, 0.2 here), seed (0 there, 7 here)" in done.stderr
    assert (tmp_path / "r" / "architecture.json").read_bytes() == before
    header = (tmp_path / "r" / "config.yaml").read_text().splitlines()[0]
    assert "facenas" in header
    assert "torch" in header
    assert facenas("search", "--config", tmp_path / "r" / "config.yaml", "--run", "r", "--json").json["candidates"] == 1


def test_a_diverged_candidate_scores_zero_and_the_search_goes_on(facenas: Command) -> None:
    facenas(
        "search",
        "--config",
        "smoke",
        "--set",
        "recipe.lr=1e25",
        "--set",
        "recipe.clip_norm=0",
        "--set",
        "strategy.micro=false",
        "--run",
        "r",
        "--json",
    )
    rows = facenas("journal", "r", "--json").json
    assert len(rows) > 1
    assert all(row["diverged"] and row["correct"] == 0 and row["total"] > 0 for row in rows)


def test_diverged_training_is_one_sentence(facenas: Command) -> None:
    options = ["--set", "recipe.lr=1e25", "--set", "recipe.clip_norm=0", "--set", "input_size=32"]
    done = facenas("train", "--config", "smoke", "--architecture", "r58-256", *options, "--run", "r", code=1)
    assert "the loss became" in done.stderr


def hearing() -> None:
    """In a child before it starts: Ctrl-C counts, even if the tests run in a shell's background, where it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "facenas", "search", "--config", "smoke", "--run", "r"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hearing)
    while process.poll() is None and not rows_so_far(tmp_path / "r"):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; what was finished is kept, run the same command to go on" in errors
    assert "Traceback" not in errors
    assert 1 <= len(read_journal(tmp_path / "r")) < 18


def test_ctrl_c_in_a_finaliser_is_heard(tmp_path: Path) -> None:
    """Python drops an exception that is raised in the callback of a weak reference; SQLAlchemy has many of them."""
    code = """
import os, signal, weakref
from facenas import cli

class Row: pass

def interrupt(reference): os.kill(os.getpid(), signal.SIGINT)

def command(**_):
    row = Row()
    reference = weakref.ref(row, interrupt)
    del row
    signal.pause()

cli.app = command
cli.main()
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, preexec_fn=hearing)
    assert done.returncode == 130
    assert done.stderr == "facenas: interrupted; what was finished is kept, run the same command to go on\n"


@pytest.mark.slow
def test_a_file_that_cannot_grow_is_one_sentence(tmp_path: Path) -> None:
    """A limit on the file size stands for a full disk: the write fails in the middle, and the half file is not left behind."""
    code = """
import resource, signal, sys
from facenas.cli import run
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.exit(run(sys.argv[1:]))
"""
    command = [
        sys.executable,
        "-c",
        code,
        "train",
        "--config",
        "smoke",
        "--architecture",
        "ir18",
        "--set",
        "input_size=32",
        "--set",
        "epochs=1",
        "--run",
        "r",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("facenas: ")
    assert not [path for path in (tmp_path / "r").iterdir() if path.name.startswith(".") or "model" in path.name]


def test_a_model_that_has_seen_everyone_is_not_measured(facenas: Command) -> None:
    everyone = ["--set", "data.test_people=0", "--set", "epochs=1", "--set", "input_size=32"]
    facenas("train", "--config", "smoke", "--architecture", "r58-256", *everyone, "--run", "m", "--json")
    assert (
        "the model was trained on all but 0 of these 24 people"
        in facenas("eval", "--model", "m", "--benchmark", "synthetic", code=1).stderr
    )


def test_people_that_the_search_used_are_not_measured_either(facenas: Command, tmp_path: Path) -> None:
    """Searched on split 0, trained on split 1: some test people of split 1 have helped to choose the architecture."""
    quick = ["--set", "strategy.micro=false", "--set", "strategy.max_depth=10", "--set", "strategy.min_width=12"]
    facenas("search", "--config", "smoke", *quick, "--run", "s", "--json")
    options = ["--set", "epochs=1", "--set", "data.split_seed=1"]
    facenas("train", "--config", "smoke", "--architecture", "s", *options, "--run", "m", "--json")
    searched = json.loads((tmp_path / "s" / "architecture.json").read_text())["seen"][0]["identities"]
    trained = json.loads((tmp_path / "m" / "model.json").read_text())["seen"][0]["identities"]
    assert len(searched) == 16
    assert set(searched) < set(trained)
    left = 24 - len(trained)
    assert facenas("eval", "--model", "m", "--benchmark", "synthetic", "--json").json["synthetic"]["pairs"] == 2 * left * 28


def test_json_alone_is_on_standard_output(facenas: Command) -> None:
    names = [row["name"] for row in json.loads(facenas("models", "--json").stdout)]
    assert names == list(ZOO) and {"ir50", "r58-256", "resnet18-16"} < set(names)


@pytest.mark.parametrize(
    "command", ["search", "train", "eval", "export", "models", "journal", "quickstart", "report", "compare", "dashboard"]
)
def test_help_shows_an_example(facenas: Command, command: str) -> None:
    assert f"Example: facenas {command}" in facenas(command, "--help").stdout


def test_truncated_onnx_and_classifier_are_refused(facenas: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(np.random.default_rng(0).bytes(100))
    assert "is not a usable ONNX model" in facenas("eval", "--model", "broken.onnx", "--benchmark", "synthetic", code=1).stderr
