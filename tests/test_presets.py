"""Every preset that ships loads."""

import pytest

from facenas.eval.settings import EvalSettings
from facenas.search import SearchSettings
from facenas.settings import Section, load, presets
from facenas.training.settings import TrainSettings

SCHEMAS: dict[str, type[Section]] = {"search": SearchSettings, "train": TrainSettings, "eval": EvalSettings}


@pytest.mark.parametrize(("command", "name"), [(command, name) for command in SCHEMAS for name in presets(command)])
def test_preset_loads(command: str, name: str) -> None:
    settings = load(SCHEMAS[command], command=command, preset=name)
    assert load(SCHEMAS[command], command=command, preset=name).model_dump() == settings.model_dump()


@pytest.mark.parametrize("schema", SCHEMAS.values())
def test_every_field_is_described(schema: type[Section]) -> None:
    undescribed = [name for name, field in schema.model_fields.items() if not field.description]
    assert undescribed == []
