"""An ONNX file cannot make facenas read what lies outside of its folder."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facenas.errors import ModelError
from facenas.eval import onnx_session


def model_with(location: str, *, hidden: bool = False) -> onnx.ModelProto:
    """A model whose weight is said to be at a place: among the initialisers, or as a constant of a branch."""
    weight = numpy_helper.from_array(np.ones((8, 3, 1, 1), np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "96")):
        weight.external_data.add(key=key, value=value)
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("GlobalAveragePool", ["c"], ["y"])]
    if hidden:
        branch = helper.make_graph(
            [helper.make_node("Constant", [], ["b"], value=weight)],
            "branch",
            [],
            [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
        )
        yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True)))
        nodes = [yes, helper.make_node("If", ["yes"], ["w"], then_branch=branch, else_branch=branch), *nodes]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8, 1, 1])],
        [] if hidden else [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("place", ["../secret.bin", "{absolute}", "link.bin", "below/../../secret.bin"])
def test_data_outside_of_the_folder_is_refused(tmp_path: Path, place: str, hidden: bool) -> None:
    folder, secret = tmp_path / "model", tmp_path / "secret.bin"
    (folder / "below").mkdir(parents=True)
    secret.write_bytes(np.ones(24, np.float32).tobytes())
    (folder / "link.bin").symlink_to(secret)
    (folder / "m.onnx").write_bytes(model_with(place.format(absolute=secret), hidden=hidden).SerializeToString())
    with pytest.raises(ModelError, match="must lie in its own folder"):
        onnx_session(folder / "m.onnx")


def test_data_in_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(np.ones(24, np.float32).tobytes())
    (tmp_path / "m.onnx").write_bytes(model_with("w.bin").SerializeToString())
    output = onnx_session(tmp_path / "m.onnx").run(None, {"x": np.ones((1, 3, 8, 8), np.float32)})[0]
    assert np.array_equal(output.ravel(), np.full(8, 3.0))


def test_what_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\xff\xffnot a model")
    with pytest.raises(ModelError, match="not a usable ONNX model"):
        onnx_session(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="has no NoneExecutionProvider"):
        (tmp_path / "m.onnx").write_bytes(b"")
        onnx_session(tmp_path / "m.onnx", provider="NoneExecutionProvider")
