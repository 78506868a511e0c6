"""ONNX in half precision, with float32 input and output."""

from typing import ClassVar, Literal

import onnx
from pydantic import Field

from facenas.export.onnx import OnnxFile, ordered
from facenas.export.parity import Batch
from facenas.export.sensitive import Aim, keep_sensitive

OF_THE_INPUT = ("Sub_0", "Mul_0")  # means and deviations of raw input keep their digits


class HalfFormat(OnnxFile):
    """The format of ONNX files in float16, but for the layers that it harms."""

    suffix: ClassVar[str] = "-fp16.onnx"
    name: Literal["onnx-fp16"] = Field("onnx-fp16", description="Name of the format.")
    least_cosine: float = Field(0.999, ge=-1, le=1, description="Least cosine of an image's output and torch's; else nothing is written.")
    aim: Aim = 0.9999

    def converted(self, model: onnx.ModelProto, images: Batch) -> tuple[onnx.ModelProto, list[str]]:
        """The model with as many layers in float16 as keep every image's cosine at `aim`; the others stay in float32.

        Args:
            model: The model in float32.
            images: Images (M, C, H, W) as the model takes them, to measure the cosines on.

        Returns:
            The converted model, and the names of the layers that stay in float32.
        """
        layers = [node.name for node in model.graph.node]
        return keep_sensitive(model, lambda kept: half(model, list(kept)), layers, images, least_cosine=self.aim)


def half(model: onnx.ModelProto, kept: list[str]) -> onnx.ModelProto:
    """The model with weights and arithmetic in float16.

    Args:
        model: The model in float32; it is left as it is.
        kept: Names of nodes that stay in float32.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    converted: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=True, node_block_list=[*kept, *OF_THE_INPUT])
    _without_detours(converted)
    return ordered(converted)


def _without_detours(model: onnx.ModelProto) -> None:
    """Read what is cast to float16 and back, between two nodes that stay in float32, where it was float32."""
    casts = {node.output[0]: node for node in model.graph.node if node.op_type == "Cast"}
    for node in model.graph.node:
        for position, name in enumerate(node.input):
            back = casts.get(name)
            forth = casts.get(back.input[0]) if back else None
            if back and forth and (_target(forth), _target(back)) == (onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT):
                node.input[position] = forth.input[0]


def _target(cast: onnx.NodeProto) -> int:
    return int(next(attribute.i for attribute in cast.attribute if attribute.name == "to"))
