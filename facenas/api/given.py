"""Settings as a verb is given them: an object, a preset's name or a YAML file, and what is to be other in them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from facenas.errors import SettingsError
from facenas.settings import Section, assigned, load

S = TypeVar("S", bound=Section)
Changes = Mapping[str, Any] | Sequence[str]


def settings_of(schema: type[S], command: str, given: S | str | Path, changes: Changes = ()) -> S:
    """Validated settings from what a verb is given.

    Args:
        schema: Class of the settings.
        command: Name of the command, which is the folder of its presets.
        given: Settings, a preset's name, or the path of a YAML file.
        changes: Values by path, as `{"head.margin": 0.2}`, or assignments as `--set` takes them, `["head.margin=0.2"]`.

    Raises:
        SettingsError: If any setting is wrong; all mistakes in one message.
    """
    if isinstance(given, schema):
        return assigned(schema, given.model_dump(mode="json"), assignments(changes)) if changes else given
    if isinstance(given, Section):
        raise SettingsError(f"these settings must be {schema.__name__}, a preset's name or a YAML file, got {type(given).__name__}")
    return load(schema, command=command, preset=str(given), overrides=assignments(changes))


def assignments(changes: Changes) -> list[str]:
    """Values by path as `path=value` assignments."""
    if not isinstance(changes, Mapping):
        return list(changes)
    return [f"{path}={_as_yaml(value)}" for path, value in changes.items()]


def folder_of(verb: str, run: str | Path | None, given: object) -> Path:
    """The folder of a run: the one that is given, else one named after the preset or the file of settings.

    Args:
        verb: Name of the command: `search`, `train` or `study`.
        run: The folder that is given, if any.
        given: Settings, a preset's name, or the path of a YAML file.
    """
    if run is not None:
        return Path(run)
    return Path("runs") / (verb if isinstance(given, Section) else f"{verb}-{Path(str(given)).stem}")


def _as_yaml(value: object) -> str:
    """A value in one line that YAML reads as the same one."""
    plain = value.model_dump(mode="json") if isinstance(value, Section) else str(value) if isinstance(value, Path) else value
    try:
        return yaml.safe_dump([plain], default_flow_style=True, allow_unicode=True, width=float("inf")).strip()[1:-1]
    except yaml.YAMLError:
        raise SettingsError(f"a setting is a number, a text, a list of such or a group of settings, got {value!r:.80}") from None
