"""`facenas compare`: several searches side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from rich.table import Table

from facenas.cli.common import Json, millions, percent, print_json, print_result, remark
from facenas.errors import RunError

if TYPE_CHECKING:
    from facenas.search.compare import Compared


def compare(runs: Annotated[list[Path], typer.Argument(help="Folders of search runs.")], as_json: Json = False) -> None:
    """Compare searches: score, cost, and improvement over random search; runs that differ in the seed alone are averaged.

    Example: facenas compare runs/egnas-0 runs/random-0
    """
    from facenas.search.compare import compare

    entries = compare([read(run) for run in dict.fromkeys(runs)])
    if as_json:
        print_json(entries)
        return
    print_result(table(entries))
    for task, note in dict.fromkeys((entry["task"], entry["note"]) for entry in entries if entry["note"]):
        print_result(f"task {task}: {note}")


def read(run: Path) -> "Compared":
    """A run's settings and journal.

    Raises:
        RunError: If the folder holds no search.
    """
    from facenas.search import open_journal
    from facenas.search.compare import Compared

    journal, file = open_journal(run), run / "config.yaml"
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        strategy, seed = settings["strategy"]["name"], settings["seed"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        raise RunError(f"{file} is missing or damaged; give the folder of a `facenas search` run") from None
    if not (run / "architecture.json").is_file():
        remark(f"{run} ({strategy}, seed {seed}) is not finished: its figures are those so far")
    epochs = journal.epochs()
    return Compared(str(run), settings, journal.rows(), epochs.rows() if epochs else ())


def table(entries: list[dict[str, Any]]) -> Table:
    """Mean and standard deviation over seeds."""
    result = Table(
        "task", "strategy", "seeds", "score", "after epochs", "parameters", "candidates", "epochs", "hours", "RI", title="searches"
    )
    for entry in entries:
        result.add_row(
            str(entry["task"]),
            entry["strategy"],
            ", ".join(map(str, entry["seeds"])),
            spread(entry["score"], percent),
            ", ".join(map(str, entry["score_epochs"])),
            spread(entry["parameters"], millions),
            spread(entry["candidates"], "{:.0f}".format),
            spread(entry["epochs"], "{:.0f}".format),
            spread(entry["hours"], "{:.2f}".format),
            spread(entry["relative_improvement_percent"], "{:+.2f} %".format),
        )
    return result


def spread(value: dict[str, Any] | None, words: Callable[[float], str]) -> str:
    """Mean ± standard deviation."""
    if value is None:
        return "-"
    return words(value["mean"]) + ("" if value["sd"] is None else f" ± {words(value['sd']).lstrip('+')}")
