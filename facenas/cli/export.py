"""`facenas export`: write a trained network for deployment."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import ConfigFile, DataRoot, Device, Json, Model, Run, Seed, Set, overrides, print_json, print_result, remark
from facenas.files import write_json
from facenas.settings import load

if TYPE_CHECKING:
    from facenas.data.faces import Images
    from facenas.eval.settings import EvalSettings
    from facenas.training.models import ModelCard

MOST_IMAGES = 64
CheckOn = Annotated[str, typer.Option("--check-on", help="Benchmark whose faces the file is checked on: orl, folder or synthetic.")]


def export(
    model: Model,
    check_on: CheckOn = "orl",
    config: ConfigFile = None,
    assignments: Set = [],
    run: Run = None,
    seed: Seed = None,
    device: Device = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Write a trained model as one ONNX file, checked against torch on real images before it is called done.

    Example: facenas export --model runs/orl-model
    """
    from facenas.eval.embed import METADATA_KEY
    from facenas.eval.settings import EvalSettings
    from facenas.export import export_onnx
    from facenas.training.device import make_fabric
    from facenas.training.models import load_model

    network, card = load_model(model)
    folder = run or (model if model.is_dir() else model.parent)
    settings = load(EvalSettings, command="eval", preset=config or check_on, overrides=overrides(assignments, seed=seed, device=device))
    images = check_images(settings, card, data_root)
    where = make_fabric(settings.device, "fp32").device
    remark(f"exporting, then comparing with torch on {len(images)} images ...")
    file = folder / "model.onnx"
    metadata = {METADATA_KEY: card.model_dump_json()}
    parity = export_onnx(network, file, contract=card.input, images=images, metadata=metadata, device=where)
    result: dict[str, Any] = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "input": card.input.model_dump(mode="json"),
        "parity": asdict(parity),
    }
    write_json(folder / "export.json", result)
    if as_json:
        print_json(result)
    else:
        print_result(
            f"cosine with torch on {parity.images} images: at least {parity.min_cosine:.7f}; {result['bytes'] / 1e6:.1f} MB -> {file}"
        )


def check_images(settings: "EvalSettings", card: "ModelCard", data_root: str | None) -> "Images":
    """Some images of the network's size, drawn by the seed: of a classifier's training data, or of a face benchmark."""
    import numpy as np

    from facenas.eval.protocols import make_benchmark

    if card.data:
        images = (card.data.at(data_root) if data_root else card.data).load().images
        return images[np.random.default_rng(settings.seed).permutation(len(images))[:MOST_IMAGES]]
    pictures = make_benchmark(settings, size=card.input.size, seen={}).pictures
    rows = np.random.default_rng(settings.seed).permutation(pictures.count)[:MOST_IMAGES]
    return np.stack([pictures.image(row) for row in rows.tolist()])
