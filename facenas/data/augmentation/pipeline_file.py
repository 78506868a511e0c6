"""Pipelines as `albumentations.save` writes them, read and made: nothing but albumentations' own transforms comes of it."""

import json
import re
import warnings
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from facenas.errors import SettingsError, nearest

MOST_BYTES, MOST_VALUES = 2**20, 10_000
CONTAINERS = ("Compose", "ReplayCompose", "Sequential", "OneOf", "SomeOf", "RandomOrder", "OneOrOther", "SelectiveChannelTransform")


def read_pipeline(path: Path) -> str:
    """The pipeline in a file that `albumentations.save` wrote, JSON or YAML, as JSON.

    Raises:
        SettingsError: If the file holds no pipeline that can be read.
    """
    if not path.is_file():
        raise SettingsError(f"no pipeline at {path}; write one with albumentations.save(pipeline, {path.name!r}, data_format='yaml')")
    if path.stat().st_size > MOST_BYTES:
        raise SettingsError(f"{path} has {path.stat().st_size:,} bytes, a pipeline has at most {MOST_BYTES:,}")
    try:
        tree = _parsed(path.read_text(encoding="utf-8-sig"))
        if _too_large(tree):
            raise SettingsError(f"{path} holds more than {MOST_VALUES:,} values, which no pipeline needs")
        return json.dumps(_pipeline(tree), sort_keys=True, allow_nan=False)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise SettingsError(f"{path} is not a pipeline as albumentations.save writes it: {reason(error)}") from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # albumentations.save writes JSON unless it is asked for YAML, whatever the file is called
        return yaml.safe_load(text)


def _too_large(tree: Any) -> bool:
    """Whether nested lists and dictionaries hold more values than a pipeline may have; YAML's references may stand for any number."""
    waiting, count = [tree], 0
    while waiting and count + len(waiting) <= MOST_VALUES:
        value = waiting.pop()
        count += 1
        waiting.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
    return bool(waiting)


def _pipeline(tree: Any) -> dict[str, Any]:
    if not (isinstance(tree, dict) and isinstance(tree.get("transform"), dict)):
        raise ValueError("it must hold the key `transform`")
    transform: dict[str, Any] = tree["transform"]
    if transform.get("__class_fullname__") in CONTAINERS:
        return transform
    return {"__class_fullname__": "Compose", "p": 1.0, "transforms": [transform]}


@lru_cache(maxsize=8)
def composed(content: str) -> Any:
    """The albumentations pipeline that JSON describes.

    Raises:
        ValueError: If it names anything but albumentations' own transforms, or albumentations refuses it.
    """
    import albumentations

    tree = json.loads(content)
    _only_own(tree)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # advice, and arguments that albumentations itself writes but does not read
        try:
            made = albumentations.from_dict({"transform": tree})
            _only_known(tree, albumentations.to_dict(made)["transform"])
        except Exception as error:  # whatever its transforms raise
            raise ValueError(f"albumentations {albumentations.__version__} refuses the pipeline: {reason(error)}") from None
    return made


def _only_own(transform: Any) -> None:
    """Raise an error for a transform that albumentations does not bring itself."""
    from albumentations.core.serialization import SERIALIZABLE_REGISTRY, shorten_class_name

    name = transform.get("__class_fullname__") if isinstance(transform, dict) else transform
    found = SERIALIZABLE_REGISTRY.get(shorten_class_name(name)) if isinstance(name, str) else None
    if found is None or not found.__module__.startswith("albumentations."):
        own = (key for key, one in SERIALIZABLE_REGISTRY.items() if one.__module__.startswith("albumentations."))
        near = get_close_matches(str(name), own, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"only albumentations' own transforms can be named in a pipeline, got {name!r:.80}{hint}")
    below = transform.get("transforms", [])
    if not isinstance(below, list):
        raise ValueError(f"`transforms` of {name} must be a list")
    for one in below:
        _only_own(one)


def _only_known(given: dict[str, Any], written: dict[str, Any]) -> None:
    """Raise an error for arguments that a transform does not have, since albumentations would leave them out."""
    if unknown := given.keys() - written.keys() - {"__class_fullname__"}:
        known = nearest(min(unknown), written.keys() - {"__class_fullname__"})
        raise SettingsError(f"{given['__class_fullname__']} has no {min(unknown)!r}; {known}")
    for one, its in zip(given.get("transforms", []), written.get("transforms", []), strict=True):
        _only_known(one, its)


def reason(error: Exception) -> str:
    """An exception's message, shortened to one line."""
    text = re.sub(r"\s*For further information visit \S+", "", " ".join(str(error).split()))
    return text[:300] or type(error).__name__
