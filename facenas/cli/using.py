"""What the commands that use a model share: options, and how faces and thresholds are told."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from facenas.recognition.aligning import Cut
    from facenas.recognition.thresholds import Threshold

Choice = Literal["largest", "centre", "all"]
Align = Annotated[str, typer.Option("--align", "--detector", help="What finds faces: {detectors}; none: each picture is an aligned face.")]
DetectorModel = Annotated[Path | None, typer.Option("--detector-model", help="Its model file; YuNet's is otherwise downloaded once.")]
Faces = Annotated[Choice, typer.Option("--faces", help="Which faces of a picture are meant.")]
MinSize = Annotated[int, typer.Option("--min-size", min=1, help="Shorter side, in pixels, that a face's box must have.")]
Far = Annotated[float, typer.Option("--far", help="False accept rate that the threshold of the model's evaluation is taken at.")]
Value = Annotated[float | None, typer.Option("--threshold", help="A threshold of your own, instead of the evaluation's.")]
ModelPath = Annotated[Path, typer.Option("--model", help="Folder of a training run, an ONNX file of any origin, or timm:NAME.")]


def told(threshold: "Threshold | None", why: str) -> dict[str, Any]:
    """A threshold, or why there is none, as JSON values."""
    if threshold is None:
        return {"threshold": None, "far": None, "benchmark": None, "data": None, "no_threshold": why}
    own = not threshold.benchmark
    return {
        "threshold": threshold.value,
        "far": None if own else threshold.far,
        "benchmark": threshold.benchmark or None,
        "data": threshold.data or None,
    }


def with_several(faces: Mapping[str, int]) -> str:
    """Which pictures have several faces, with their number, for a summary; empty if none has."""
    from facenas.data.remarks import some

    named = [f"{picture} ({count})" for picture, count in faces.items()]
    return f"; several faces in {len(faces):,} pictures: {some(named)}" if named else ""


def placed(cut: "Cut") -> dict[str, Any]:
    """The place of a face in its picture, as JSON values."""
    box = [round(side, 2) for side in cut.face.box] if cut.face else None
    return {"status": cut.status, "reason": cut.reason, "faces": cut.found, "box": box}
