"""`facenas models`: the named architectures."""

from typing import Any

from facenas.api.words import millions
from facenas.cli.common import Json, print_json, print_result


def models(as_json: Json = False) -> None:
    """List the named architectures with their cost.

    Example: facenas models --json
    """
    from rich.table import Table

    from facenas.backbones import ZOO

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "depth": blueprint.architecture.depth,
            "width": blueprint.architecture.width,
            "parameters": blueprint.space.count_parameters(blueprint.architecture),
            "macs": blueprint.space.macs(blueprint.architecture),
            "embedding_size": blueprint.dimension,
            "input_size": blueprint.space.input_size,
        }
        for name, blueprint in ZOO.items()
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("name", "layers", "width", "parameters", "MACs", "embedding", "input", title="named architectures")
    for row in rows:
        macs = f"{row['macs'] / 1e9:.2f} G"
        size = f"{row['input_size']} x {row['input_size']}"
        table.add_row(
            row["name"], str(row["depth"]), str(row["width"]), millions(row["parameters"]), macs, str(row["embedding_size"]), size
        )
    print_result(table)
