"""The engine of searches with shared weights, with a stage that trains nothing worth knowing."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from facenas.backbones import Architecture, IRSpace
from facenas.errors import RunError
from facenas.search import open_journal
from facenas.search.journal import Epochs, Journal
from facenas.search.row import StageEpoch
from facenas.search.shared_weights import CHECKPOINT, run_stage
from facenas.training.device import derive_seed
from tests.conftest import stage_rows

SPACE = IRSpace(embedding_size=None, input_size=32)
Happen = Callable[[str], None]


def nothing(event: str) -> None:
    """No accident."""


class Toy:
    """Weights on a random walk; the shortlist follows from where they end."""

    epochs = 3

    def __init__(self, happen: Happen, seed: int = 0) -> None:
        self.weights, self.happen, self.seed = torch.zeros(4), happen, seed

    def epoch(self, number: int, progress: Callable[[float], None]) -> dict[str, Any]:
        torch.manual_seed(derive_seed(self.seed, number))
        for step in range(2):
            self.weights += torch.rand(4)
            progress(number + step / 2)
            self.happen("step")
        return {"accuracy": float(self.weights[0] / 4), "weights": self.weights.tolist(), "pair": (1, 2)}

    def state_dict(self) -> dict[str, Any]:
        self.happen("before the checkpoint")
        return {"weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weights = state["weights"]

    def shortlist(self) -> list[Architecture]:
        self.happen("before the shortlist")
        return [SPACE.start(depth=10, width=8 + 2 * int(place)) for place in self.weights.argsort()[:2]]


class Written(Epochs):
    """Rows that something happens to."""

    happen: Happen = staticmethod(nothing)

    def put(self, row: StageEpoch) -> None:
        self.happen("before the row")
        super().put(row)
        self.happen("after the row")


def finish(folder: Path, accident: tuple[str, int] | None = None) -> list[Architecture]:
    """Run or continue the stage; SIGKILL at the nth event of a kind."""
    counted: list[str] = []

    def happen(event: str) -> None:
        counted.append(event)
        if accident and event == accident[0] and counted.count(event) == accident[1]:
            os.kill(os.getpid(), signal.SIGKILL)

    rows = Journal(folder).stage()
    rows.__class__, rows.happen = Written, happen  # type: ignore[attr-defined]
    return run_stage(lambda: Toy(happen), rows, checkpoint=folder / CHECKPOINT)


ACCIDENTS = [
    ("step", 1),
    ("step", 3),
    ("before the checkpoint", 2),
    ("before the row", 2),
    ("after the row", 1),
    ("before the shortlist", 1),
]


def test_killed_at_any_instant_it_ends_with_the_rows_and_the_result_of_a_run_left_alone(tmp_path: Path) -> None:
    whole = finish(tmp_path / "whole")
    assert [row.number for row in stage_rows(tmp_path / "whole")] == [1, 2, 3]
    for number, accident in enumerate(ACCIDENTS):
        folder = tmp_path / str(number)
        process = multiprocessing.get_context("fork").Process(target=finish, args=(folder, accident))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert finish(folder) == whole
        assert [row.facts for row in stage_rows(folder)] == [row.facts for row in stage_rows(tmp_path / "whole")]


def test_a_finished_stage_is_not_trained_again_and_its_rows_are_told(tmp_path: Path) -> None:
    found, told = finish(tmp_path), list[int]()

    def never() -> Toy:
        raise AssertionError

    again = run_stage(never, Journal(tmp_path).stage(), checkpoint=tmp_path / "none", after_epoch=lambda row: told.append(row.number))
    assert (again, told) == (found, [1, 2, 3])


def test_a_lost_checkpoint_begins_again_and_another_outcome_is_refused(tmp_path: Path) -> None:
    def three(folder: Path, seed: int) -> None:
        def killed(event: str) -> None:
            if event == "before the shortlist":
                raise KeyboardInterrupt

        run_stage(lambda: Toy(killed, seed), Journal(folder).stage(), checkpoint=folder / CHECKPOINT)

    with pytest.raises(KeyboardInterrupt):
        three(tmp_path, 0)
    (tmp_path / CHECKPOINT).unlink()
    with pytest.raises(RunError, match="epoch 1 of the shared weights differs from the run's row"):
        three(tmp_path, 1)
    with pytest.raises(KeyboardInterrupt):
        three(tmp_path, 0)
    assert len(stage_rows(tmp_path)) == 3
    (tmp_path / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(RunError, match=r"supernet.pt is damaged; remove it"):
        three(tmp_path, 0)


def test_the_rows_lie_beside_the_candidates_and_are_copied_with_them(tmp_path: Path) -> None:
    Journal(tmp_path / "plain")
    assert open_journal(tmp_path / "plain").epochs() is None
    finish(tmp_path / "run")
    url = f"sqlite:///{tmp_path / 'copy.db'}"
    open_journal(tmp_path / "run").copy_to(url)
    import optuna

    assert sorted(optuna.get_all_study_names(url)) == ["run.macro", "run.micro", "run.supernet"]
    trials = optuna.load_study(study_name="run.supernet", storage=url).trials
    assert [trial.value for trial in trials] == [row.facts["accuracy"] for row in stage_rows(tmp_path / "run")]
