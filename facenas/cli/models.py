"""`facenas models`: the named architectures, and the search spaces."""

from typing import Any

from facenas.cli.common import Json, print_json, print_result
from facenas.words import millions


def models(as_json: Json = False) -> None:
    """List the named architectures with their cost, and the search spaces.

    Example: facenas models --json
    """
    from rich.table import Table

    from facenas.backbones import SEARCHED, ZOO

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "depth": blueprint.architecture.depth,
            "width": blueprint.architecture.width,
            "parameters": blueprint.space.count_parameters(blueprint.architecture),
            "macs": blueprint.space.macs(blueprint.architecture),
            "embedding_size": blueprint.dimension,
            "input_size": blueprint.space.input_size,
            "space": blueprint.space.name,
        }
        for name, blueprint in ZOO.items()
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("name", "layers", "width", "parameters", "MACs", "embedding", "input", "space", title="named architectures")
    for row in rows:
        macs = f"{row['macs'] / 1e9:.2f} G"
        size = f"{row['input_size']} x {row['input_size']}"
        table.add_row(
            *(row["name"], str(row["depth"]), str(row["width"]), millions(row["parameters"])),
            *(macs, str(row["embedding_size"]), size, row["space"]),
        )
    print_result(table)
    spaces = Table("name", "what it is", "from", title="search spaces: --set space.name=NAME")
    for name, member in SEARCHED.members.items():
        spaces.add_row(name, (member.__doc__ or "").partition("\n")[0], member.__module__.partition(".")[0])
    print_result(spaces)
