"""`facenas report`: a search as one page."""

from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import Json, print_json, print_result


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a search run, finished or not.")],
    output: Annotated[Path | None, typer.Option("--output", help="File to write instead of report.html in the run's folder.")] = None,
    as_json: Json = False,
) -> None:
    """Write a search as one HTML page, to be opened in any browser.

    Example: facenas report runs/orl
    """
    from facenas.report import write_report

    file = write_report(run, output)
    if as_json:
        print_json({"run": str(run), "file": str(file)})
    else:
        print_result(str(file))
