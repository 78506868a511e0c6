"""The journal of an existing run, to read: one in SQLite is read as it is, without Optuna, whose import takes longer than all the rest."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from facenas.errors import RunError
from facenas.search.journal_file import JournalFile
from facenas.search.row import Row

if TYPE_CHECKING:
    from facenas.search.journal import Journal

JOURNAL, PLACE = "journal.db", "journal.json"
SQLITE = "sqlite:///"


def open_journal(run: Path) -> "Journal | JournalFile":
    """The journal of an existing run; nothing is written.

    Raises:
        RunError: If the folder holds none, or it is damaged.
    """
    file = run / PLACE
    if not file.is_file():
        raise RunError(f"no journal in {run}; give the folder of a `facenas search` run")
    try:
        place = json.loads(file.read_bytes())
        storage, name, owner = place["storage"], place["name"], place["run"]
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{file} is damaged; restore it, or start a new run") from None
    if storage is None or (storage.startswith(SQLITE) and "?" not in storage):
        database = Path(storage.removeprefix(SQLITE)) if storage else run.resolve() / JOURNAL
        return JournalFile(database, name=name, owner=owner)
    from facenas.search.journal import Journal

    return Journal(run)


def read_journal(run: Path) -> list[Row]:
    """The rows of an existing run; a RunError if its folder holds no journal, or a damaged one."""
    return open_journal(run).rows()


def is_finished(run: Path) -> bool:
    """Whether a search has come to its own end; the `architecture.json` that `--finish` writes before that does not count."""
    return (run / "architecture.json").is_file() and not (run / "checkpoints").exists()
