"""Who knows what: nobody but the spaces asks of what kind a space is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import facenas
from facenas.backbones import SPACES

ROOT = Path(facenas.__file__).parent
CLASSES = {member.__name__ for member in SPACES.members.values()} | {"SpaceSection", "NetworkSection"}


def questions(file: Path) -> Iterator[str]:
    """Where a file asks whether something is a space of some kind, or compares the name of a space."""
    for node in ast.walk(ast.parse(file.read_text())):
        asked = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass")
        if not asked and not isinstance(node, ast.Compare):
            continue
        parts = [*ast.walk(node)]
        names = {one.id for one in parts if isinstance(one, ast.Name)} | {one.attr for one in parts if isinstance(one, ast.Attribute)}
        words = {one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        if (asked and names & CLASSES) or ("space" in names and words & set(SPACES.members)):
            yield f"{file.relative_to(ROOT)}:{node.lineno}"


def test_no_other_room_asks_of_what_kind_a_space_is() -> None:
    rooms = [file for file in ROOT.rglob("*.py") if file.relative_to(ROOT).parts[0] not in ("backbones", "testing")]
    assert len(rooms) > 150
    assert [place for file in rooms for place in questions(file)] == []
