"""`api.compare`: the faces of two photographs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facenas.api.given import Changes
from facenas.api.pictures import Choice, Finder, alignment_of, faces_in, open_model, threshold_of
from facenas.api.progress import showing
from facenas.recognition.aligning import Alignment, Cut
from facenas.recognition.face_model import FaceModel
from facenas.recognition.thresholds import Threshold
from facenas.training.device import Device


@dataclass(frozen=True)
class CompareResult:
    """The comparison of two faces.

    Attributes:
        score: Cosine of their embeddings, in [-1, 1].
        threshold: The least score that counts as one person; None: there is none.
        no_threshold: Why there is no threshold; "" where there is one.
        faces: Places of the two faces in their pictures.
        model: The model that embedded them.
    """

    score: float
    threshold: Threshold | None
    no_threshold: str
    faces: tuple[Cut, Cut]
    model: FaceModel

    @property
    def same(self) -> bool | None:
        """Whether they count as one person; None where there is no threshold."""
        return None if self.threshold is None else self.score >= self.threshold.value


def compare(
    first: str | Path,
    second: str | Path,
    *,
    model: FaceModel | str | Path,
    align: Alignment | Finder = "none",
    detector_model: str | Path | None = None,
    faces: Choice = "largest",
    far: float = 1e-3,
    threshold: float | None = None,
    set: Changes = (),
    device: Device = "auto",
    progress: bool = False,
) -> CompareResult:
    """Compare the faces of two photographs: score, threshold, verdict.

    Args:
        first: The first picture.
        second: The second picture.
        model: A model that is read already, the folder of a training run, an ONNX file of any origin, or `timm:NAME`.
        align: Name or settings of what finds the faces; `none`: each picture is an aligned face.
        detector_model: YuNet's ONNX file; otherwise it is downloaded once.
        faces: Which face of a picture is meant.
        far: False accept rate, a fraction, that the threshold of the model's evaluation is taken at.
        threshold: A threshold of your own instead.
        set: What the model does not say of its input, by path: `{"input.color": "bgr"}`.
        device: Device that torch models run on.
        progress: Whether what is logged is shown on standard error.

    Raises:
        DataError: If a picture cannot be read or shows no face.
        ModelError: If the model cannot be read.
    """
    with showing(progress):
        read = open_model(model, set, device)
        alignment = alignment_of(align, detector_model, faces=faces)
        detector = alignment.make_detector()
        one, other = (faces_in(Path(file), detector, alignment, read.contract.size)[0] for file in (first, second))
        ours, theirs = read.embed(np.stack([cut.pixels for cut in (one, other) if cut.pixels is not None]))
        limit, why = threshold_of(read, far, threshold)
    return CompareResult(float(ours @ theirs), limit, why, (one, other), read)
