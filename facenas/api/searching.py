"""`api.search`: an architecture from a search space and data, in a run folder."""

import logging
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Literal

import torch

from facenas.api.folders import CONFIG, PLACES, open_run, settings_before, settings_kept
from facenas.api.given import Changes, assignments, folder_of, settings_of
from facenas.api.live import Watcher
from facenas.api.progress import showing
from facenas.api.signals import hearing
from facenas.backbones import Architecture, Blueprint
from facenas.errors import RunError, SettingsError, StoppedError
from facenas.locks import locked
from facenas.search import Row, SearchSettings, open_journal
from facenas.search.run import ExecutionSettings, finish_in, search_in
from facenas.training.models import FoundArchitecture

logger = logging.getLogger("facenas")


@dataclass(frozen=True)
class SearchResult:
    """What a search has found.

    Attributes:
        folder: Folder of the run; `architecture.json` in it goes on to `train`.
        settings: Settings of the search.
        found: The architecture with its space, and the people that the search used.
        rows: Every candidate in plan order.
    """

    folder: Path
    settings: SearchSettings
    found: FoundArchitecture
    rows: tuple[Row, ...]

    @property
    def architecture(self) -> Architecture:
        """The architecture found, as a point in its space."""
        return self.found.architecture

    @property
    def blueprint(self) -> Blueprint:
        """The architecture found, with the space that builds it."""
        return self.found.blueprint

    @property
    def file(self) -> Path:
        """The file that `train` reads."""
        return self.folder / "architecture.json"

    @property
    def epochs(self) -> int:
        """Training epochs of all candidates together."""
        return sum(row.candidate.epochs for row in self.rows if not row.evaluation.score.refused)

    @property
    def seconds(self) -> float:
        """Training time of all candidates together, in seconds."""
        return sum(row.evaluation.seconds for row in self.rows)


def search(
    settings: SearchSettings | str | Path = "quickstart",
    *,
    run: str | Path | None = None,
    set: Changes = (),
    new: bool = False,
    workers: int = 1,
    per_gpu: int | None = None,
    storage: str | None = None,
    cache: str | Path | None = None,
    executor: Literal["auto", "ray"] = "auto",
    address: str | None = None,
    gpus: float = 0,
    progress: bool = False,
) -> SearchResult:
    """Search an architecture; called again for the same folder, an interrupted search goes on where it stopped.

    Ctrl-C raises KeyboardInterrupt after the workers have ended; every finished epoch is kept.

    Args:
        settings: Settings, a preset's name, or a YAML file.
        run: Folder for everything that the search writes; without it one below `runs`, named after the preset.
        set: Settings to change, by path: `{"strategy.max_depth": 14}`.
        new: Whether to start over in a new folder beside `run` instead of going on.
        workers: Candidates in training at once; the result is that of one worker.
        per_gpu: Candidates that share each GPU of this machine, instead of `workers`.
        storage: SQLAlchemy URL of a database for the journal.
        cache: Folder of results that runs share by content.
        executor: `auto` for processes of this machine, or `ray`.
        address: Ray cluster; without it a local one is begun.
        gpus: GPUs of one candidate on Ray.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        SettingsError: If any setting is wrong; all mistakes in one message.
        RunError: If the folder belongs to other settings, or another process is at work in it.
    """
    ready, folder = settings_of(SearchSettings, "search", settings, set), folder_of("search", run, settings)
    workers, gpus = _shared(per_gpu, workers, gpus)
    means = ExecutionSettings(
        storage=storage, cache=Path(cache) if cache else None, executor=executor, workers=workers, address=address, gpus=gpus
    )
    folder = _beside(folder) if new else folder
    with showing(progress):
        return run_in(folder, with_threads(ready, folder, workers), means)


def finish_search(run: str | Path, *, set: Changes = (), progress: bool = False) -> SearchResult:
    """Take what a search has found so far, whether it runs or has ended early, and train nothing.

    Args:
        run: Folder of the search.
        set: Where its data lies now, if it has moved: `{"data.root": "faces"}`; other changes are passed over.
        progress: Whether what is logged is shown on standard error.

    Raises:
        RunError: If there is no search, or it has accepted no candidate yet.
    """
    folder = Path(run)
    with showing(progress):
        if settings_before(folder) is None:
            raise RunError(f"no search in {folder}; give its folder with --run")
        open_journal(folder)  # other runs have none
        moved = [one for one in assignments(set) if one.startswith(tuple(f"{place}=" for place in PLACES))]
        settings = settings_of(SearchSettings, "search", folder / CONFIG, moved)
        found, rows = finish_in(folder, settings)
    return SearchResult(folder, settings, found, tuple(rows))


def run_in(folder: Path, settings: SearchSettings, means: ExecutionSettings) -> SearchResult:
    """Run or continue the search of a folder.

    Args:
        folder: Folder of the run.
        settings: Settings of the search, with a number of threads.
        means: Where candidates are trained, and on how many workers.
    """
    watcher = Watcher(settings, means.workers, told=f"{folder} ({means.executor})" if means.executor != "auto" else str(folder))
    with locked(folder), _ending(folder), settings_kept(folder):
        open_run(folder, settings, changeable=("budget",))
        for warning in settings.warnings():
            logger.warning("warning: %s", warning)
        with watcher.shown():
            found = search_in(folder, settings, means, watcher)
    return SearchResult(folder, settings, found, tuple(watcher.rows))


def with_threads(settings: SearchSettings, folder: Path, workers: int) -> SearchSettings:
    """Settings with the number of threads of a candidate: what was set, else what the run began with, else the workers' share of the cores.

    Args:
        settings: Settings of the search.
        folder: Folder of the run.
        workers: Candidates in training at once.
    """
    if settings.threads:
        return settings
    threads = (settings_before(folder) or {}).get("threads")
    return settings.model_copy(update={"threads": threads or max(1, torch.get_num_threads() // workers)})


def _shared(per_gpu: int | None, workers: int, gpus: float) -> tuple[int, float]:
    """Workers, and the share of a GPU that each has, where candidates share the GPUs of this machine."""
    if per_gpu is None:
        return workers, gpus
    if not torch.cuda.device_count():
        raise SettingsError("--per-gpu shares the GPUs of this machine, and torch sees none; --workers shares its cores")
    return per_gpu * torch.cuda.device_count(), 1 / per_gpu


@contextmanager
def _ending(folder: Path) -> Iterator[None]:
    """SIGTERM ends a search as Ctrl-C does: its workers are stopped, what is finished is on the disk, and how to go on is said."""
    told = list[int]()

    def hear(number: int, _: FrameType | None) -> None:
        told.append(number)
        raise KeyboardInterrupt

    try:
        with hearing(hear, signal.SIGTERM):
            yield
    except KeyboardInterrupt:
        way = f"`{shlex.join(['facenas', 'search', '--finish', '--run', str(folder)])}` takes what is found so far"
        if told:
            raise StoppedError(f"stopped; every finished epoch is kept, run the same command to go on, or {way}") from None
        logger.info("%s", way)
        raise


def _beside(folder: Path) -> Path:
    """The first of FOLDER-2, FOLDER-3 ... that does not exist; FOLDER itself if it does not."""
    if not folder.exists():
        return folder
    return next(other for number in count(2) if not (other := folder.with_name(f"{folder.name}-{number}")).exists())
