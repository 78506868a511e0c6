"""`facenas compare`: the faces of two photographs. Folders of searches go to `facenas compare-searches`, which once was this command."""

from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import Device, Json, Set, print_json, print_result
from facenas.cli.using import Align, DetectorModel, Faces, Far, Value, placed, told
from facenas.errors import SettingsError

Pictures = Annotated[list[Path], typer.Argument(help="Two pictures.")]
Model = Annotated[Path | None, typer.Option("--model", help="Folder of a training run, an ONNX file, or timm:NAME.")]


def compare(
    pictures: Pictures,
    model: Model = None,
    align: Align = "none",
    detector_model: DetectorModel = None,
    faces: Faces = "largest",
    far: Far = 1e-3,
    threshold: Value = None,
    assignments: Set = [],
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Compare the faces of two pictures: score, threshold, verdict; searches go to `facenas compare-searches`.

    Example: facenas compare a.jpg b.jpg --model runs/ir50 --align dlib
    """
    from facenas import api

    files = [path for path in pictures if not path.is_dir()]
    if model is None and not any(path.is_file() for path in files):
        from facenas.cli.compare_searches import compare_searches

        compare_searches(pictures, as_json=as_json)
        return
    if model is None or len(files) != 2 or len(pictures) != 2:
        raise SettingsError(
            f"compare takes two pictures and --model, or folders of searches and no model; got {len(files)} pictures, "
            f"{len(pictures) - len(files)} folders and {'a' if model else 'no'} model"
        )
    done = api.compare(
        *files,
        model=model,
        align=align,
        detector_model=detector_model,
        faces=faces,
        far=far,
        threshold=threshold,
        set=assignments,
        device=device or "auto",
        progress=True,
    )
    limit = done.threshold
    if as_json:
        shown = [{"file": str(file), **placed(cut)} for file, cut in zip(files, done.faces, strict=True)]
        verdict = {"score": done.score, "same": done.same, **told(limit, done.no_threshold)}
        print_json(verdict | {"pictures": shown, "model": str(model), "model_sha256": done.model.sha256})
    elif limit is None:
        print_result(f"score {done.score:.3f}; no verdict: {done.no_threshold}")
    else:
        print_result(f"{'one person' if done.same else 'different people'}: score {done.score:.3f}, {limit.in_words}")
