"""Settings laid over others: choices first, then values. A warning tells what another choice keeps and drops."""

import logging
import re
from collections.abc import Collection, Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from facenas.errors import SettingsError

Tree = dict[str, Any]
Model = type[BaseModel]
Keys = tuple[str, ...]
CHOICE = "name"  # the key that chooses a member of a union
UNKNOWN = "unknown_member"  # pydantic's type of the mistake that no member of a registry has a name
PHRASE = re.compile(r"[;,:]|\.(?:\s|$)")

logger = logging.getLogger("facenas")


def assign(schema: Model, tree: Tree, overrides: Sequence[str]) -> None:
    """Change settings by `path=value` overrides in any order: sections, then choices, then what lies below; of equal paths the last.

    Args:
        schema: The settings class of the whole tree.
        tree: The settings as nested dictionaries; they are changed in place.
        overrides: Assignments such as `train.batch_size=256`; each value is read as YAML.

    Raises:
        SettingsError: If an override has no path or value that can be read, or a value and settings below it are both given.
    """
    given = [one for keys, value in dict(map(_parsed, overrides)).items() for one in _leaves(keys, value)]
    values = {keys for keys, value in given if value is not _EMPTIED}
    for keys in values:
        for below in (other for other in values if other != keys and other[: len(keys)] == keys):
            raise SettingsError(
                f"--set {'.'.join(keys)} gives a value and --set {'.'.join(below)} a setting below it; leave one of them out"
            )
    for keys, value in sorted(given, key=lambda one: (len(one[0]), one[0][-1] != CHOICE)):
        _place(schema, tree, keys, value, but={other[-1] for other in values if other[:-1] == keys[:-1]})


def merged(models: Sequence[Model], below: Tree, above: Tree, *, say: bool, path: Keys = ()) -> Tree:
    """Settings laid over others: where both give a key, the upper one counts; sections are merged key by key.

    Args:
        models: The settings classes that the section may have.
        below: The lower settings, as nested dictionaries.
        above: The upper settings, laid over the lower ones.
        say: Whether a warning tells what another choice (`name`) in the upper settings keeps and drops of the lower ones.
        path: The keys that lead to the section, for the warning.
    """
    if CHOICE in above and CHOICE in below and above[CHOICE] != below[CHOICE]:
        below = _chosen(models, below, above[CHOICE], path=path, say=say, but=above)
    narrowed = _narrowed(models, above.get(CHOICE, below.get(CHOICE)))
    both = {
        key: merged(_below(narrowed, key), below[key], above[key], say=say, path=(*path, key))
        for key in above
        if isinstance(above[key], dict) and isinstance(below.get(key), dict)
    }
    return below | above | both


def found(schema: Model, location: Sequence[object]) -> tuple[list[str], list[Model]]:
    """The keys that a person would write for the place of a mistake as pydantic reports it, and the settings classes at that place.

    Args:
        schema: The settings class of the whole tree.
        location: Pydantic's `loc`: keys and indices, with the names of union members between.

    Returns:
        The keys without the names of union members, and the classes that the section there may have.
    """
    keys, now, chosen = list[str](), [schema], True
    for part in map(str, location):
        member = [] if chosen else [model for model in now if part in tags(model)]
        if member:
            now, chosen = member, True
        else:
            keys.append(part)
            now, chosen = now if part.isdigit() else _below(now, part), part.isdigit() and chosen
    return keys, now


def tags(model: Model) -> tuple[str, ...]:
    """The names that choose this settings class in a union; none if it has no field `name`."""
    field = model.model_fields.get(CHOICE)
    return tuple(map(str, get_args(field.annotation))) if field else ()


_EMPTIED: Any = object()  # stands for a section of which nothing is left


def _parsed(override: str) -> tuple[Keys, Any]:
    path, equals, text = override.partition("=")
    keys = tuple(path.strip().split("."))
    if not equals or not all(keys):
        raise SettingsError(f"--set needs path=value, for example train.batch_size=256, got {override!r}")
    try:
        return keys, yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"--set {path}: {text!r} is not readable as YAML") from None


def _leaves(keys: Keys, value: Any) -> Iterator[tuple[Keys, Any]]:
    """The path and value of every setting in an override's value; a section that is given as a whole is emptied first."""
    if not isinstance(value, dict):
        yield keys, value
        return
    yield keys, _EMPTIED
    for key, child in value.items():
        yield from _leaves((*keys, str(key)), child)


