"""The verbs as functions: what they take, what they say and when, and that two of them do not write the same files."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import facenas
from facenas import api
from facenas.api.given import assignments, settings_of
from facenas.errors import DataError, FacenasError, RunError, SettingsError
from facenas.eval.settings import EvalSettings
from facenas.locks import LOCK, locked, locked_output
from facenas.search import Journal, SearchSettings, read_journal
from facenas.settings import load
from facenas.training.settings import TrainSettings
from tests.conftest import Result, save_random_model

Command = Callable[..., Result]
SEARCH = {"strategy.micro": False, "strategy.max_depth": 10}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with a network of random weights, in the folder where the test is."""
    monkeypatch.chdir(tmp_path)
    save_random_model(tmp_path / "a", tmp_path / "b", size=32, embedding_size=16)
    return Path("a")


def measured(*models: str | Path, **options: Any) -> api.EvalResult:
    return api.evaluate(*models, "synthetic", set={"replicates": 0, "cache": False}, **options)


def test_importing_the_verbs_loads_nothing_heavy() -> None:
    code = "import sys, facenas; from facenas import api; facenas.api; dir(api); print(*(n for n in sys.modules if '.' not in n))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & {"torch", "optuna", "onnxruntime", "numpy", "pydantic", "yaml", "rich", "cv2"}


def test_every_name_is_there_and_says_what_it_takes() -> None:
    assert facenas.api is api
    for name in api.__all__:
        documented = getattr(api, name).__doc__
        assert documented and ("Args:" in documented or "Attributes:" in documented), name
    assert api.search is api.search and callable(api.search)  # not the module of that name


def test_settings_are_a_preset_or_an_object_and_values_stay_what_they_are() -> None:
    changes = {"recipe.lr": 1e-5, "data.name": "orl", "head.name": "adaface", "head.margin": 0.2, "watch": (), "architecture": "1e3"}
    by_name = settings_of(TrainSettings, "train", "smoke", changes)
    assert (by_name.recipe.lr, by_name.head.name, by_name.architecture) == (1e-5, "adaface", "1e3")
    given = load(TrainSettings, command="train", preset="smoke")
    assert settings_of(TrainSettings, "train", given) is given
    assert settings_of(TrainSettings, "train", given, changes) == by_name
    assert settings_of(TrainSettings, "train", given, ["epochs=3"]).epochs == 3
    texts = assignments({"a": "no", "b": None, "c": True, "d": Path("x: y"), "e": [1, "2"], "f": "é" * 200})
    assert texts == ["a='no'", "b=null", "c=true", "d='x: y'", "e=[1, '2']", f"f={'é' * 200}"]
    with pytest.raises(SettingsError, match="must be SearchSettings, a preset's name or a YAML file, got TrainSettings"):
        settings_of(SearchSettings, "search", given)  # type: ignore[type-var]
    with pytest.raises(SettingsError, match="a setting is a number, a text, a list"):
        assignments({"a": object()})


def test_a_search_that_is_interrupted_goes_on_when_it_is_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(SearchSettings, "search", "smoke", SEARCH)
    whole = api.search(settings, run=tmp_path / "whole")
    assert (whole.folder, whole.settings, len(whole.rows)) == (tmp_path / "whole", settings, 3)
    assert whole.blueprint.architecture == whole.architecture in [row.candidate.architecture for row in whole.rows]
    assert json.loads(whole.file.read_text())["architecture"] == whole.architecture.model_dump(mode="json")
    assert capfd.readouterr() == ("", "")  # silent
    append = Journal.append

    def interrupted(self: Journal, *row: Any) -> None:
        append(self, *row)
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        api.search(settings, run=tmp_path / "r")
    assert len(read_journal(tmp_path / "r")) == 1
    assert api.finish_search(tmp_path / "r").architecture == whole.rows[0].candidate.architecture
    monkeypatch.setattr(Journal, "append", append)
    assert capfd.readouterr().err == ""
    told = api.search("smoke", run=tmp_path / "r", set=SEARCH, progress=True)
    assert [row.evaluation.score for row in told.rows] == [row.evaluation.score for row in whole.rows]
    said = capfd.readouterr()
    assert said.out == "" and said.err.splitlines()[1].endswith("r: at most 3 candidates")
    assert not logging.getLogger("facenas").handlers, "nothing is shown from now on"


