"""What a run folder knows of its own past: whether anything was finished in it, and on which data."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from facenas.data import Fingerprint
from facenas.errors import OtherDataError, RunError
from facenas.files import DamagedError, read_checked_json, write_checked_json

DATA = "data.json"
JOURNALS = ("journal.db", "journal.db-wal", "journal.db-shm", "journal.json")
STARTED = {"config.yaml", DATA, "log.csv", "run.lock", *JOURNALS}  # what a start without any work may leave
_Fingerprints = TypeAdapter(tuple[Fingerprint, ...])


def has_work(run: Path) -> bool:
    """Whether anything in a run's folder was finished that other settings or data would spoil."""
    files = (path.relative_to(run) for path in run.rglob("*") if path.is_file() and not path.name.startswith("."))
    return any(str(file) not in STARTED and file.parts[0] != "tensorboard" for file in files) or _has_rows(run)


def forget(run: Path) -> None:
    """Remove from a run's folder what a start without any finished work has left."""
    for name in (DATA, *JOURNALS):
        (run / name).unlink(missing_ok=True)


def same_data(run: Path, data: Sequence[Fingerprint]) -> None:
    """Keep the fingerprints of a run's data, or check that they are those that the run began with.

    Args:
        run: Folder of the run.
        data: Fingerprints of the data that the run is about to use.

    Raises:
        OtherDataError: If the run has work done on other data; the sentence says what differs.
    """
    before = data_of(run)
    differing = [told for was, now in zip(before, data, strict=False) if (told := was.differs(now))]
    if before and (differing or len(before) != len(data)) and has_work(run):
        raise OtherDataError(
            f"{run} was begun with other data: {'; '.join(differing) or 'another number of sets'}. "
            "Put back what it was begun with, or give another --run"
        )
    if data and tuple(data) != before:
        write_checked_json(run / DATA, {"data": [one.model_dump(mode="json") for one in data]})


def data_of(run: Path) -> tuple[Fingerprint, ...]:
    """Fingerprints of the data that a run was begun with; empty for a run that keeps none, such as one of an older version.

    Raises:
        RunError: If the file is damaged.
    """
    file = run / DATA
    if not file.is_file():
        return ()
    try:
        return _Fingerprints.validate_python(read_checked_json(file).get("data"))
    except (DamagedError, ValidationError):
        raise RunError(f"{file} is damaged; restore it, or remove it if you are sure that the data are the same") from None


def _has_rows(run: Path) -> bool:
    """Whether a search has a journal with rows, or one elsewhere, whose rows are not counted."""
    try:
        if json.loads((run / "journal.json").read_bytes()).get("storage"):
            return True
    except (OSError, ValueError, AttributeError):
        pass
    journal = run / "journal.db"
    if not journal.is_file() or not journal.stat().st_size:
        return False
    try:
        with closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("select count(*) from trials").fetchone()[0])
    except sqlite3.Error:
        return True
