"""`facenas compare-searches`: search runs side by side."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import Json, print_json, print_result
from facenas.words import millions, percent

if TYPE_CHECKING:
    from rich.table import Table

Runs = Annotated[list[Path], typer.Argument(help="Folders of search runs, finished or not.")]


def compare_searches(runs: Runs, as_json: Json = False) -> None:
    """Compare searches: score, cost, improvement over random search; runs that differ in the seed alone are averaged.

    Example: facenas compare-searches runs/egnas-0 runs/random-0
    """
    from facenas import api

    entries = api.compare_searches(runs, progress=True).entries
    if as_json:
        print_json(list(entries))
        return
    print_result(table(entries))
    for task, note in dict.fromkeys((entry["task"], entry["note"]) for entry in entries if entry["note"]):
        print_result(f"task {task}: {note}")


def table(entries: Sequence[dict[str, Any]]) -> "Table":
    """The table of a comparison: mean and standard deviation over seeds."""
    from rich.table import Table

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
    """A value over seeds as people read it: mean ± standard deviation."""
    if value is None:
        return "-"
    return words(value["mean"]) + ("" if value["sd"] is None else f" ± {words(value['sd']).lstrip('+')}")