@pytest.mark.slow
def test_training_in_a_thread_and_what_it_returns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Signals are heard by the main thread alone: other threads train too."""
    done: list[api.TrainResult] = []
    given = {"architecture": "r58-256", "run": tmp_path / "m", "set": {"epochs": 2, "input_size": 32}}

    def work() -> None:
        done.append(api.train("smoke", **given))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    (trained,) = done
    assert [epoch.epoch for epoch in trained.history] == [1, 2]
    assert trained.metrics["loss"] == trained.history[-1].loss
    assert trained.model.card.blueprint == trained.blueprint and all(file.is_file() for file in trained.files)
    assert capfd.readouterr().err == ""
    assert api.train("smoke", **given, progress=True).history == trained.history
    assert "epoch 2 of 2: loss" in capfd.readouterr().err


def test_a_report_and_a_file_are_written_by_one_process(model: Path, tmp_path: Path) -> None:
    (model / LOCK).touch()  # as of a run
    with locked(model):
        for verb in (measured, lambda run: api.export(run, check_on="synthetic")):
            with pytest.raises(RunError, match="another process is working on a; wait for it"):
                verb(model)
    with locked_output(model / "eval" / "synthetic.json"):
        with pytest.raises(RunError, match=r"another process is working on a/eval/synthetic.json; wait for it"):
            measured(model)
        elsewhere = measured(model, run="other")  # another report of the same model
        assert elsewhere.file == Path("other/eval/synthetic.json") and elsewhere.file.is_file()
    with locked_output(model / "model.onnx"), pytest.raises(RunError, match=r"another process is working on a/model.onnx"):
        api.export(model, check_on="synthetic")
    with locked_output(tmp_path / "pack"), pytest.raises(RunError, match=r"another process is working on .*pack"):
        api.export(model, check_on="synthetic", insightface_pack=tmp_path / "pack")
    assert not (model / "model.onnx").exists() and not (tmp_path / "pack").exists()
    exported = api.export(model, check_on="synthetic")
    assert exported.file == model / "model.onnx" and exported.bytes == exported.file.stat().st_size
    assert 0.9999 <= exported.cosine_min <= 1.0001 and exported.report["benchmark"]["name"] == "synthetic"
    assert not [path for path in model.rglob("*") if path.name.startswith(".")]


def test_models_compared_in_one_folder_have_a_report_each(model: Path, facenas: Command) -> None:
    done = api.compare_models([model, "b"], [EvalSettings(data=load_data(), replicates=0, cache=False)], run="side")
    (synthetic,) = done.benchmarks
    assert set(synthetic.reports) == {"a", "b"} and done.page.is_file()
    assert sorted(path.name for path in Path("side/eval").iterdir()) == ["synthetic-a.json", "synthetic-b.json"]
    quick = ("--benchmark", "synthetic", "--set", "replicates=0", "--set", "cache=false")
    facenas("eval", "--compare", "a", "b", *quick, "--run", "again", "--json")
    assert sorted(path.name for path in Path("again/eval").iterdir()) == ["synthetic-a.json", "synthetic-b.json"]
    Path("x").mkdir()
    Path("a").rename("x/a")
    Path("b").rename("a")
    reports = api.evaluate_models(["x/a", "a"], ["synthetic"], set={"replicates": 0, "cache": False}, run="two")
    assert [str(one.file) for one in reports] == ["two/eval/synthetic-1-a.json", "two/eval/synthetic-2-a.json"]


def load_data() -> Any:
    return load(EvalSettings, command="eval", preset="synthetic").data


def test_a_gallery_is_not_written_among_people(model: Path) -> None:
    (Path("people") / "ann").mkdir(parents=True)
    for replace in (False, True):
        with pytest.raises(DataError, match="a gallery has a folder of its own, and people holds ann; give another --out"):
            api.gallery("people", "people", model=model, replace=replace)
    assert [path.name for path in Path("people").rglob("*")] == ["ann"]


def test_mistakes_are_sentences(model: Path) -> None:
    cases: dict[str, Callable[[], object]] = {
        "unknown benchmark 'olr'; did you mean 'orl'": lambda: api.evaluate(model, "olr"),
        "no search in nowhere": lambda: api.finish_search("nowhere"),
        "faces are found by a detector or listed": lambda: api.align("people", "out"),
        "embeddings are written to a .npy file": lambda: api.embed("people", "out.csv", model=model),
        "classifiers are measured one by one|takes one model": lambda: api.compare_models([model, "b"], ["test"]),
        "an insightface pack holds an ONNX file": lambda: api.export(model, "torchscript", insightface_pack="p"),
    }
    for sentence, call in cases.items():
        with pytest.raises(FacenasError, match=sentence):
            call()
