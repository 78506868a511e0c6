"""How open the house is, counted from the syntax tree of `facenas/`: what one new member touches, and what a reader stumbles over.

    python benchmarks/house.py [--json]

Each row has a count and the most that there may be; `ratio` is the count per hundred Python files. `where` names the places.
"""

import argparse
import ast
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1] / "facenas"
KINDS = {"head": "heads", "space": "backbones", "strategy": "search", "benchmark": "eval", "format": "export"}
FLOORS = {  # what a module may not load
    "facenas.search.candidate": ("torch",),
    "facenas.search": ("torch",),
    "facenas.backbones": ("torch",),
    "facenas.api": ("torch",),
    "facenas.eval.metrics": ("torch", "sklearn", "cv2", "PIL", "pandas", "pydantic"),
    "facenas.cli": ("torch", "scipy", "sklearn", "optuna"),
}
FACTS = {  # closed tables of what is published or was written: a new member is added to none of them
    "search/journal.py PHASES": "phases of the journals that were begun before a phase was free text; Optuna refuses others in these",
    "data/benchmarks/ijb.py IJBName": "the two benchmarks whose files this reader reads",
    "data/benchmarks/ijb.py GALLERIES": "what their files are called",
    "data/benchmarks/ijb.py OFFICIAL": "how much their files hold",
    "data/benchmarks/verification_set.py OFFICIAL_PAIRS": "how many pairs the published lists hold, which are known by these names",
    "eval/published.py BENCHMARKS": "columns of the paper's tables",
    "moved.py ROOMS": "where our modules were before they moved",
}
COMMANDS = "cli"  # Typer tells what a command's arguments are, in their annotations
Tree = dict[Path, ast.Module]


def parsed() -> Tree:
    """The syntax tree of every file."""
    return {file.relative_to(ROOT): ast.parse(file.read_text(encoding="utf-8")) for file in sorted(ROOT.rglob("*.py"))}


def members(tree: Tree, room: str) -> dict[str, set[Path]]:
    """The names that settings classes of a room are chosen by, with the files that they stand in."""
    found = defaultdict[str, set[Path]](set)
    for file, module in tree.items():
        for node in ast.walk(module) if file.parts[0] == room else ():
            if isinstance(node, ast.ClassDef):
                for line in node.body:
                    if isinstance(line, ast.AnnAssign) and getattr(line.target, "id", "") == "name":
                        for name in literals(line.annotation):
                            found[name].add(file)
    return found


def literals(annotation: ast.expr) -> list[str]:
    """The values of `Literal[...]`."""
    if not (isinstance(annotation, ast.Subscript) and getattr(annotation.value, "id", "") == "Literal"):
        return []
    return [node.value for node in ast.walk(annotation.slice) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def lists_of(tree: Tree, names: dict[str, set[Path]]) -> Iterator[str]:
    """Places outside of the members' own files where two or more of them stand in one collection, so that a new one must be added.

    A table in `FACTS` is none of them.
    """
    own = {file for files in names.values() for file in files}
    for file, module in tree.items():
        for line in module.body if file not in own else ():
            if f"{file.as_posix()} {assigned(line)}" not in FACTS:
                yield from (f"{file}:{getattr(node, 'lineno', 0)}" for node in ast.walk(line) if len(names.keys() & collected(node)) > 1)


def assigned(line: ast.stmt) -> str:
    """The name that a line of a module gives a value to; empty if it gives none."""
    target = line.targets[0] if isinstance(line, ast.Assign) else line.target if isinstance(line, ast.AnnAssign) else None
    return target.id if isinstance(target, ast.Name) else ""


def collected(node: ast.AST) -> set[str]:
    """The words of a list, a tuple or a set, and the keys of a dictionary."""
    parts = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else node.keys if isinstance(node, ast.Dict) else []
    return {one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def asked_of_spaces(tree: Tree) -> Iterator[str]:
    """`isinstance` on spaces outside of backbones."""
    spaces = {node.name for file, module in tree.items() if file.parts[0] == "backbones" for node in ast.walk(module) if is_space(node)}
    for file, module in tree.items():
        for node in ast.walk(module) if file.parts[0] != "backbones" else ():
            asked = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance"
            if asked and spaces & {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}:
                yield f"{file}:{node.lineno}"


def is_space(node: ast.AST) -> bool:
    """Whether it is the class of a space, or what spaces are made of."""
    return isinstance(node, ast.ClassDef) and node.name.endswith("Space")


def twice(tree: Tree) -> Iterator[str]:
    """Classes of one name in two files; private ones are nobody else's business."""
    places = defaultdict[str, list[str]](list)
    for file, module in tree.items():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(file))
    yield from (f"{name}: {' and '.join(files)}" for name, files in places.items() if len(files) > 1)


def without_args(tree: Tree) -> Iterator[str]:
    """Public functions and methods of two or more arguments whose docstring has no `Args:`; not commands, whose annotations tell."""
    for file, module in tree.items():
        for node in public(module) if file.parts[0] != COMMANDS else ():
            if arguments(node) > 1 and "Args:" not in (ast.get_docstring(node) or ""):
                yield f"{file}:{node.lineno} {node.name}"


def public(module: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions of a module and methods of its classes, those of public names."""
    for node in module.body:
        inside = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
        yield from (one for one in inside if isinstance(one, ast.FunctionDef) and not one.name.startswith("_"))


def arguments(function: ast.FunctionDef) -> int:
    """How many arguments a caller gives."""
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([one for one in given if one.arg not in ("self", "cls")])


def clipped(tree: Tree) -> Iterator[str]:
    """Lines of docstrings that tell of an argument by what it is of, and not what it is."""
    for file in tree:
        for number, line in enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1):
            name, colon, text = line.strip().partition(": ")
            if colon and name.isidentifier() and text.startswith("Of "):
                yield f"{file}:{number}"


def floor_broken(module: str, forbidden: tuple[str, ...]) -> list[str]:
    """What a module loads of what it may not; the module itself if it cannot be imported."""
    program = f"import sys, {module}; print(*(name for name in {forbidden!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return [f"{module} loads {name}" for name in done.stdout.split()] if not done.returncode else [f"{module} cannot be imported"]


def rows() -> list[dict[str, Any]]:
    """All counts."""
    tree = parsed()
    found: list[tuple[str, int, list[str]]] = []
    for kind, room in KINDS.items():
        names = members(tree, room)
        found.append(
            (f"files touched to add a {kind}", 1, ["its own file", *sorted({place.split(":")[0] for place in lists_of(tree, names)})])
        )
    found += [
        ("isinstance on spaces outside backbones", 0, list(asked_of_spaces(tree))),
        ("imports below the floor", 0, [one for module, forbidden in FLOORS.items() for one in floor_broken(module, forbidden)]),
        ("classes of one name", 0, list(twice(tree))),
        ("public functions without Args", 0, list(without_args(tree))),
        ("argument lines that begin with Of", 0, list(clipped(tree))),
    ]
    return [
        {"name": name, "ratio": round(100 * len(where) / len(tree), 2), "count": len(where), "most": most, "where": where}
        for name, most, where in found
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    counted = rows()
    if parser.parse_args().json:
        print(json.dumps({"rows": counted}))
        return
    for row in counted:
        print(f"{row['name']:44} {row['count']:5}  at most {row['most']}  {', '.join(row['where'][:6])}")


if __name__ == "__main__":
    main()
