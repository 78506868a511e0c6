"""`api.compare_searches`: search runs side by side."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from facenas.api.folders import CONFIG
from facenas.api.progress import showing
from facenas.errors import RunError
from facenas.search import open_journal
from facenas.search.compare import SearchRun, compare
from facenas.search.reading import is_finished

logger = logging.getLogger("facenas")


@dataclass(frozen=True)
class SearchComparison:
    """Search runs side by side.

    Attributes:
        entries: One for each group of runs that differ in the seed alone, as `facenas.search.compare` describes it.
    """

    entries: Sequence[dict[str, Any]]


def compare_searches(runs: Sequence[str | Path], *, progress: bool = False) -> SearchComparison:
    """Compare searches: score, cost, improvement over random search; runs that differ in the seed alone are averaged.

    Args:
        runs: Folders of search runs, finished or not.
        progress: Whether what is logged is shown on standard error.

    Raises:
        RunError: If a folder holds no search, or one that has accepted no candidate yet.
    """
    with showing(progress):
        return SearchComparison(compare([_read(run) for run in dict.fromkeys(map(Path, runs))]))


def _read(run: Path) -> SearchRun:
    """A run's settings and journal."""
    journal, file = open_journal(run), run / CONFIG
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        strategy, seed = settings["strategy"]["name"], settings["seed"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        raise RunError(f"{file} is missing or damaged; give the folder of a `facenas search` run") from None
    if not is_finished(run):
        logger.info("%s (%s, seed %s) is not finished: its figures are those so far", run, strategy, seed)
    epochs = journal.epochs()
    return SearchRun(str(run), settings, journal.rows(), epochs.rows() if epochs else (), _data(run))


def _data(run: Path) -> Any:
    """What a run knows of its data; None of a run of before."""
    file = run / "data.json"
    try:
        return json.loads(file.read_bytes()) if file.is_file() else None
    except (OSError, ValueError):
        raise RunError(f"{file} is damaged; restore it, or start a new run") from None
