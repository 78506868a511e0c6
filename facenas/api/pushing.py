"""`api.push`: a model as the Hugging Face hub lays it out, in a folder; nothing is uploaded."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import onnx

from facenas.api.progress import showing
from facenas.backbones.timm_models import timm_config
from facenas.errors import RunError
from facenas.eval.embed import METADATA_KEY
from facenas.files import replacing, write_json, write_text
from facenas.locks import locked_output
from facenas.report.hub import page
from facenas.training.models import MODEL, WEIGHTS, FoundArchitecture, ModelCard, load_model

logger = logging.getLogger("facenas")


@dataclass(frozen=True)
class PushResult:
    """A folder for the hub.

    Attributes:
        folder: The folder.
        files: Names of the files in it.
    """

    folder: Path
    files: tuple[str, ...]


def push(
    folder: str | Path, *, model: str | Path, license: str | None = None, name: str | None = None, progress: bool = False
) -> PushResult:
    """Write a trained model with its page in the layout of the Hugging Face hub, for you to look at and upload.

    Args:
        folder: The folder to write; it must be empty, or absent.
        model: Folder of a finished training run.
        license: Licence of the weights, for example `apache-2.0`; it is yours to choose.
        name: Title of the page; without it, the folder's name.
        progress: Whether what is logged is shown on standard error.

    Raises:
        RunError: If the folder is not empty, or another process writes it.
        ModelError: If the model cannot be read.
    """
    target, place = Path(folder), Path(model)
    with showing(progress), locked_output(target):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise RunError(f"{target} is not empty, and what you wrote there is not overwritten; give another folder, or remove it")
        card, run = load_model(place).card, place if place.is_dir() else place.parent
        exported = sorted(path.name for path in run.glob("*.onnx") if _exported_from(path, card.weights_sha256))
        for file in (WEIGHTS, MODEL, *exported):
            with replacing(target / file) as temporary:
                shutil.copyfile(run / file, temporary)
        found = FoundArchitecture(architecture=card.architecture, space=card.space, seen=card.seen)
        found.save(target / "architecture.json")
        write_json(target / "config.json", timm_config(card.blueprint, card.input))
        write_text(target / "README.md", page(run, card, name=name or target.resolve().name, licence=license, onnx=exported))
        _say_whose_names(card)
    return PushResult(target, tuple(sorted(path.name for path in target.iterdir())))


def _say_whose_names(card: ModelCard) -> None:
    """Log whose names go with the model."""
    if people := sum(len(one.identities) for one in card.seen):
        sets = ", ".join(dict.fromkeys(one.dataset for one in card.seen))
        looks = ", and hashes of how their photographs look" if any(one.looks for one in card.seen) else ""
        logger.info("model.json and architecture.json hold the names of %d people of %s%s", people, sets, looks)


def _exported_from(path: Path, weights_sha256: str) -> bool:
    """Whether an ONNX file was exported from these weights; of others it is said that they are left out."""
    properties = {one.key: one.value for one in onnx.load(str(path), load_external_data=False).metadata_props}
    same = weights_sha256 in properties.get(METADATA_KEY, "")
    if not same:
        logger.info("%s was exported from other weights and is left out; export it again", path)
    return same
