"""The journal: one row for every score, in plan order, in two Optuna studies, by default in the run's folder."""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import optuna
import psutil
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from facenas.backbones import Architecture
from facenas.errors import RunError
from facenas.files import write_json
from facenas.score import Evaluation
from facenas.search.candidate import Candidate, Verdict
from facenas.search.journal_file import STAGE, check, in_order
from facenas.search.reading import JOURNAL, PLACE
from facenas.search.row import SCALES, NetworkCost, Row, StageEpoch

NETWORK = {
    "nfs",
    "nfs4",
    "cifs",
    "smbfs",
    "smb3",
    "fuse.sshfs",
    "afs",
    "lustre",
    "ceph",
    "fuse.ceph",
    "glusterfs",
    "fuse.glusterfs",
    "beegfs",
    "gpfs",
}
OBJECTIVES = ("score", "parameters", "macs", "latency_ms")
PHASES = ("grow", "prune", "baseline", "operations", "kernels", "random", "evolution", "tpe", "nsga2", "sample")
DISTRIBUTIONS: dict[str, BaseDistribution] = {  # Optuna refuses others in a study that has these: what is not in them is an attribute alone
    "phase": CategoricalDistribution(PHASES),
    "depth": IntDistribution(1, 1000),
    "width": IntDistribution(1, 10_000),
    "epochs": IntDistribution(1, 100_000),
}


class Journal:
    """The rows of one run. A row is written in one transaction and never changed; hold `locked(run)` while writing.

    Args:
        run: Folder of the run.
        storage: SQLAlchemy URL of another database; its password is not kept. None: what the run began with,
            which is SQLite in the folder if nothing was said.
        warnings: What a reader of the rows must know, kept with them.
        latency: Whether rows have a latency, which is then an objective too.

    Raises:
        RunError: If the database is damaged, of another run, or a SQLite file on a network file system.
    """

    def __init__(self, run: Path, storage: str | None = None, warnings: Sequence[str] = (), *, latency: bool = False) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        run.mkdir(parents=True, exist_ok=True)
        place = _place(run, storage)
        self.name, self.url = place["name"], storage or place["storage"] or f"sqlite:///{run.resolve() / JOURNAL}"
        if file := _file(self.url):
            check(file)
        with self._explained("cannot be used as a journal:"):
            self._owner = place["run"]
            self._studies = {scale: self._study(scale, OBJECTIVES[: 4 if latency else 3]) for scale in SCALES}
            for study in self._studies.values():
                if warnings:
                    study.set_user_attr("warnings", list(warnings))
            self.warnings: list[str] = self._studies["macro"].user_attrs.get("warnings", [])
            self._rows = self._read()

    def rows(self) -> list[Row]:
        """All rows in plan order."""
        return list(self._rows)

    def append(self, candidate: Candidate, evaluation: Evaluation, verdict: Verdict, price: NetworkCost) -> Row:
        """Write the next row.

        Args:
            candidate: What was trained.
            evaluation: Result of its training.
            verdict: What the strategy made of it.
            price: Cost of the candidate's network.

        Returns:
            The row as written.

        Raises:
            RunError: If it cannot be written, for example to a full disk.
        """
        row = Row(step=len(self._rows), candidate=candidate, evaluation=evaluation, verdict=verdict, **price._asdict())
        with self._explained("cannot be written:"):
            study = self._studies[row.scale]
            study.add_trial(_trial(row, objectives=len(study.directions)))
        self._rows.append(row)
        return row

    def copy_to(self, url: str) -> None:
        """Copy the studies as they are now into another database."""
        storage = _storage(self.url)
        for name in sorted(self._names(storage)):
            optuna.copy_study(from_study_name=name, from_storage=storage, to_storage=url)

    def epochs(self) -> "Epochs | None":
        """The rows of the run's first stage, if it has one."""
        with self._explained("cannot be used as a journal:"):
            return self.stage() if f"{self.name}.{STAGE}" in self._names(_storage(self.url)) else None

    def stage(self) -> "Epochs":
        """The rows of a first stage that trains shared weights."""
        with self._explained("cannot be used as a journal:"):
            return Epochs(self._study(STAGE, ("accuracy",)), self._explained)

    def _names(self, storage: optuna.storages.RDBStorage) -> set[str]:
        return {f"{self.name}.{kind}" for kind in (*SCALES, STAGE)} & set(optuna.get_all_study_names(storage))

    def _study(self, kind: str, objectives: Sequence[str]) -> optuna.Study:
        study = optuna.create_study(
            storage=_storage(self.url),
            study_name=f"{self.name}.{kind}",
            load_if_exists=True,
            directions=["maximize" if name == "score" else "minimize" for name in objectives],
        )
        if "run" not in study.user_attrs:
            with catch_warnings():
                simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(list(objectives))
            study.set_user_attr("run", self._owner)
        elif study.user_attrs["run"] != self._owner:
            raise RunError(f"study {study.study_name!r} in {self.shown} belongs to another run; give a --run with another name")
        return study

    def _read(self) -> list[Row]:
        trials = [trial for study in self._studies.values() for trial in study.get_trials(states=(TrialState.COMPLETE,))]
        try:
            rows = [Row.model_validate_json(trial.user_attrs["row"]) for trial in trials if "row" in trial.user_attrs]
        except ValidationError:
            raise RunError(f"{self.shown} was written by another version of facenas; start a new run") from None
        return in_order(rows, self.shown)

    @property
    def shown(self) -> str:
        """Where the rows are, for people."""
        url = make_url(self.url)
        return str(url.database) if url.drivername == "sqlite" else url.render_as_string(hide_password=True)

    @contextmanager
    def _explained(self, problem: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, ImportError, optuna.exceptions.StorageInternalError, ValueError, RuntimeError) as error:
            raise RunError(f"{self.shown} {problem} {' '.join(str(error.__cause__ or error).split())[:150]}") from None


