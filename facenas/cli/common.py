"""What the commands share: options, run folders, output."""

import json
import platform
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from facenas.errors import RunError
from facenas.files import write_text
from facenas.settings import Section

Config = Annotated[str, typer.Option("--config", help="A preset's name or the path of a YAML file.")]
ConfigFile = Annotated[str | None, typer.Option("--config", help="A YAML file instead of the benchmark's preset.")]
Set = Annotated[list[str], typer.Option("--set", metavar="PATH=VALUE", help="Override one setting; may be repeated.")]
Run = Annotated[Path | None, typer.Option("--run", help="Folder for everything that this run writes.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"] | None, typer.Option("--device", help="Where to compute.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output and nothing else there.")]
DataRoot = Annotated[str | None, typer.Option("--data-root", help="Folder that holds the data set.")]
Model = Annotated[Path, typer.Option("--model", help="Folder of a training run, or an ONNX file.")]

console = Console(stderr=True, highlight=False)  # progress and remarks; results go to standard output


def overrides(assignments: list[str], **options: object) -> list[str]:
    """`--set` assignments, followed by the options that were given."""
    return [*assignments, *(f"{key}={value}" for key, value in options.items() if value is not None)]


def data_at(root: str | None) -> dict[str, str]:
    """`--data-root` as an override of the settings."""
    return {} if root is None else {"data.root": root}


def open_run(run: Path, settings: Section, *, changeable: Collection[str] = ()) -> None:
    """Make a run folder, or check that an existing one was made with the same settings.

    Args:
        run: The folder; hold its lock.
        settings: Of the command.
        changeable: Settings, or groups of them such as `budget`, that may be others now.

    Raises:
        RunError: If the folder belongs to other settings; the message names the keys that differ.
    """
    file = run / "config.yaml"
    tree = settings.model_dump(mode="json")
    if file.exists():
        before, now = _flat(yaml.safe_load(file.read_text(encoding="utf-8"))), _flat(tree)
        changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
        differing = [f"{key} ({before.get(key)} there, {now.get(key)} here)" for key in changed if not key.startswith(tuple(changeable))]
        if not changed:
            return
        if differing:
            raise RunError(f"{run} was made with other settings: {', '.join(differing)}; give another --run or the same settings")
    run.mkdir(parents=True, exist_ok=True)
    versions = ", ".join(f"{name} {version(name)}" for name in ("facenas", "torch", "optuna", "onnxruntime"))
    header = f"# {versions}, Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
    write_text(file, header + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {key: value for name, child in tree.items() for key, value in _flat(child, f"{prefix}.{name}" if prefix else str(name)).items()}


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Progress on standard error, with elapsed and remaining time; nothing where there is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


def remark(text: str) -> None:
    """A line on standard error, never broken."""
    console.print(text, soft_wrap=True)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """One JSON value on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def print_result(renderable: object) -> None:
    """A table or text on standard output, as wide as the terminal, or wide enough where there is none."""
    Console(width=None if sys.stdout.isatty() else 120).print(renderable)


def percent(fraction: float, digits: int = 2) -> str:
    """A rate as people read it."""
    return f"{100 * fraction:.{digits}f} %"


def millions(count: float) -> str:
    """A count in millions."""
    return f"{count / 1e6:.2f} M"
