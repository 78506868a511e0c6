"""`facenas journal`: read what a search has tried."""

from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import Json, print_json, print_result, remark


def journal(run: Annotated[Path, typer.Argument(help="Folder of a search run.")], as_json: Json = False) -> None:
    """Show every candidate of a search in plan order.

    Example: facenas journal runs/orl --json
    """
    from facenas.search import open_journal

    opened = open_journal(run)
    rows = opened.rows()
    for warning in opened.warnings:
        remark(f"warning: {warning}")
    if as_json:
        print_json([row.plain() for row in rows])
        return
    from facenas.cli.rows import table

    print_result(table(rows))
