"""`facenas embed`: embeddings of many pictures in one file."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facenas.cli.common import Device, Json, Set, print_json, print_result, progress_bars
from facenas.cli.using import Align, DetectorModel, Faces, MinSize, ModelPath, alignment_of, open_model, remark_taken_as_they_are
from facenas.errors import DataError, SettingsError
from facenas.files import replacing, write_text

if TYPE_CHECKING:
    from facenas.recognition.embedding import Embedded

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
    import numpy as np

    from facenas.data.formats.picture_files import pictures_below
    from facenas.recognition.embedding import embed_pictures

    if out.suffix != ".npy":
        raise SettingsError(f"embeddings are written to a .npy file, give one instead of {out}")
    read = open_model(model, assignments, device)
    alignment, pictures = alignment_of(align, detector_model, faces=faces, min_size=min_size), list(pictures_below(images))
    detector = alignment.make_detector()
    with progress_bars() as progress:
        bar = progress.add_task("embed (pictures)", total=len(pictures))
        embedded = embed_pictures(read, pictures, detector, alignment, after_picture=lambda: progress.advance(bar))
    remark_taken_as_they_are(embedded.cuts)
    table = out.with_suffix(".csv")
    write_text(table, lines(embedded))
    count = len(embedded.values)
    if not count:
        raise DataError(f"none of the {len(pictures):,} pictures shows a face, {table} says why; give others, or another --align")
    with replacing(out) as temporary, temporary.open("wb") as stream:
        np.save(stream, embedded.values, allow_pickle=False)
    result = {"file": str(out), "table": str(table), "pictures": len(pictures), "embeddings": count, "size": embedded.values.shape[1]}
    if as_json:
        print_json(result | {"model": str(model), "model_sha256": read.sha256})
    else:
        print_result(f"{count:,} embeddings of {result['size']} numbers, from {len(pictures):,} pictures -> {out}, {table}")


def lines(embedded: "Embedded") -> str:
    """What became of each picture, with its row in the file of embeddings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "picture", "status", "reason"])
    for cut, row in zip(embedded.cuts, embedded.rows, strict=True):
        writer.writerow(["" if row is None else row, cut.picture, cut.status, cut.reason])
    return text.getvalue()