class Epochs:
    """The epochs of a first stage, a trial each, and its shortlist.

    Args:
        study: Optuna's study of the run's first stage.
        explained: Turns the errors of a database into sentences.
    """

    def __init__(self, study: optuna.Study, explained: Callable[[str], AbstractContextManager[None]]) -> None:
        self._study, self._explained = study, explained
        trials = study.get_trials(states=(TrialState.COMPLETE,))
        self._rows = sorted((StageEpoch.model_validate_json(trial.user_attrs["row"]) for trial in trials), key=lambda row: row.number)

    def rows(self) -> list[StageEpoch]:
        """All epochs in their order."""
        return list(self._rows)

    def check(self, row: StageEpoch) -> bool:
        """Whether this row is still to be written; a row of its number that is there already must be equal to it.

        Raises:
            RunError: If the row there differs, or rows before it are missing.
        """
        if row.number > len(self._rows) + 1:
            raise RunError(
                f"the journal has {len(self._rows)} epochs of the shared weights, their checkpoint {row.number}; start a new run"
            )
        if row.number <= len(self._rows) and self._rows[row.number - 1].facts != row.facts:
            raise RunError(
                f"epoch {row.number} of the shared weights differs from the run's row of it; the data, the machine or the version "
                "of facenas changed: start a new run"
            )
        return row.number > len(self._rows)

    def put(self, row: StageEpoch) -> None:
        """Write the next row; a RunError where `check` raises one, or if it cannot be written, for example to a full disk."""
        if self.check(row):
            with self._explained("cannot be written:"):
                self._study.add_trial(_stage_trial(row))
            self._rows.append(row)

    @property
    def shortlist(self) -> list[Architecture] | None:
        """What the finished stage found; None before its end."""
        kept = self._study.user_attrs.get("shortlist")
        return None if kept is None else [Architecture.model_validate(one) for one in kept]

    def finish(self, shortlist: Sequence[Architecture]) -> None:
        """Keep the shortlist that the stage found."""
        with self._explained("cannot be written:"):
            self._study.set_user_attr("shortlist", [one.model_dump(mode="json") for one in shortlist])


