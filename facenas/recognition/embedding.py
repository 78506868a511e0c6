"""Many pictures through a model."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from facenas.data.formats.picture_files import Listed
from facenas.eval.embed import Embeddings
from facenas.recognition.aligning import Alignment, Cut, cut_faces
from facenas.recognition.face_model import BATCH_SIZE, FaceModel
from facenas.recognition.faces import Detector


class Embedded(NamedTuple):
    """The embeddings of many pictures, and what became of each picture.

    Attributes:
        values: Embeddings (B, D) of unit length, of the faces that were found.
        cuts: What became of each picture or face, without pixels.
        rows: Row in `values` of each cut; None where there is no face.
    """

    values: Embeddings
    cuts: list[Cut]
    rows: list[int | None]


def embed_pictures(
    model: FaceModel,
    pictures: Sequence[Listed],
    detector: Detector | None,
    alignment: Alignment,
    *,
    after_picture: Callable[[], object] = lambda: None,
) -> Embedded:
    """Find, cut out and embed the faces of many pictures, some at a time.

    Args:
        model: The face model.
        pictures: The listed pictures.
        detector: What finds the faces; None: each picture is an aligned face.
        alignment: Settings that say which faces are meant.
        after_picture: A function that is called after each picture.
    """
    values, cuts, rows = list[Embeddings](), list[Cut](), list[int | None]()
    count = 0
    for start in range(0, len(pictures), BATCH_SIZE):
        some = pictures[start : start + BATCH_SIZE]
        found = [cut for picture in some for cut in _told(picture, detector, alignment, model, after_picture)]
        faces = [cut.pixels for cut in found if cut.pixels is not None]
        if faces:
            values.append(model.embed(np.stack(faces)))
        for cut in found:
            rows.append(count if cut.pixels is not None else None)
            count += cut.pixels is not None
            cuts.append(replace(cut, pixels=None))
    return Embedded(np.concatenate(values) if values else np.empty((0, 0), np.float32), cuts, rows)


def _told(picture: Listed, detector: Detector | None, alignment: Alignment, model: FaceModel, told: Callable[[], object]) -> list[Cut]:
    cuts = cut_faces(picture, detector, alignment, size=model.contract.size)
    told()
    return cuts
