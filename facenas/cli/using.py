"""What the commands that use a model share: options, the model, the threshold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facenas.cli.common import remark
from facenas.errors import DataError

if TYPE_CHECKING:
    from facenas.data.faces import Size
    from facenas.recognition import FaceModel
    from facenas.recognition.aligning import Alignment, Cut
    from facenas.recognition.faces import Detector
    from facenas.recognition.thresholds import Threshold

Choice = Literal["largest", "centre", "all"]
Align = Annotated[str, typer.Option("--align", "--detector", help="What finds faces: {detectors}; none: each picture is an aligned face.")]
DetectorModel = Annotated[Path | None, typer.Option("--detector-model", help="Its model file; YuNet's is otherwise downloaded once.")]
Faces = Annotated[Choice, typer.Option("--faces", help="Which faces of a picture are meant.")]
MinSize = Annotated[int, typer.Option("--min-size", min=1, help="Shorter side, in pixels, that a face's box must have.")]
Far = Annotated[float, typer.Option("--far", help="False accept rate that the threshold of the model's evaluation is taken at.")]
Value = Annotated[float | None, typer.Option("--threshold", help="A threshold of your own, instead of the evaluation's.")]
ModelPath = Annotated[Path, typer.Option("--model", help="Folder of a training run, an ONNX file of any origin, or timm:NAME.")]


def open_model(path: Path, assignments: list[str], device: Literal["auto", "cpu", "cuda", "mps"] | None) -> "FaceModel":
    """A model, with a remark about what is taken for granted."""
    from facenas.eval.settings import ContractOverride
    from facenas.recognition.face_model import with_input
    from facenas.settings import Section, assigned

    class Known(Section):
        input: ContractOverride = ContractOverride()

    model = with_input(path, assigned(Known, {}, assignments, told="--set").input, device or "auto")
    if model.remark:
        remark(model.remark)
    return model


def alignment_of(detector: str, model: Path | None, *, faces: Choice = "largest", min_size: int = 20) -> "Alignment":
    """The options as settings."""
    from facenas.recognition.aligning import Alignment

    return Alignment(detector=detector, detector_model=str(model.resolve()) if model else None, faces=faces, min_size=min_size)


def threshold_of(model: "FaceModel", far: float, value: float | None) -> "tuple[Threshold | None, str]":
    """The threshold, or why there is none."""
    from facenas.recognition.thresholds import Threshold

    if value is not None:
        return Threshold(value, far, "", 0), ""
    try:
        return model.threshold(far), ""
    except DataError as error:
        return None, str(error)


def told(threshold: "Threshold | None", why: str) -> dict[str, Any]:
    """A threshold as JSON."""
    if threshold is None:
        return {"threshold": None, "far": None, "benchmark": None, "data": None, "no_threshold": why}
    own = not threshold.benchmark
    return {
        "threshold": threshold.value,
        "far": None if own else threshold.far,
        "benchmark": threshold.benchmark or None,
        "data": threshold.data or None,
    }


def with_several(faces: dict[str, int]) -> str:
    """Which pictures have several faces, with their number, for a summary; empty if none has."""
    from facenas.data.remarks import some

    named = [f"{picture} ({count})" for picture, count in faces.items()]
    return f"; several faces in {len(faces):,} pictures: {some(named)}" if named else ""


def remark_taken_as_they_are(cuts: "list[Cut]") -> None:
    """Say which pictures were taken for aligned faces without looking like such."""
    from facenas.data.remarks import some
    from facenas.recognition.aligning import AS_IT_IS

    unlike = [f"{cut.picture} ({cut.reason})" for cut in cuts if AS_IT_IS in cut.reason]
    if unlike:
        remark(f"{len(unlike):,} of {len(cuts):,} pictures do not look like aligned faces: {some(unlike)}; find the faces with --align")


def placed(cut: "Cut") -> dict[str, Any]:
    """Where a face is, as JSON."""
    box = [round(side, 2) for side in cut.face.box] if cut.face else None
    return {"status": cut.status, "reason": cut.reason, "faces": cut.found, "box": box}


def faces_in(file: Path, detector: "Detector | None", alignment: "Alignment", size: "Size") -> "list[Cut]":
    """The faces of one picture; a sentence if it shows none."""
    from facenas.data.formats.picture_files import one_picture
    from facenas.recognition.aligning import cut_faces

    cuts = cut_faces(one_picture(file), detector, alignment, size=size)
    if cuts[0].status == "unreadable":
        raise DataError(f"{file} {cuts[0].reason}")
    if cuts[0].pixels is None:
        raise DataError(f"{file} shows no usable face: {cuts[0].reason or cuts[0].status}; give another picture, or another --align")
    if cuts[0].reason:
        remark(f"{file}: {cuts[0].reason}")
    return cuts
