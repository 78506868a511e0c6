"""The journal and the runner, with an evaluator that needs no training."""

from pathlib import Path

import optuna
import pytest

from facenas.backbones import IRSpace
from facenas.errors import RunError
from facenas.search import Candidate, DynamicRanking, Journal, Score, forecast, read_journal, run_search
from facenas.training.device import derive_seed
from facenas.training.fit import Evaluation

SPACE = IRSpace(embedding_size=None, input_size=32)


def strategy(**changes: int) -> DynamicRanking:
    return DynamicRanking(SPACE, **{"max_depth": 14, "min_width": 8, "max_width": 12, "macro_epochs": 2} | changes)


class Evaluator:
    """Scores derived from the candidate's content; stops after a number of calls."""

    def __init__(self, stop_after: int = 10_000) -> None:
        self.stop_after, self.asked = stop_after, []  # type: ignore[var-annotated]

    def __call__(self, candidate: Candidate, step: int) -> Evaluation:
        if len(self.asked) == self.stop_after:
            raise KeyboardInterrupt
        self.asked.append(candidate)
        correct = derive_seed(candidate.model_dump(mode="json")) % 100
        return Evaluation(score=Score(correct=correct, total=100), history=(), seconds=1.5, device="cpu")


@pytest.mark.parametrize("stop_after", [0, 1, 4, 9])
def test_resumed_run_equals_the_uninterrupted_one(tmp_path: Path, stop_after: int) -> None:
    whole = run_search(strategy(), Evaluator(), Journal(tmp_path / "whole"), space=SPACE)
    first, second = Evaluator(stop_after), Evaluator()
    with pytest.raises(KeyboardInterrupt):
        run_search(strategy(), first, Journal(tmp_path / "part"), space=SPACE)
    resumed = run_search(strategy(), second, Journal(tmp_path / "part"), space=SPACE)
    assert resumed == whole
    assert read_journal(tmp_path / "part") == read_journal(tmp_path / "whole")
    assert first.asked + second.asked == [row.candidate for row in read_journal(tmp_path / "whole")]


def test_a_journal_of_another_search_is_refused(tmp_path: Path) -> None:
    run_search(strategy(), Evaluator(), Journal(tmp_path), space=SPACE)
    with pytest.raises(RunError, match="row 0 of the journal is grow depth 10 width 12"):
        run_search(strategy(max_width=10), Evaluator(), Journal(tmp_path), space=SPACE)


def test_optuna_reads_the_rows_and_scales_are_apart(tmp_path: Path) -> None:
    run_search(strategy(), Evaluator(), Journal(tmp_path / "run"), space=SPACE)
    url = f"sqlite:///{tmp_path / 'run' / 'journal.db'}"
    macro, micro = (optuna.load_study(study_name=f"run.{scale}", storage=url) for scale in ("macro", "micro"))
    assert {trial.params["phase"] for trial in macro.trials} == {"grow", "prune"}
    assert {trial.params["phase"] for trial in micro.trials} == {"operations", "kernels"}
    first = macro.trials[0]
    assert first.user_attrs["correct"] / first.user_attrs["total"] == first.value
    assert first.duration.total_seconds() == pytest.approx(1.5)


def test_damaged_journal_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(RunError, match="cannot be used as a journal"):
        Journal(tmp_path)
    with pytest.raises(RunError, match="no journal in"):
        read_journal(tmp_path / "elsewhere")


def test_forecast_goes_on_to_the_bounds_and_never_beyond_the_end(tmp_path: Path) -> None:
    everything = forecast(strategy(micro=False), [])
    assert [(c.phase, c.architecture.depth, c.architecture.width) for c in everything] == [
        ("grow", 10, 12), ("grow", 12, 12), ("grow", 14, 12), ("prune", 10, 10), ("prune", 10, 8),
    ]  # fmt: skip
    run_search(strategy(), Evaluator(), Journal(tmp_path), space=SPACE)
    assert forecast(strategy(), read_journal(tmp_path)) == []
