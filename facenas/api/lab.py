"""Where a study runs: its folder, and its searches in folders below."""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from facenas.api.searching import run_in, with_threads
from facenas.backbones import Architecture
from facenas.search import Row, SearchSettings, open_journal
from facenas.search.row import StageEpoch
from facenas.search.run import ExecutionSettings
from facenas.settings import Section

S = TypeVar("S", bound=Section)


@dataclass
class Lab(Generic[S]):
    """A study and its folder; run again, it goes on where it was interrupted.

    Attributes:
        settings: Settings of the study.
        folder: Folder for everything that the study writes.
        means: Where candidates of its searches are trained, and on how many workers.
        threads: CPU threads of one candidate: what was set, else what the first search began with.
    """

    settings: S
    folder: Path
    means: ExecutionSettings
    threads: int | None = None

    def search(self, name: str, settings: SearchSettings) -> tuple[Architecture, list[Row]]:
        """Run or continue one search of the study.

        Args:
            name: Name of its folder below the study's.
            settings: Settings of the search.

        Returns:
            The architecture found, and all rows of its journal.
        """
        known = settings.model_copy(update={"threads": settings.threads or self.threads})
        ready = with_threads(known, self.folder / name, self.means.workers)
        self.threads = ready.threads
        done = run_in(self.folder / name, ready, self.means)
        return done.architecture, list(done.rows)

    def epochs(self, name: str) -> list[StageEpoch]:
        """Epochs of the shared weights of a search in a folder below."""
        kept = open_journal(self.folder / name).epochs()
        return kept.rows() if kept else []