def _place(run: Path, storage: str | None) -> dict[str, Any]:
    """Where a run's rows are, and the run's own identity: the content of `journal.json`."""
    file = run / PLACE
    if file.exists():
        try:
            place: dict[str, Any] = json.loads(file.read_bytes())
            return {key: place[key] for key in ("run", "name", "storage")}
        except (ValueError, KeyError, TypeError):
            raise RunError(f"{file} is damaged; restore it, or start a new run") from None
    if storage is None:
        _refuse_network(run)
    try:
        kept = storage and make_url(storage).set(password=None).render_as_string()
    except ArgumentError:
        raise RunError(f"--storage needs a database URL such as postgresql://USER@HOST/NAME, got {storage!r}") from None
    place = {"run": uuid.uuid4().hex, "name": run.resolve().name, "storage": kept}
    write_json(file, place)
    return place


def _file(url: str) -> Path | None:
    """The file of a journal in SQLite."""
    parts = make_url(url)
    return Path(parts.database) if parts.get_backend_name() == "sqlite" and parts.database else None


def _refuse_network(run: Path) -> None:
    """SQLite's locks do not hold on network file systems (SQLite FAQ, question 5; Optuna FAQ)."""
    home = run.resolve()
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    kind = next((mounts[folder] for folder in (home, *home.parents) if folder in mounts), "")
    if kind.lower() in NETWORK:
        raise RunError(
            f"{run} is on a network file system ({kind}), where a SQLite journal would be damaged; put --run on a local disk, "
            "or give a database server with --storage postgresql://USER@HOST/NAME"
        )


def _storage(url: str) -> optuna.storages.RDBStorage:
    local, driver = url.startswith("sqlite"), make_url(url).drivername
    if driver == "postgresql":  # whichever driver this SQLAlchemy would take
        url = make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}} if local else {"pool_pre_ping": True})


def _trial(row: Row, *, objectives: int) -> FrozenTrial:
    architecture, evaluation = row.candidate.architecture, row.evaluation
    asked = {"phase": row.candidate.phase, "depth": architecture.depth, "width": architecture.width, "epochs": row.candidate.epochs}
    params = {name: value for name, value in asked.items() if _contains(DISTRIBUTIONS[name], value)}
    trial = optuna.create_trial(
        values=[float(evaluation.score.accuracy), row.parameters, row.macs, inf if row.latency_ms is None else row.latency_ms][:objectives],
        params=params,
        distributions={name: DISTRIBUTIONS[name] for name in params},
        intermediate_values={epoch.epoch: epoch.correct / max(1, epoch.total) for epoch in evaluation.history},
        user_attrs={
            "row": row.model_dump_json(),  # the row itself; the rest is for people and dashboards
            "phase": row.candidate.phase,
            "scale": row.scale,
            "verdict": row.verdict.outcome,
            "reason": row.verdict.reason,
            "architecture": architecture.model_dump_json(),
            "identity": architecture.identity,
            "parameters": row.parameters,
            "macs": row.macs,
            "latency_ms": row.latency_ms,
            "correct": evaluation.score.correct,
            "total": evaluation.score.total,
            "seconds": round(evaluation.seconds, 3),
            "device": evaluation.device,
            "processor": evaluation.processor,
            "losses": json.dumps([epoch.loss for epoch in evaluation.history]),
        },
    )
    finished = datetime.now()
    trial.datetime_start, trial.datetime_complete = finished - timedelta(seconds=evaluation.seconds), finished
    return trial


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return isinstance(distribution, IntDistribution) and distribution.low <= value <= distribution.high


def _stage_trial(row: StageEpoch) -> FrozenTrial:
    plain = {name: value for name, value in row.facts.items() if isinstance(value, int | float | str)}
    trial = optuna.create_trial(
        values=[row.facts["accuracy"]],
        params={"epoch": row.number},
        distributions={"epoch": IntDistribution(1, 100_000)},
        user_attrs={"row": row.model_dump_json(), **plain},
    )
    finished = datetime.now()
    trial.datetime_start, trial.datetime_complete = finished - timedelta(seconds=row.seconds), finished
    return trial
