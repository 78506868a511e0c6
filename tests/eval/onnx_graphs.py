"""Small ONNX networks as strangers export them: a convolution, ReLU, a linear layer, and whatever stands before."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

CHANNELS_LAST = helper.make_node("Transpose", ["input"], ["nchw"], perm=[0, 3, 1, 2])


def network(
    before: Sequence[NodeProto] = (),
    *,
    reads: str = "input",
    constants: dict[str, Any] | None = None,
    seed: int = 1,
    height: int = 32,
    width: int = 32,
    shape: Sequence[int | str | None] | None = None,
    dtype: Any = np.float32,
    taken: Any = None,
    behind: Sequence[NodeProto] = (),
    outputs: Sequence[str] = ("output",),
    more_inputs: Sequence[str] = (),
) -> onnx.ModelProto:
    """A network (B, 3, H, W) -> (B, 8).

    Args:
        before: Nodes from `input` to `reads`.
        reads: What the convolution reads.
        constants: Initialisers of these nodes.
        seed: Of the weights.
        height: Of an image that it computes.
        width: Of such an image.
        shape: What it says that it takes; None: any batch of such images.
        dtype: Of its numbers.
        taken: Type of its input, if another.
        behind: Nodes that make `output` of `linear`; none: it is `output` itself.
        outputs: Names of the outputs.
        more_inputs: Names of further inputs.
    """
    rng = np.random.default_rng(seed)
    cells = (height // 8) * (width // 8)
    weights = {"w1": rng.standard_normal((4, 3, 8, 8)) * 0.1, "w2": rng.standard_normal((8, 4 * cells)) * 0.1}
    nodes = [
        *before,
        helper.make_node("Conv", [reads, "w1"], ["map"], strides=[8, 8]),
        helper.make_node("Relu", ["map"], ["positive"]),
        helper.make_node("Flatten", ["positive"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w2"], ["linear" if behind else "output"], transB=1),
        *behind,
    ]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    held = [numpy_helper.from_array(value.astype(dtype), name) for name, value in weights.items()]
    held += [
        value if isinstance(value, TensorProto) else numpy_helper.from_array(np.asarray(value), name)
        for name, value in (constants or {}).items()
    ]
    inputs = [helper.make_tensor_value_info("input", taken or kind, list(shape or ("n", 3, height, width)))]
    inputs += [helper.make_tensor_value_info(name, kind, ["n", 8]) for name in more_inputs]
    ends = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, ends, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def node(kind: str, inputs: str, output: str, name: str = "", **attributes: Any) -> NodeProto:
    return helper.make_node(kind, inputs.split(), [output], name=name, **attributes)


def constant(name: str, value: Any) -> NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value, np.float32)))


def per_channel(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32).reshape(1, -1, 1, 1)
