"""A journal in SQLite, read without leaving anything beside it: also of a folder that cannot be written, also while a search writes."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from pydantic import ValidationError

from facenas.backbones import Architecture
from facenas.errors import RunError
from facenas.search.row import SCALES, Row, StageEpoch

STAGE = "supernet"
LOGS = ("-wal", "-journal")  # beside a database: what is not in it yet, or is to be taken back
ROWS = """select studies.study_name, trial_user_attributes.value_json from trial_user_attributes join trials using (trial_id)
    join studies using (study_id) where "key" = 'row' and trials.state = 'COMPLETE'"""
FACTS = 'select studies.study_name, "key", value_json from study_user_attributes join studies using (study_id)'


class StageRows:
    """The epochs of a stage that trains shared weights.

    Attributes:
        shortlist: What the finished stage found; None before its end.
    """

    def __init__(self, rows: Sequence[StageEpoch], shortlist: list[Architecture] | None) -> None:
        self._rows, self.shortlist = sorted(rows, key=lambda row: row.number), shortlist

    def rows(self) -> list[StageEpoch]:
        """All epochs in their order."""
        return list(self._rows)


class JournalFile:
    """A journal in SQLite, read only: the rows of a run as they are now.

    Args:
        file: The database.
        name: Name of the run in the database.
        owner: The run's own identity.

    Raises:
        RunError: If the file is damaged, not there, or of another run.
    """

    def __init__(self, file: Path, *, name: str, owner: str) -> None:
        self.file = file
        if not file.is_file():
            raise RunError(f"no {file}: {restored('run the search', file)}")
        with _readable(file) as database:
            rows, facts = database.execute(ROWS).fetchall(), database.execute(FACTS).fetchall()
        told = {(study.removeprefix(f"{name}."), key): json.loads(value) for study, key, value in facts}
        if told.get(("macro", "run"), owner) != owner:
            raise RunError(f"{file} is the journal of another run; give the folder of a `facenas search` run")
        self.warnings: list[str] = told.get(("macro", "warnings"), [])
        texts = [(study.removeprefix(f"{name}."), json.loads(value)) for study, value in rows]
        try:
            self._rows = [Row.model_validate_json(text) for scale, text in texts if scale in SCALES]
            epochs = [StageEpoch.model_validate_json(text) for kind, text in texts if kind == STAGE]
        except ValidationError:
            raise RunError(f"{file} was written by another version of facenas; start a new run") from None
        self._rows = in_order(self._rows, file)
        shortlist = told.get((STAGE, "shortlist"))
        known = None if shortlist is None else [Architecture.model_validate(one) for one in shortlist]
        self._epochs = StageRows(epochs, known) if (STAGE, "run") in told else None

    def rows(self) -> list[Row]:
        """All rows in plan order."""
        return list(self._rows)

    def epochs(self) -> StageRows | None:
        """The rows of the run's first stage, if it has one."""
        return self._epochs

    def copy_to(self, url: str) -> None:
        """Copy the journal as it is now into another SQLite file, given as an SQLAlchemy URL."""
        with _readable(self.file) as database, closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
            database.backup(other)


def check(file: Path) -> None:
    """Refuse a database that is damaged; one that is not there, or empty, is none yet."""
    if not file.exists():
        for name in (*LOGS, "-shm"):  # of a database that was removed: they would be read into the next one
            file.with_name(file.name + name).unlink(missing_ok=True)
    elif file.stat().st_size:
        with _readable(file):
            pass


def in_order(rows: Sequence[Row], file: object) -> list[Row]:
    """Rows in the order of their steps; no step may be missing.

    Args:
        rows: Rows of one run, in any order.
        file: The journal, for the message.

    Raises:
        RunError: If a row is missing.
    """
    ordered = sorted(rows, key=lambda row: row.step)
    if [row.step for row in ordered] != list(range(len(ordered))):
        raise RunError(f"{file} cannot be used as a journal, rows of it are missing; {restored('remove it and run the search', file)}")
    return ordered


def restored(how: str, file: object) -> str:
    """Half a sentence for error messages: what a user does to bring a damaged journal back, and that nothing is trained again.

    Args:
        how: What is done first, for example `run the search`.
        file: The journal; messages that name it pass it on.
    """
    return f"{how} again with the same command: its rows come back from the cache, nothing that was computed is trained again"


@contextmanager
def _readable(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads; a damaged database is a RunError."""
    try:
        with _connected(file) as database:
            (found,) = database.execute("pragma quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            yield database
    except (sqlite3.Error, ValueError) as error:
        why = " ".join(str(error).split())[:100] if file.stat().st_size else "it is empty"
        raise RunError(
            f"{file} cannot be used as a journal, it is damaged ({why}); {restored('remove it and run the search', file)}"
        ) from None


@contextmanager
def _connected(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the database in place; or a copy of it, where SQLite would write since changes wait in a log beside the database."""
    uri, waiting = file.resolve().as_uri(), [file.with_name(file.name + name) for name in LOGS]
    nothing_waits = _keeps_a_log(file) and not waiting[0].exists()
    with ExitStack() as stack:
        try:
            database = stack.enter_context(closing(_opened(f"{uri}?{'immutable=1' if nothing_waits else 'mode=ro'}")))
        except sqlite3.OperationalError:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for one in filter(Path.exists, (file, *waiting)):
                shutil.copyfile(one, folder / one.name)
            database = stack.enter_context(closing(_opened((folder / file.name).as_uri())))
        yield database


def _opened(uri: str) -> sqlite3.Connection:
    database = sqlite3.connect(uri, uri=True, timeout=60)
    try:
        database.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    return database


def _keeps_a_log(file: Path) -> bool:
    """Whether changes go into a log first (SQLite's file format, section 1.3.3)."""
    with file.open("rb") as opened:
        return opened.read(20)[18:] == b"\x02\x02"
