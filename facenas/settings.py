"""Settings: frozen pydantic objects, read from a preset and overridden by path, all mistakes reported together."""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from facenas import choices
from facenas.choices import Tree, assign, default, found, merged, tags
from facenas.errors import SettingsError, nearest
from facenas.section import Section

__all__ = ["Section", "assigned", "load", "presets"]


def presets(command: str) -> dict[str, Path]:
    """The paths of the YAML presets that ship for a command, by the preset's name."""
    folder = Path(str(files("facenas") / "configs" / command))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


S = TypeVar("S", bound=Section)


def load(schema: type[S], *, command: str, preset: str, overrides: Sequence[str] = (), defaults: Mapping[str, Any] | None = None) -> S:
    """Read a preset or a YAML file, on top of the one that its key `base` names, apply overrides in whatever order, validate once.

    Args:
        schema: The settings class of the command.
        command: Name of the command, which is also the name of the folder with its presets.
        preset: A preset's name or the path of a YAML file.
        overrides: Assignments such as `train.batch_size=256`; the value is read as YAML.
        defaults: Values for top-level keys that neither the file nor an override names.

    Raises:
        SettingsError: If the preset does not exist or any setting is wrong; all mistakes in one message.
    """
    tree = _with_base(schema, _read(preset, presets(command)), presets(command), say=preset not in presets(command))
    for key, value in (defaults or {}).items():
        tree.setdefault(key, value)
    return assigned(schema, tree, overrides, told=preset)


def assigned(schema: type[S], tree: Tree, overrides: Sequence[str] = (), *, told: str = "settings") -> S:
    """Settings from nested dictionaries with `path=value` overrides, validated.

    Args:
        schema: The settings class.
        tree: The settings; it is changed.
        overrides: Assignments such as `train.batch_size=256`.
        told: What the settings are called in messages, such as the file's name.

    Raises:
        SettingsError: If any setting is wrong; all mistakes in one message.
    """
    assign(schema, tree, overrides)
    try:
        return schema.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(f"{told}: " + "; ".join(_sentences(schema, error))) from None


def _read(preset: str, shipped: Mapping[str, Path]) -> Tree:
    path = shipped.get(preset) or Path(preset)
    looks_like_a_file = os.sep in preset or path.suffix in {".yaml", ".yml"}
    if not path.is_file():
        if looks_like_a_file:
            raise SettingsError(f"no settings file at {preset}; give a YAML file or one of the presets {', '.join(shipped)}")
        raise SettingsError(f"unknown preset {preset!r}; {nearest(preset, shipped)}")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not readable YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise SettingsError(f"{path} must hold `key: value` settings, got {type(tree).__name__}")
    return tree


def _with_base(schema: type[Section], tree: Tree, shipped: Mapping[str, Path], *, say: bool) -> Tree:
    """The settings of a preset laid over those of the preset that its key `base` names, if it names one."""
    above, used = tree, list[str]()
    while (base := above.pop("base", None)) is not None:
        used.append(str(base))
        if used.count(str(base)) > 1:
            raise SettingsError(f"presets are based on each other in a circle: {' -> '.join(used)}")
        below = _read(str(base), shipped)
        above = merged([schema], below, above | ({"base": below["base"]} if "base" in below else {}), say=say)
    return above


def _sentences(schema: type[Section], error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        path, given = ".".join(map(str, problem["loc"])), problem["input"]
        written = ".".join(found(schema, problem["loc"])[0])  # without the names of chosen members
        match problem["type"]:
            case "extra_forbidden":
                valid = [key for model in found(schema, problem["loc"][:-1])[1] for key in model.model_fields]
                yield f"unknown setting {path}; {nearest(str(problem['loc'][-1]), valid)}"
            case "union_tag_invalid":
                context = problem["ctx"]
                valid = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
                yield f"unknown {path} {context['tag']!r}; {nearest(str(context['tag']), valid)}"
            case choices.UNKNOWN:
                yield f"unknown {path} {problem['ctx']['name']!r}; {problem['ctx']['hint']}"
            case "missing":
                yield f"{path} is missing"
            case "union_tag_not_found":
                yield f"{path} needs a name"
            case "model_type" | "model_attributes_type" if path:
                yield f"{written} is a group of settings such as {written}.{_example(schema, problem['loc'])}, got {given!r:.80}"
            case _ if isinstance(given, dict) and problem["type"] != "value_error":
                yield f"{written} is a value and has no settings below it, got {', '.join(f'{written}.{key}' for key in given)}"
            case _:
                told = "" if isinstance(given, dict) else f", got {given!r:.80}"
                yield f"{path or 'settings'}: {problem['msg'].removeprefix('Value error, ')}{told}"


def _example(schema: type[Section], location: Sequence[object]) -> str:
    """An example of a setting in a group, for a message; where several groups are possible, the default choice of `name`."""
    models = found(schema, location)[1]
    if len(models) == 1:
        return next(iter(models[0].model_fields))
    chosen = default(found(schema, location[:-1])[1], str(location[-1]))
    return f"name={chosen.get('name', tags(models[0])[0])}"
