"""Who knows what: a member is one file, and nobody but the spaces asks of what kind a space is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import facenas
from benchmarks import house
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


def test_a_member_is_one_file_and_a_name_one_class() -> None:
    counted = {row["name"]: row for row in house.rows()}
    assert [name for name in counted if name.startswith("files touched")] == [f"files touched to add a {kind}" for kind in house.KINDS]
    assert {name: row["where"] for name, row in counted.items() if row["count"] > row["most"]} == {}


def test_the_tables_that_no_member_is_added_to_are_there() -> None:
    """And are found without being named so."""
    tree = house.parsed()
    lines = {f"{file.as_posix()} {house.assigned(line)}": line for file, module in tree.items() for line in module.body}
    assert set(house.FACTS) <= set(lines)
    words = {word for kind, room in house.KINDS.items() for word in house.members(tree, room)}
    for table in house.FACTS:
        assert any(len(words & house.collected(node)) > 1 for node in ast.walk(lines[table])), table


@pytest.mark.parametrize("line", ['CHOICES = ("ir", "plain", 3)', 'ROWS = {"ir": 1, "plain": 2}', 'def f():\n    return ["plain", "ir"]'])
def test_a_list_of_members_is_found(line: str) -> None:
    tree = {Path("cli/new.py"): ast.parse(line)}
    names = {"ir": {Path("backbones/ir.py")}, "plain": {Path("backbones/plain.py")}}
    assert len([*house.lists_of(tree, names)]) == 1
    assert [*house.lists_of({Path("backbones/ir.py"): ast.parse(line)}, names)] == []
