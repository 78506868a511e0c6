"""Shared by all tests: one thread where two would fight, and the real photographs."""

import json
import os
import sqlite3
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from facenas import cli
from facenas.search import open_journal
from facenas.search.row import StageEpoch

if "PYTEST_XDIST_WORKER" in os.environ:  # a core for each worker, and for what it starts
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
else:
    torch.set_num_threads(min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2))


collect_ignore = ["toy"]  # its tests run where it is installed: tests/testing/test_toy.py

# What a test marked `extra("name")` imports. CI runs these tests where everything is installed: `pytest -m "extra or slow"`.
EXTRAS = {
    "ray": ("ray",),
    "jpeg": ("simplejpeg",),
    "parquet": ("pyarrow",),
    "dlib": ("dlib", "face_recognition_models"),
    "faiss": ("faiss",),
    "demo": ("gradio", "gradio_client"),
    "dashboard": ("optuna_dashboard",),
    "postgres": ("psycopg",),
}
OTHERS = {  # no extras of facenas
    "pgserver": (("pgserver",), "pip install pgserver"),
    "insightface": (("insightface",), "pip install --no-deps insightface"),
}


def save_random_model(*runs: Path, size: int = 112, embedding_size: int = 32, alignment: str | None = None) -> None:
    """Write one small face network of random weights into runs; its statistics are not those of the beginning."""
    from facenas.backbones import Blueprint, IRSpace
    from facenas.data import InputContract
    from facenas.training.models import save_model

    torch.manual_seed(0)
    space = IRSpace(embedding_size=embedding_size, input_size=size, output="gdc", dropout=0.0)
    blueprint = Blueprint(architecture=space.start(depth=10, width=8), space=space)
    network = blueprint.build().train()
    with torch.no_grad():
        network(torch.randn(8, 3, size, size))
    contract = InputContract.model_validate({"size": size} | ({"alignment": alignment} if alignment else {}))
    for run in runs:
        save_model(run, network, blueprint=blueprint, contract=contract, metrics={})


def missing(extra: str) -> str:
    """Why a test of an extra cannot run; empty if it can."""
    modules, how = OTHERS.get(extra) or (EXTRAS[extra], f"pip install 'facenas[{extra}]'")
    return "" if all(find_spec(module) for module in modules) else f"needs {extra}: {how}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("extra"):
        for extra in mark.args:
            if why := missing(extra):
                pytest.skip(why)


class Result(NamedTuple):
    """What a finished command printed."""

    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def facenas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the real command line in an empty folder; an unexpected exit code fails the test.

    It runs in this process, since importing torch takes seconds; the tests that kill a command start a process of their own.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object, code: int = 0) -> Result:
        given = cli.run([str(argument) for argument in arguments])
        stdout, stderr = capfd.readouterr()
        assert given == code, f"exit {given}: {stdout}\n{stderr}"
        return Result(stdout, stderr)

    return run


def rows_so_far(run: Path) -> int:
    """Rows in a journal, read beside its writer."""
    try:
        with sqlite3.connect(f"file:{run / 'journal.db'}?mode=ro", uri=True) as database:
            return int(database.execute("select count(*) from trials").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def stage_rows(run: Path) -> list[StageEpoch]:
    """Of the shared weights, as a reader sees them."""
    rows = open_journal(run).epochs()
    assert rows
    return rows.rows()


FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")
needs_fashion_mnist = pytest.mark.skipif(not FASHION_MNIST.exists(), reason="the real Fashion-MNIST: apt-get install dataset-fashion-mnist")
