"""A face model as Python code uses it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facenas.data import InputContract
from facenas.data.faces import Images, Size, sides
from facenas.data.formats.images import resized
from facenas.data.formats.picture_files import one_picture, read_picture
from facenas.errors import DataError, ModelError, NotFiniteError
from facenas.eval import Embedder, unit
from facenas.eval.embed import Embeddings, mirror_sum
from facenas.eval.settings import ContractOverride
from facenas.recognition.aligning import Alignment, cut_faces
from facenas.recognition.faces import Choice
from facenas.recognition.models import load_recogniser
from facenas.recognition.thresholds import Threshold, stored_threshold
from facenas.settings import assigned
from facenas.training.device import Device

BATCH_SIZE = 64


@dataclass(frozen=True)
class FaceModel:
    """A face model of any origin.

    Attributes:
        path: Path that the model was read from.
        contract: What the network expects of a face.
        sha256: Hash of the weights.
        remark: What was assumed about the input where the model does not say it; empty if nothing.
    """

    path: Path
    contract: InputContract
    sha256: str
    remark: str
    _embedder: Embedder

    def embed(self, faces: Images | Sequence[str | Path]) -> Embeddings:
        """Embeddings (B, D) of aligned faces, float32, of unit length: the product of two is their cosine.

        The embeddings of a face and its mirror image are summed, as `facenas eval` does by default; so its thresholds hold for these.

        Args:
            faces: Images (B, H, W, 3), RGB, uint8, or picture files; they are resized to the contract's size, but not aligned: see `align`.

        Raises:
            DataError: If images have another shape or type, or a file cannot be read.
            NotFiniteError: If the network yields numbers that are not finite.
        """
        size = self.contract.size
        if not isinstance(faces, np.ndarray):
            faces = np.stack([resized(read_picture(Path(file)).pixels, size) for file in faces]) if len(faces) else _none(size)
        if faces.ndim != 4 or faces.shape[3] != 3 or faces.dtype != np.uint8:
            raise DataError(f"faces must be RGB of shape (B, H, W, 3), uint8, got {faces.dtype} of shape {faces.shape}")
        if not len(faces):
            raise DataError("there must be a face to embed, got none")
        return np.concatenate([self._batch(faces[start : start + BATCH_SIZE]) for start in range(0, len(faces), BATCH_SIZE)])

    def threshold(self, far: float) -> Threshold:
        """The least cosine of one person's faces at a false accept rate, from an evaluation stored with the model.

        Raises:
            DataError: If no evaluation measured a threshold at this rate.
        """
        return stored_threshold(self.path, self.sha256, far, contract=self.contract)

    def _batch(self, faces: Images) -> Embeddings:
        faces = np.stack([resized(face, self.contract.size) for face in faces])
        embeddings = mirror_sum(self._embedder, faces)
        if not np.isfinite(embeddings).all():
            raise NotFiniteError(f"{self.path} yields embeddings that are not finite numbers")
        return unit(embeddings)


def load(
    model: str | Path,
    *,
    device: Device = "auto",
    color: str | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    size: Size | None = None,
    layout: str | None = None,
) -> FaceModel:
    """Read a face model.

    Args:
        model: A training run's folder, an ONNX file of any origin, or `timm:NAME`.
        device: Where torch models run; ONNX runs on the CPU.
        color: Order of the channels, `rgb` or `bgr`, for a model that does not say it.
        mean: Number that is subtracted from 0..255 values, for a model that does not say it; three are one per channel.
        std: Divisor after the subtraction, for a model that does not say it; three are one per channel.
        size: Side of a face in pixels, or height and width, for a model that does not say it.
        layout: Order of the axes, `nchw` or `nhwc`, for an ONNX file that does not say it.

    Raises:
        ModelError: If there is no model, it is no face model, or it contradicts what is said about it.
    """
    known = {"color": color, "mean": mean, "std": std, "size": size, "layout": layout}
    return with_input(Path(model), assigned(ContractOverride, known, told=str(model)), device)


def with_input(model: Path, override: ContractOverride, device: Device) -> FaceModel:
    """Read a face model whose own file may not say what input it expects.

    Args:
        model: A training run's folder, an ONNX file of any origin, or `timm:NAME`.
        override: What the user says about the input of a model that does not say it itself.
        device: Where torch models run; ONNX runs on the CPU.

    Raises:
        ModelError: If there is no model, it embeds nothing, or it contradicts the override.
    """
    read = load_recogniser(model, override, device)
    if read.embedder is None:
        raise ModelError(f"{model} holds embeddings and embeds nothing; give a training run or an ONNX file")
    return FaceModel(model, read.contract, read.sha256, read.remark, read.embedder)


def align(pictures: Sequence[str | Path], *, detector: str = "dlib", size: Size = 112, faces: Choice = "largest") -> Images:
    """Find and align one face in each picture file: (B, H, W, 3), RGB, uint8.

    Args:
        pictures: Paths of the picture files.
        detector: Name of the detector: `dlib`, `yunet`, or one of an installed package.
        size: Side of a face in pixels, or height and width.
        faces: Which face is meant where there are several: the `largest`, or the one nearest to the `centre`.

    Raises:
        SettingsError: If there is no such detector.
        DataError: If a picture cannot be read or shows no face, or the detector is not installed.
    """
    alignment = assigned(Alignment, {"detector": detector, "faces": faces})
    found, cut = alignment.make_detector(), []
    for picture in map(Path, pictures):
        face = cut_faces(one_picture(picture), found, alignment, size=size)[0]
        if face.pixels is None:
            raise DataError(f"{picture}: {face.status}{f', {face.reason}' if face.reason else ''}")
        cut.append(face.pixels)
    return np.stack(cut) if cut else _none(size)


def _none(size: Size) -> Images:
    return np.empty((0, *sides(size), 3), np.uint8)