def _place(schema: Model, tree: Tree, keys: Keys, value: Any, *, but: Collection[str]) -> None:
    models: list[Model] = [schema]
    for depth, key in enumerate(keys[:-1], 1):
        models = _narrowed(models, tree.get(CHOICE))
        if tree.get(key) is None:
            tree[key] = {} if key in tree or keys[depth:] == (CHOICE,) else default(models, key)
        if not isinstance(tree[key], dict):
            raise SettingsError(f"--set {'.'.join(keys)}: {key!r} is a value and has no settings below it")
        tree, models = tree[key], _below(models, key)
    if value is _EMPTIED:
        tree[keys[-1]] = {}
        return
    if keys[-1] == CHOICE and tree.get(CHOICE, value) != value:
        kept = _chosen(models, tree, value, path=keys[:-1], say=True, but=but)
        tree.clear()
        tree.update(kept)
    tree[keys[-1]] = value


def _chosen(models: Sequence[Model], section: Tree, name: Any, *, path: Keys, say: bool, but: Collection[str]) -> Tree:
    """The settings of a section that outlive another choice: those that were set and mean the same there; `but` are given anyway."""
    before, after = (next((model for model in models if str(one) in tags(model)), None) for one in (section[CHOICE], name))
    if before is None or after is None:
        return {key: value for key, value in section.items() if before is None and key != CHOICE}
    changed = {key: value for key, value in section.items() if key not in (CHOICE, *but) and not _is_default(before, key, value)}
    alike = {key: value for key, value in changed.items() if _alike(before.model_fields.get(key), after.model_fields.get(key))}
    kept = {key: value for key, value in alike.items() if _takes(after.model_fields[key], value)}
    if say and changed:
        told, lost = (
            [key if isinstance(value, dict) else f"{key}={value}" for key, value in changed.items() if (key in kept) == keeps]
            for keeps in (True, False)
        )
        logger.warning(
            "%s=%s instead of %s%s%s", ".".join((*path, CHOICE)), name, section[CHOICE],
            f" keeps {', '.join(told)}" if told else "", f"{' and' * bool(told)} drops {', '.join(lost)}, which it has not" if lost else "",
        )  # fmt: skip
    return kept


def _alike(one: FieldInfo | None, other: FieldInfo | None) -> bool:
    """Whether two settings of one name mean the same, which is so if the first phrases of their descriptions are equal."""
    phrases = [PHRASE.split(field.description)[0] if field and field.description else None for field in (one, other)]
    return phrases[0] is not None and phrases[0] == phrases[1]


def _takes(field: FieldInfo, value: Any) -> bool:
    """Whether a setting can have a value: null, for example, is not possible for all settings of one name."""
    kind: Any = Annotated[field.annotation, field]
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def _is_default(model: Model, key: str, value: Any) -> bool:
    field = model.model_fields.get(key)
    return field is not None and not field.is_required() and bool(to_jsonable_python(field.get_default(call_default_factory=True)) == value)


def default(models: Sequence[Model], key: str) -> Tree:
    """The settings that a section has by default where no file names it: its choice, and what differs from its class's defaults.

    Args:
        models: The settings classes that hold the section.
        key: The key of the section in them.

    Returns:
        The section as a dictionary; empty if it has no default.
    """
    for model in models:
        field = model.model_fields.get(key)
        made = None if field is None or field.is_required() else field.get_default(call_default_factory=True)
        if isinstance(made, BaseModel):
            return {
                name: to_jsonable_python(getattr(made, name))
                for name in type(made).model_fields
                if name == CHOICE or not _is_default(type(made), name, to_jsonable_python(getattr(made, name)))
            }
    return {}


def _narrowed(models: Sequence[Model], name: Any) -> list[Model]:
    return [model for model in models if str(name) in tags(model)] or list(models)


def _below(models: Sequence[Model], key: str) -> list[Model]:
    fields = [model.model_fields[key] for model in models if key in model.model_fields]
    return [child for field in fields for child in _members(field.metadata) or _sections(field.annotation)]


def _members(metadata: Sequence[Any]) -> list[Model]:
    """The settings classes of a union that is made of a registry (`facenas.registry.OneOf`)."""
    return [section for told in metadata if hasattr(told, "sections") for section in told.sections()]


def _sections(annotation: Any) -> list[Model]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    if get_origin(annotation) is Annotated:
        return _members(annotation.__metadata__) or _sections(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType, tuple):
        return [section for part in get_args(annotation) for section in _sections(part)]
    return []
