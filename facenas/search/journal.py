"""The journal: one row for every score, in plan order, in an Optuna study of the run's folder."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState
from pydantic import Field
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from facenas.backbones.cost import Cost
from facenas.errors import RunError
from facenas.search.candidate import Candidate, Phase, Verdict
from facenas.settings import Section
from facenas.training.fit import Evaluation

JOURNAL = "journal.db"
MACRO: tuple[Phase, ...] = ("grow", "prune")  # their scores are on another scale than those of the micro phases
DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "phase": CategoricalDistribution(("grow", "prune", "operations", "kernels")),
    "depth": IntDistribution(1, 1000),
    "width": IntDistribution(1, 10_000),
    "epochs": IntDistribution(1, 100_000),
}


class Row(Section):
    """One candidate of a search, scored and judged."""

    step: int = Field(ge=0, description="Place in the plan, from 0.")
    candidate: Candidate = Field(description="What was asked.")
    evaluation: Evaluation = Field(description="What came out.")
    verdict: Verdict = Field(description="What the strategy made of it.")
    parameters: int = Field(ge=1, description="Trainable parameters of the network.")
    macs: int = Field(ge=1, description="Multiply-accumulates for one image.")

    def plain(self) -> dict[str, Any]:
        """The row as flat JSON."""
        score, evaluation = self.evaluation.score, self.evaluation
        return {
            "step": self.step,
            "phase": self.candidate.phase,
            "architecture": self.candidate.architecture.model_dump(mode="json"),
            "identity": self.candidate.architecture.identity,
            "epochs": self.candidate.epochs,
            "correct": score.correct,
            "total": score.total,
            "train_correct": score.train_correct,
            "train_total": score.train_total,
            "verdict": self.verdict.outcome,
            "reason": self.verdict.reason,
            "diverged": evaluation.diverged,
            "parameters": self.parameters,
            "macs": self.macs,
            "seconds": evaluation.seconds,
            "device": evaluation.device,
        }


class Journal:
    """The rows of one run. A row is written in one transaction and never changed.

    Args:
        run: Folder of the run; the database `journal.db` is made in it.

    Raises:
        RunError: If the database is damaged.
    """

    def __init__(self, run: Path) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        run.mkdir(parents=True, exist_ok=True)
        self.path = run / JOURNAL
        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{self.path.resolve()}", engine_kwargs={"connect_args": {"timeout": 60}})
            event.listen(storage.engine, "connect", _write_ahead)
            self._studies = {
                scale: optuna.create_study(
                    storage=storage, study_name=f"{run.resolve().name}.{scale}", load_if_exists=True, direction="maximize"
                )
                for scale in ("macro", "micro")
            }
            self._rows = self._read()
        except SQLAlchemyError as error:
            raise RunError(f"{self.path} cannot be used as a journal: {' '.join(str(error).split())[:150]}") from None

    def rows(self) -> list[Row]:
        """All rows in plan order."""
        return list(self._rows)

    def append(self, candidate: Candidate, evaluation: Evaluation, verdict: Verdict, cost: Cost) -> Row:
        """Write the next row.

        Raises:
            RunError: If it cannot be written, for example to a full disk.
        """
        row = Row(
            step=len(self._rows), candidate=candidate, evaluation=evaluation, verdict=verdict, parameters=cost.parameters, macs=cost.macs
        )
        try:
            self._studies["macro" if candidate.phase in MACRO else "micro"].add_trial(_trial(row))
        except SQLAlchemyError as error:
            raise RunError(f"{self.path} cannot be written, is the disk full? {' '.join(str(error).split())[:150]}") from None
        self._rows.append(row)
        return row

    def _read(self) -> list[Row]:
        trials = [trial for study in self._studies.values() for trial in study.get_trials(states=(TrialState.COMPLETE,))]
        rows = [Row.model_validate_json(trial.user_attrs["row"]) for trial in trials if "row" in trial.user_attrs]
        return sorted(rows, key=lambda row: row.step)


def _trial(row: Row) -> FrozenTrial:
    architecture, evaluation = row.candidate.architecture, row.evaluation
    trial = optuna.create_trial(
        value=float(evaluation.score.accuracy),
        params={
            "phase": row.candidate.phase,
            "depth": architecture.depth,
            "width": architecture.width,
            "epochs": row.candidate.epochs,
        },
        distributions=DISTRIBUTIONS,
        intermediate_values={epoch.epoch: epoch.correct / max(1, epoch.total) for epoch in evaluation.history},
        user_attrs={
            "row": row.model_dump_json(),  # the row itself; the rest is for people and dashboards
            "verdict": row.verdict.outcome,
            "reason": row.verdict.reason,
            "architecture": architecture.model_dump_json(),
            "identity": architecture.identity,
            "parameters": row.parameters,
            "macs": row.macs,
            "correct": evaluation.score.correct,
            "total": evaluation.score.total,
            "seconds": round(evaluation.seconds, 3),
            "device": evaluation.device,
            "losses": json.dumps([epoch.loss for epoch in evaluation.history]),
        },
    )
    finished = datetime.now()
    trial.datetime_start, trial.datetime_complete = finished - timedelta(seconds=evaluation.seconds), finished
    return trial


def _write_ahead(connection: Any, _: object) -> None:
    """Write-ahead logging: a committed row survives the process, a reader never blocks the writer."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def read_journal(run: Path) -> list[Row]:
    """The rows of an existing run.

    Raises:
        RunError: If the folder holds no journal.
    """
    if not (run / JOURNAL).is_file():
        raise RunError(f"no journal in {run}; give the folder of a `facenas search` run")
    return Journal(run).rows()
