"""`facenas embed`: embeddings of many pictures in one file."""

from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import Device, Json, Set, print_json, print_result
from facenas.cli.using import Align, DetectorModel, Faces, MinSize, ModelPath

Images = Annotated[Path, typer.Argument(help="Folder of pictures, or one picture.")]
Out = Annotated[Path, typer.Argument(help="The .npy file to write; a .csv beside it says what became of every picture.")]


def embed(
    images: Images,
    out: Out,
    model: ModelPath,
    align: Align = "none",
    detector_model: DetectorModel = None,
    faces: Faces = "largest",
    min_size: MinSize = 20,
    assignments: Set = [],
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Write the embeddings of aligned faces, or with --align of the faces in pictures: float32, unit length, one a row.

    Example: facenas embed aligned embeddings.npy --model runs/ir50
    """
    from facenas import api

    done = api.embed(
        images,
        out,
        model=model,
        align=align,
        detector_model=detector_model,
        faces=faces,
        min_size=min_size,
        set=assignments,
        device=device or "auto",
        progress=True,
    )
    count, size = done.values.shape
    if as_json:
        result = {"file": str(done.file), "table": str(done.table), "pictures": done.pictures, "embeddings": count, "size": size}
        print_json(result | {"model": str(model), "model_sha256": done.model.sha256})
    else:
        print_result(f"{count:,} embeddings of {size} numbers, from {done.pictures:,} pictures -> {done.file}, {done.table}")
