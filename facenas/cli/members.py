"""Names of members in helps: read off the files and the entry points, since a help imports none of them."""

import ast
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

PLACES = {"benchmarks": "eval/benchmarks", "detectors": "recognition/detectors", "formats": "export"}  # folders of our members


def tell_members(command: Any) -> None:
    """Put names in the place of `{benchmarks}` and the like, in the helps of a command's options, or of those of its commands."""
    for option in command.params:
        for kind in PLACES:
            place = f"{{{kind}}}"
            if place in (getattr(option, "help", None) or ""):
                option.help = option.help.replace(place, ", ".join(member_names(kind)))
    for below in getattr(command, "commands", {}).values():
        tell_members(below)


def member_names(kind: str) -> list[str]:
    """Names of our members of a kind, then those of the entry points of installed packages, which name them as their settings do."""
    files = sorted((Path(__file__).parents[1] / PLACES[kind]).glob("*.py"))
    own = [name for file in files for name in _literals(ast.parse(file.read_text(encoding="utf-8")))]
    theirs = sorted(entry.name for entry in entry_points(group=f"facenas.{kind}"))
    return list(dict.fromkeys([*own, *theirs]))


def _literals(tree: ast.Module) -> Iterator[str]:
    """The values of each `name: Literal[...]` in the body of a class."""
    lines = [line for node in tree.body if isinstance(node, ast.ClassDef) for line in node.body if isinstance(line, ast.AnnAssign)]
    for line in lines:
        if ast.unparse(line.target) == "name" and ast.unparse(line.annotation).startswith("Literal"):
            yield from (str(part.value) for part in ast.walk(line.annotation) if isinstance(part, ast.Constant))
