"""A file with the inputs and outputs of YuNet, which is not installed here: a white block of 8 x 8 pixels is a face."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 640
BOX = (2.0, 3.0)  # centre of the box in cells of 8 pixels from the block's corner; its width and height are 8 e^2, 8 e^2.5
POINTS = np.array([[1, 2], [3, 2], [2, 3], [1, 4], [3, 4]], np.float32)  # in cells from the block's corner, in YuNet's order


def write_fake_yunet(path: Path) -> Path:
    nodes, constants = [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    def shape(name: str, value: list[int]) -> str:
        constants.append(numpy_helper.from_array(np.array(value, np.int64), name))
        return name

    for stride in (8, 16, 32):
        cells = (SIDE // stride) ** 2
        if stride == 8:
            nodes += [
                helper.make_node("AveragePool", ["input"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
                helper.make_node("ReduceMean", ["pooled"], ["grey"], axes=[1], keepdims=1),
                helper.make_node("Reshape", ["grey", shape("flat", [1, cells, 1])], ["level"]),
                helper.make_node("Add", ["level", constant("minus", np.array([-254.0]))], ["above"]),
                helper.make_node("Clip", ["above", constant("zero", np.array(0)), constant("one", np.array(1))], [f"cls_{stride}"]),
            ]
        else:
            nodes.append(helper.make_node("Identity", [constant(f"none_{stride}", np.zeros((1, cells, 1)))], [f"cls_{stride}"]))
        box, points = np.array([*BOX, 2.0, 2.5]), POINTS.ravel()
        for kind, value in (("obj", np.ones(1)), ("bbox", box), ("kps", points)):
            name = constant(f"{kind}_value_{stride}", np.broadcast_to(value, (1, cells, len(value))).copy())
            nodes.append(helper.make_node("Identity", [name], [f"{kind}_{stride}"]))
    outputs = [
        helper.make_tensor_value_info(f"{kind}_{stride}", TensorProto.FLOAT, [1, (SIDE // stride) ** 2, width])
        for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
        for stride in (8, 16, 32)
    ]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    graph = helper.make_graph(nodes, "fake", [image], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
