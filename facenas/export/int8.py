"""ONNX in 8-bit integers: static quantisation, calibrated on images."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import onnx
from pydantic import Field

from facenas.export.onnx import OnnxFile
from facenas.export.parity import Batch
from facenas.export.sensitive import Aim, keep_sensitive

OPERATIONS = ["Conv", "Gemm", "MatMul"]  # whose arithmetic is worth it; what lies between runs in float unless it merely moves numbers
CALIBRATION_BATCH = 8


class Int8Format(OnnxFile):
    """The format of ONNX files in 8-bit integers, but for the layers that it harms."""

    suffix: ClassVar[str] = "-int8.onnx"
    name: Literal["onnx-int8"] = Field("onnx-int8", description="Name of the format.")
    least_cosine: float = Field(0.95, ge=-1, le=1, description="Least cosine of an image's output and torch's; else nothing is written.")
    aim: Aim = 0.99

    def converted(self, model: onnx.ModelProto, images: Batch) -> tuple[onnx.ModelProto, list[str]]:
        """The model with as many layers in 8-bit integers as keep every image's cosine at `aim`; the others stay in float32.

        Args:
            model: The model in float32.
            images: Images (M, C, H, W) as the model takes them, to calibrate and to measure the cosines on.

        Returns:
            The converted model, and the names of the layers that stay in float32.
        """
        return keep_sensitive(model, Quantiser(model, images), layers_of(model), images, least_cosine=self.aim)


def layers_of(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that can be quantised."""
    return [node.name for node in model.graph.node if node.op_type in OPERATIONS]


class Quantiser:
    """Quantises one model, but for some layers; the ranges of its activations are measured once."""

    def __init__(self, model: onnx.ModelProto, images: Batch) -> None:
        """Measure the ranges of the activations.

        Args:
            model: The model in float32.
            images: Images (B, C, H, W) as the model takes them.
        """
        from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

        self.model = model
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "float.onnx"
            onnx.save(model, file)
            calibrator = create_calibrator(
                str(file), augmented_model_path=str(Path(folder) / "augmented.onnx"), calibrate_method=CalibrationMethod.MinMax
            )
            calibrator.collect_data(_Reader(model.graph.input[0].name, images))
            self.ranges = calibrator.compute_data()

    def __call__(self, kept: Sequence[str]) -> onnx.ModelProto:
        """The quantised model: weights by output channel, signed; activations by tensor, unsigned."""
        from onnxruntime.quantization import QuantType
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        quantiser = QDQQuantizer(copy, True, False, QuantType.QInt8, QuantType.QUInt8, self.ranges, [], list(kept), OPERATIONS, {})
        quantised: onnx.ModelProto = quantiser.quantize_model()
        return quantised


class _Reader:
    """What onnxruntime's calibrator asks for batches."""

    def __init__(self, name: str, images: Batch) -> None:
        batches = (images[start : start + CALIBRATION_BATCH] for start in range(0, len(images), CALIBRATION_BATCH))
        self.batches: Iterator[dict[str, Any]] = ({name: batch} for batch in batches)

    def get_next(self) -> dict[str, Any] | None:
        return next(self.batches, None)
