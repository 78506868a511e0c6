"""`facenas push`: a model as the Hugging Face hub lays it out, in a folder; nothing is uploaded."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import Json, Model, print_json, print_result, remark
from facenas.errors import RunError
from facenas.files import replacing, write_json, write_text
from facenas.locks import locked_output

Folder = Annotated[Path, typer.Argument(help="Folder to write; it must be empty, or absent.")]
Licence = Annotated[str | None, typer.Option("--license", help="Licence of the weights, for example apache-2.0; it is yours to choose.")]
Name = Annotated[str | None, typer.Option("--name", help="Title of the page; without it, the folder's name.")]


def push(folder: Folder, model: Model, licence: Licence = None, name: Name = None, as_json: Json = False) -> None:
    """Write a trained model with its page in the layout of the Hugging Face hub, for you to look at and upload.

    Example: facenas push runs/hub --model runs/orl-model --license apache-2.0
    """
    from facenas.backbones.timm_models import timm_config
    from facenas.report.hub import page
    from facenas.training.models import MODEL, WEIGHTS, Found, load_model

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} is not empty, and what you wrote there is not overwritten; give another folder, or remove it")
    card, run = load_model(model).card, model if model.is_dir() else model.parent
    onnx = sorted(path.name for path in run.glob("*.onnx") if exported_from(path, card.weights_sha256))
    with locked_output(folder):
        for file in (WEIGHTS, MODEL, *onnx):
            with replacing(folder / file) as temporary:
                shutil.copyfile(run / file, temporary)
        found = Found(architecture=card.architecture, space=card.space, seen=card.seen)
        write_json(folder / "architecture.json", found.model_dump(mode="json"))
        write_json(folder / "config.json", timm_config(card.blueprint, card.input))
        write_text(folder / "README.md", page(run, card, name=name or folder.resolve().name, licence=licence, onnx=onnx))
    if people := sum(len(one.identities) for one in card.seen):
        sets = ", ".join(dict.fromkeys(one.dataset for one in card.seen))
        looks = ", and hashes of how their photographs look" if any(one.looks for one in card.seen) else ""
        remark(f"model.json and architecture.json hold the names of {people} people of {sets}{looks}")
    written = sorted(path.name for path in folder.iterdir())
    if as_json:
        print_json({"folder": str(folder), "files": written, "license": licence})
        return
    print_result(f"{', '.join(written)} -> {folder}; nothing was uploaded: read README.md, then `hf upload OWNER/NAME {folder}`")


def exported_from(path: Path, weights_sha256: str) -> bool:
    """Whether an ONNX file was exported from these weights; of others it is said that they are left out."""
    import onnx

    from facenas.eval.embed import METADATA_KEY

    properties = {one.key: one.value for one in onnx.load(str(path), load_external_data=False).metadata_props}
    same = weights_sha256 in properties.get(METADATA_KEY, "")
    if not same:
        remark(f"{path} was exported from other weights and is left out; export it again")
    return same
