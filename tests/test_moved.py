"""Modules that have moved answer to their former names, as the same modules."""

from importlib import import_module
from pickle import dumps, loads

import pytest

from facenas.moved import MOVED


@pytest.mark.parametrize("former", sorted(MOVED))
def test_a_former_name_is_the_module_itself(former: str) -> None:
    now = import_module(MOVED[former])
    assert import_module(former) is now
    assert now.__name__ == MOVED[former] and now.__spec__ is not None and now.__spec__.name == MOVED[former]


def test_classes_are_the_same_and_pickle() -> None:
    from facenas.data.lists import ListFaces  # type: ignore[import-not-found]

    from facenas.data.sources import lists

    assert ListFaces is lists.ListFaces
    assert loads(dumps(ListFaces(file="a"))) == ListFaces(file="a")
