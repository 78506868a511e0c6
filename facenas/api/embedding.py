"""`api.embed`: embeddings of many pictures."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facenas.api.given import Changes
from facenas.api.pictures import Choice, Finder, alignment_of, open_model, say_taken_as_they_are
from facenas.api.progress import bar, showing
from facenas.data.formats.picture_files import pictures_below
from facenas.errors import DataError, SettingsError
from facenas.eval.embed import Embeddings
from facenas.files import replacing, write_text
from facenas.locks import locked_output
from facenas.recognition.aligning import Alignment
from facenas.recognition.embedding import Embedded, embed_pictures
from facenas.recognition.face_model import FaceModel
from facenas.training.device import Device


@dataclass(frozen=True)
class EmbedResult:
    """Embeddings of pictures.

    Attributes:
        embedded: The embeddings (B, D), float32, of unit length, with what became of each picture.
        pictures: Number of pictures that were looked at.
        model: The model that embedded them.
        file: The .npy file with the embeddings; None where none was asked for.
        table: The .csv file beside it that says what became of every picture.
    """

    embedded: Embedded
    pictures: int
    model: FaceModel
    file: Path | None = None
    table: Path | None = None

    @property
    def values(self) -> Embeddings:
        """The embeddings (B, D)."""
        return self.embedded.values


def embed(
    images: str | Path,
    out: str | Path | None = None,
    *,
    model: FaceModel | str | Path,
    align: Alignment | Finder = "none",
    detector_model: str | Path | None = None,
    faces: Choice = "largest",
    min_size: int = 20,
    set: Changes = (),
    device: Device = "auto",
    progress: bool = False,
) -> EmbedResult:
    """Embeddings of aligned faces, or with `align` of the faces in pictures: float32, unit length, one a row.

    Args:
        images: Folder of pictures, or one picture.
        out: The .npy file to write, with a .csv beside it; without it nothing is written.
        model: A model that is read already, the folder of a training run, an ONNX file of any origin, or `timm:NAME`.
        align: Name or settings of what finds the faces; `none`: each picture is an aligned face.
        detector_model: YuNet's ONNX file; otherwise it is downloaded once.
        faces: Which faces of a picture are meant.
        min_size: Shorter side, in pixels, that a face's box must have.
        set: What the model does not say of its input, by path: `{"input.color": "bgr"}`.
        device: Device that torch models run on.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        DataError: If no picture shows a face.
        ModelError: If the model cannot be read.
    """
    file = Path(out) if out is not None else None
    if file and file.suffix != ".npy":
        raise SettingsError(f"embeddings are written to a .npy file, give one instead of {file}")
    with showing(progress):
        read = open_model(model, set, device)
        alignment, pictures = alignment_of(align, detector_model, faces=faces, min_size=min_size), list(pictures_below(Path(images)))
        detector = alignment.make_detector()
        with bar("embed (pictures)", len(pictures)) as advance:
            embedded = embed_pictures(read, pictures, detector, alignment, after_picture=lambda: advance(1))
        say_taken_as_they_are(embedded.cuts)
    table = _written(file, embedded) if file else None
    if not len(embedded.values):
        told = f", {table} says why" if table else ""
        raise DataError(f"none of the {len(pictures):,} pictures shows a face{told}; give others, or another --align")
    return EmbedResult(embedded, len(pictures), read, file, table)


def _written(file: Path, embedded: Embedded) -> Path:
    """Write embeddings, if there are any, and the table, whose name is returned."""
    with locked_output(file):
        write_text(table := file.with_suffix(".csv"), _lines(embedded))
        if len(embedded.values):
            with replacing(file) as temporary, temporary.open("wb") as stream:
                np.save(stream, embedded.values, allow_pickle=False)
    return table


def _lines(embedded: Embedded) -> str:
    """What became of each picture, with its row in the file of embeddings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "picture", "status", "reason"])
    for cut, row in zip(embedded.cuts, embedded.rows, strict=True):
        writer.writerow(["" if row is None else row, cut.picture, cut.status, cut.reason])
    return text.getvalue()
