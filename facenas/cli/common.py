"""What the commands share: options, run folders, output."""

import json
import os
import platform
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facenas.errors import RunError
from facenas.files import replacing, write_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from facenas.settings import Section

    console: Console

Config = Annotated[str, typer.Option("--config", help="A preset's name or the path of a YAML file.")]
ConfigFile = Annotated[str | None, typer.Option("--config", help="A YAML file instead of the benchmark's preset.")]
Set = Annotated[list[str], typer.Option("--set", metavar="PATH=VALUE", help="Override one setting; may be repeated.")]
Run = Annotated[Path | None, typer.Option("--run", help="Folder for everything that this run writes.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"] | None, typer.Option("--device", help="Where to compute.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output and nothing else there.")]
DataRoot = Annotated[str | None, typer.Option("--data-root", help="Folder that holds the data set.")]
Model = Annotated[Path, typer.Option("--model", help="Folder of a finished training run.")]

CONFIG = "config.yaml"
PLACES = ("data.root", "data.file")  # where the data lies
NAMED = 8  # differences that a sentence names


@cache
def _console() -> "Console":
    """Progress and remarks; results go to standard output."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def __getattr__(name: str) -> Any:
    """`console`, made when it is asked for: rich takes a tenth of a second."""
    if name == "console":
        return _console()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def overrides(assignments: list[str], **options: object) -> list[str]:
    """`--set` assignments, followed by the options that were given."""
    return [*assignments, *(f"{key}={value}" for key, value in options.items() if value is not None)]


def data_at(root: str | None) -> dict[str, str]:
    """`--data-root` as an override of the settings."""
    return {} if root is None else {"data.root": root}


def open_run(run: Path, settings: "Section", *, changeable: Collection[str] = ()) -> None:
    """Make a run folder, or check that an existing one was made with the same settings.

    Where the data lies is not compared, for runs that know their data by themselves (`data.json`). Nothing is compared with a start
    that finished nothing: its settings are replaced.

    Args:
        run: The folder; hold its lock.
        settings: Of the command.
        changeable: Settings, or groups of them such as `budget`, that may be others now.

    Raises:
        RunError: If the folder belongs to other settings; the message names the keys that differ.
    """
    import yaml

    from facenas.training.provenance import DATA, forget, has_work

    before, tree = settings_before(run), settings.model_dump(mode="json")
    if before is not None:
        told, now = _flat(before), _flat(tree)
        changed = [key for key in sorted({*told, *now}) if told.get(key) != now.get(key)]
        fixed = [key for key in changed if not key.startswith(tuple(changeable)) and not _same_place(told.get(key), now.get(key))]
        if (run / DATA).is_file():
            fixed = [key for key in fixed if key not in PLACES]
        if not changed:
            return
        if fixed and has_work(run):
            differing = [f"{key} ({told.get(key)} there, {now.get(key)} here)" for key in fixed[:NAMED]]
            more = f" and {len(fixed) - NAMED} more" if len(fixed) > NAMED else ""
            raise RunError(f"{run} was made with other settings: {', '.join(differing)}{more}; give another --run or the same settings")
        if fixed:
            forget(run)
    run.mkdir(parents=True, exist_ok=True)
    versions = ", ".join(f"{name} {version(name)}" for name in ("facenas", "torch", "optuna", "onnxruntime"))
    header = f"# {versions}, Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
    write_text(run / CONFIG, header + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


@contextmanager
def settings_kept(run: Path) -> Iterator[None]:
    """A start that is refused for its data leaves the settings of a run with work as they were."""
    from facenas.errors import DataError, OtherDataError
    from facenas.training.provenance import has_work

    file = run / CONFIG
    before = file.read_bytes() if file.is_file() and has_work(run) else None
    try:
        yield
    except (DataError, OtherDataError):
        if before is not None and file.read_bytes() != before:
            with replacing(file) as temporary:
                temporary.write_bytes(before)
        raise


def settings_before(run: Path) -> dict[str, Any] | None:
    """What the settings of a run were when it began; None where nothing was begun.

    Raises:
        RunError: If its `config.yaml` cannot be read.
    """
    file = run / CONFIG
    if not file.exists():
        return None
    import yaml

    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = f"is not readable YAML: {' '.join(str(error).split())[:200]}"
    else:
        if isinstance(tree, dict) and tree:
            return tree
        problem = "is empty" if tree is None or tree == {} else f"must hold `key: value` settings, got {type(tree).__name__}"
    raise RunError(f"{file} {problem}; restore it, or give another --run")


def _same_place(before: object, now: object) -> bool:
    """Whether two texts name one file or folder, seen from here."""
    if not isinstance(before, str) or not isinstance(now, str):
        return False
    return os.path.realpath(os.path.expanduser(before)) == os.path.realpath(os.path.expanduser(now))  # noqa: PTH111


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {key: value for name, child in tree.items() for key, value in _flat(child, f"{prefix}.{name}" if prefix else str(name)).items()}


@contextmanager
def progress_bars() -> "Iterator[Progress]":
    """Progress on standard error, with elapsed and remaining time; nothing where there is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = _console()
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
    _console().print(text, soft_wrap=True)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """One JSON value on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def print_result(renderable: object) -> None:
    """A table or text on standard output, as wide as the terminal, or wide enough where there is none."""
    from rich.console import Console

    shown = Console(width=None if sys.stdout.isatty() else 120)
    with shown.capture() as captured:  # rich itself takes a pipe that nobody reads for a reason to exit
        shown.print(renderable)
    sys.stdout.write(captured.get())


def percent(fraction: float, digits: int = 2) -> str:
    """A rate as people read it."""
    return f"{100 * fraction:.{digits}f} %"


def millions(count: float) -> str:
    """A count in millions."""
    return f"{count / 1e6:.2f} M"
