"""One small ONNX graph in four runtimes: what the scripts beside this file share. It knows nothing of facenas."""

import os
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def check(holds: bool, sentence: str) -> None:
    """Ends the script with `sentence` where the stated behaviour is not seen any more."""
    if not holds:
        sys.exit(f"changed: {sentence}")


def graph(nodes: list, constants: dict, shape: list, output: list, opset: int = 17) -> bytes:
    """A checked model from nodes `(operator, inputs, output, attributes)`; input `input`, output `output`."""
    made = [helper.make_node(kind, inputs.split(), [out], **attributes) for kind, inputs, out, attributes in nodes]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("input", shape), ("output", output))]
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    body = helper.make_graph(made, "g", ends[:1], ends[1:], weights)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def onnxruntime(model: bytes, x: np.ndarray) -> np.ndarray:
    import onnxruntime as ort

    return ort.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"input": x})[0]


def opencv(model: bytes, x: np.ndarray) -> np.ndarray:
    import cv2

    net = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
    net.setInput(x)
    return net.forward()


def openvino(model: bytes, x: np.ndarray) -> np.ndarray:
    import openvino as ov

    core = ov.Core()
    return core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)[0]


def mnn(model: bytes, x: np.ndarray) -> np.ndarray:
    import _tools  # MNN's converter itself: its Python wrappers install packages when they are imported.
    import MNN

    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "m.onnx"), os.path.join(folder, "m.mnn")
        open(source, "wb").write(model)
        _tools.mnnconvert(["", "-f", "ONNX", "--modelFile", source, "--MNNModel", target, "--bizCode", "x"])
        net = MNN.nn.load_module_from_file(target, ["input"], ["output"])
        fed = MNN.expr.placeholder(list(x.shape), MNN.expr.NCHW, MNN.expr.float)
        fed.write(x)
        return np.array(MNN.expr.convert(net.forward([fed])[0], MNN.expr.NCHW).read())


RUNTIMES = {"onnxruntime": onnxruntime, "OpenCV": opencv, "OpenVINO": openvino, "MNN": mnn}
