"""Settings: frozen pydantic objects, read from a preset and overridden by path, all mistakes reported together."""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from facenas.errors import SettingsError, nearest

Tree = dict[str, Any]


class Section(BaseModel):
    """A group of settings: immutable, hashable, and unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def telling(self) -> Tree:
        """What was chosen: names, and what differs from its default; a setting that facenas gains later changes nothing here."""
        tree, told = self.model_dump(mode="json"), {}
        for key, field in type(self).model_fields.items():
            value = getattr(self, key)
            if isinstance(value, Section):
                told[key] = value.telling()
            elif key == "name" or value != field.get_default(call_default_factory=True):
                told[key] = tree[key]
        return {key: value for key, value in told.items() if value != {}}


def presets(command: str) -> dict[str, Path]:
    """The YAML presets that ship for `command`, by name."""
    folder = Path(str(files("facenas") / "configs" / command))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


S = TypeVar("S", bound=Section)


def load(schema: type[S], *, command: str, preset: str, overrides: Sequence[str] = (), defaults: Mapping[str, Any] | None = None) -> S:
    """Read a preset or a YAML file, on top of the one that its key `base` names, apply `path=value` overrides, and validate once.

    Args:
        schema: The settings class of the command.
        command: Its name, which is the folder of its presets.
        preset: A preset's name or the path of a YAML file.
        overrides: Assignments such as `train.batch_size=256`; the value is read as YAML.
        defaults: Values for top-level keys that neither the file nor an override names.

    Raises:
        SettingsError: If the preset does not exist or any setting is wrong; all mistakes in one message.
    """
    tree = _with_base(_read(preset, presets(command)), presets(command))
    for key, value in (defaults or {}).items():
        tree.setdefault(key, value)
    return assigned(schema, tree, overrides, told=preset)


def assigned(schema: type[S], tree: Tree, overrides: Sequence[str] = (), *, told: str = "settings") -> S:
    """A tree of settings with `path=value` overrides, validated.

    Args:
        schema: The settings class.
        tree: The settings; it is changed.
        overrides: Assignments.
        told: Where the tree comes from, for the message.

    Raises:
        SettingsError: If any setting is wrong; all mistakes in one message.
    """
    for override in overrides:
        _assign(tree, override)
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


def _with_base(tree: Tree, shipped: Mapping[str, Path]) -> Tree:
    """A preset that names another as its `base` changes only what it says itself."""
    above, used = tree, list[str]()
    while (base := above.pop("base", None)) is not None:
        used.append(str(base))
        if used.count(str(base)) > 1:
            raise SettingsError(f"presets are based on each other in a circle: {' -> '.join(used)}")
        below = _read(str(base), shipped)
        above = _merged(below, above | ({"base": below["base"]} if "base" in below else {}))
    return above


def _merged(below: Tree, above: Tree) -> Tree:
    if "name" in above and above["name"] != below.get("name", above["name"]):
        return above  # another choice of a union: what was set for the former one does not carry over
    both = {key: _merged(below[key], above[key]) for key in above if isinstance(above[key], dict) and isinstance(below.get(key), dict)}
    return below | above | both


def _assign(tree: Tree, override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise SettingsError(f"--set needs path=value, for example train.batch_size=256, got {override!r}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"--set {path}: {text!r} is not readable as YAML") from None
    for key in keys[:-1]:
        child = tree.setdefault(key, {})
        if not isinstance(child, dict):
            raise SettingsError(f"--set {path}: {key!r} is a value and has no settings below it")
        tree = child
    if keys[-1] == "name" and tree.get("name") != value:
        tree.clear()  # another choice of a union: what was set for the former one does not carry over
    tree[keys[-1]] = value


def _sentences(schema: type[Section], error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        location = [str(part) for part in problem["loc"]]
        path = ".".join(location)
        match problem["type"]:
            case "extra_forbidden":
                yield f"unknown setting {path}; {nearest(location[-1], _keys(schema, location[:-1]))}"
            case "union_tag_invalid":
                context = problem["ctx"]
                valid = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
                yield f"unknown {path} {context['tag']!r}; {nearest(str(context['tag']), valid)}"
            case "missing":
                yield f"{path} is missing"
            case "union_tag_not_found":
                yield f"{path} needs a name"
            case _:
                yield f"{path or 'settings'}: {problem['msg'].removeprefix('Value error, ')}, got {problem['input']!r:.80}"


def _keys(schema: type[Section], location: Sequence[str]) -> list[str]:
    """The valid keys at a location; a part that names a member of a union selects it."""
    sections = [schema]
    for part in location:
        below = [child for s in sections if part in s.model_fields for child in _sections(s.model_fields[part].annotation)]
        sections = below or [s for s in sections if _tag(s) == part] or sections
    return [key for section in sections for key in section.model_fields]


def _tag(section: type[Section]) -> str | None:
    field = section.model_fields.get("name")
    tags = get_args(field.annotation) if field else ()
    return str(tags[0]) if tags else None


def _sections(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, Section) else []
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return [section for part in get_args(annotation) for section in _sections(part)]
    return []
