"""What the commands share: options, run folders, output."""

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Config = Annotated[str, typer.Option("--config", help="A preset's name or the path of a YAML file.")]
ConfigFile = Annotated[str | None, typer.Option("--config", help="A YAML file instead of the benchmark's preset.")]
Set = Annotated[list[str], typer.Option("--set", metavar="PATH=VALUE", help="Override one setting; may be repeated.")]
Run = Annotated[Path | None, typer.Option("--run", help="Folder for everything that this run writes.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"] | None, typer.Option("--device", help="Where to compute.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output and nothing else there.")]
DataRoot = Annotated[str | None, typer.Option("--data-root", help="Folder that holds the data set.")]
Model = Annotated[Path, typer.Option("--model", help="Folder of a finished training run.")]


def overrides(assignments: list[str], **options: object) -> list[str]:
    """`--set` assignments, followed by those options that were given, as assignments."""
    return [*assignments, *(f"{key}={value}" for key, value in options.items() if value is not None)]


def data_at(root: str | None) -> dict[str, str]:
    """`--data-root` as an override of the settings."""
    return {} if root is None else {"data.root": root}


def remark(text: str) -> None:
    """Print a line on standard error, as the verbs log theirs."""
    logging.getLogger("facenas").info("%s", text)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Print one JSON value on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def print_result(renderable: object) -> None:
    """Print a table or text on standard output, as wide as the terminal, or wide enough where there is none."""
    from rich.console import Console

    shown = Console(width=None if sys.stdout.isatty() else 120, markup=False, emoji=False)
    with shown.capture() as captured:  # rich itself takes a pipe that nobody reads for a reason to exit
        shown.print(renderable)
    sys.stdout.write(captured.get())
