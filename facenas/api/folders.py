"""Run folders: made with their settings, or found to be of others."""

import os
import platform
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facenas.errors import DataError, OtherDataError, RunError
from facenas.files import replacing, write_text

if TYPE_CHECKING:
    from facenas.settings import Section

CONFIG = "config.yaml"
PLACES = ("data.root", "data.file")  # where the data lies
NAMED = 8  # differences that a sentence names


def open_run(run: Path, settings: "Section", *, changeable: Collection[str] = ()) -> None:
    """Make a run folder, or check that an existing one was made with the same settings.

    Where the data lies is not compared, for runs that know their data by themselves (`data.json`). Nothing is compared with a start
    that finished nothing: its settings are replaced.

    Args:
        run: The folder; the caller holds its lock.
        settings: Settings of the command.
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
    """In this context, a start that is refused for its data leaves the settings of a run with work as they were."""
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
    """The settings of a run when it began; None where nothing was begun.

    Raises:
        RunError: If the run's `config.yaml` cannot be read.
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
