"""`facenas push`: a model as the Hugging Face hub lays it out, in a folder; nothing is uploaded."""

from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import Json, Model, print_json, print_result

Folder = Annotated[Path, typer.Argument(help="Folder to write; it must be empty, or absent.")]
Licence = Annotated[str | None, typer.Option("--license", help="Licence of the weights, for example apache-2.0; it is yours to choose.")]
Name = Annotated[str | None, typer.Option("--name", help="Title of the page; without it, the folder's name.")]


def push(folder: Folder, model: Model, licence: Licence = None, name: Name = None, as_json: Json = False) -> None:
    """Write a trained model with its page in the layout of the Hugging Face hub, for you to look at and upload.

    Example: facenas push runs/hub --model runs/orl-model --license apache-2.0
    """
    from facenas import api

    done = api.push(folder, model=model, license=licence, name=name, progress=True)
    if as_json:
        print_json({"folder": str(folder), "files": list(done.files), "license": licence})
        return
    print_result(f"{', '.join(done.files)} -> {folder}; nothing was uploaded: read README.md, then `hf upload OWNER/NAME {folder}`")
