"""What all suites do with the settings that they are given."""

from collections.abc import Sequence
from typing import Any

import pytest

from facenas.choices import tags
from facenas.settings import Section


def each(metafunc: pytest.Metafunc, argument: str, settings: Any) -> None:
    """Run the tests that take an argument with each of the settings; with none, they are skipped.

    Args:
        metafunc: What pytest gives to `pytest_generate_tests`.
        argument: Name of the tests' argument.
        settings: One group of settings, or several.
    """
    if argument in metafunc.fixturenames:
        several = list(settings) if isinstance(settings, Sequence) else [settings]
        metafunc.parametrize(argument, several, ids=[f"{one.name}-{number}" for number, one in enumerate(several)])


def check_settings(settings: Any) -> None:
    """Assert that settings can be chosen by their name, and kept in `config.yaml` and `model.json`."""
    assert settings.name in tags(type(settings)), "`name` must be a Literal"
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings
    assert isinstance(settings, Section) and hash(settings) == hash(settings.model_copy()), "settings are values"
