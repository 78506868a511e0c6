"""What the verbs that use a model share: the model, the faces of a picture, the threshold."""

import logging
from pathlib import Path
from typing import Literal

from facenas.api.given import Changes, assignments
from facenas.data.faces import Size
from facenas.data.formats.picture_files import one_picture
from facenas.data.remarks import some
from facenas.errors import DataError
from facenas.eval.settings import ContractOverride
from facenas.recognition.aligning import AS_IT_IS, Alignment, Cut, cut_faces
from facenas.recognition.face_model import FaceModel, with_input
from facenas.recognition.faces import Detector
from facenas.recognition.thresholds import Threshold
from facenas.settings import Section, assigned
from facenas.training.device import Device

logger = logging.getLogger("facenas")
Finder = str  # `none`, or what finds the faces: `dlib`, `yunet`
Choice = Literal["largest", "centre", "all"]


class _Known(Section):
    """What is said of a model."""

    input: ContractOverride = ContractOverride()


def open_model(model: FaceModel | str | Path, changes: Changes = (), device: Device = "auto") -> FaceModel:
    """A model; what is taken for granted about it is logged.

    Args:
        model: A model that is read already, the folder of a training run, an ONNX file of any origin, or `timm:NAME`.
        changes: What the model does not say of its input, by path: `{"input.color": "bgr"}`.
        device: Device that torch models run on.

    Raises:
        ModelError: If there is no such model, or it is no face model.
    """
    if isinstance(model, FaceModel):
        return model
    read = with_input(Path(model), assigned(_Known, {}, assignments(changes), told="--set").input, device)
    if read.remark:
        logger.info("%s", read.remark)
    return read


def alignment_of(
    detector: Alignment | Finder, model: str | Path | None = None, *, faces: Choice = "largest", min_size: int = 20
) -> Alignment:
    """The settings by which faces are found.

    Args:
        detector: Name of what finds the faces, or the whole alignment, which is then returned as it is.
        model: YuNet's ONNX file.
        faces: Which faces of a picture are meant.
        min_size: Shorter side, in pixels, that a face's box must have.
    """
    if isinstance(detector, Alignment):
        return detector
    given = {"detector": detector, "detector_model": str(Path(model).resolve()) if model else None, "faces": faces, "min_size": min_size}
    return assigned(Alignment, given)


def threshold_of(model: FaceModel, far: float, value: float | None = None) -> tuple[Threshold | None, str]:
    """The threshold of a model's evaluation, or why there is none.

    Args:
        model: The model, whose evaluation names thresholds.
        far: False accept rate, a fraction.
        value: A threshold to take instead.

    Returns:
        The threshold, or None, and why there is none, else "".
    """
    if value is not None:
        return Threshold(value, far, "", 0), ""
    try:
        return model.threshold(far), ""
    except DataError as error:
        return None, str(error)


def faces_in(file: Path, detector: Detector | None, alignment: Alignment, size: Size) -> list[Cut]:
    """The faces of one picture.

    Args:
        file: The picture.
        detector: Detector of faces; None: the picture is an aligned face.
        alignment: Settings that say which faces are meant.
        size: Side of a face in pixels, or height and width.

    Raises:
        DataError: If the picture shows no face, or cannot be read.
    """
    cuts = cut_faces(one_picture(file), detector, alignment, size=size)
    if cuts[0].status == "unreadable":
        raise DataError(f"{file} {cuts[0].reason}")
    if cuts[0].pixels is None:
        raise DataError(f"{file} shows no usable face: {cuts[0].reason or cuts[0].status}; give another picture, or another --align")
    if cuts[0].reason:
        logger.info("%s: %s", file, cuts[0].reason)
    return cuts


def say_taken_as_they_are(cuts: list[Cut]) -> None:
    """Log which pictures were taken for aligned faces without looking like such."""
    unlike = [f"{cut.picture} ({cut.reason})" for cut in cuts if AS_IT_IS in cut.reason]
    if unlike:
        told = (f"{len(unlike):,}", f"{len(cuts):,}", some(unlike))
        logger.info("%s of %s pictures do not look like aligned faces: %s; find the faces with --align", *told)
