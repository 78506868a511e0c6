"""Every format computes what the network computes, in one file that says what it is."""

from pathlib import Path

import onnx
import pytest
from torch import nn

from facenas.data import InputContract, SyntheticFaces
from facenas.export import Exported, ExportError, export_network
from facenas.export.int8 import layers_of
from tests.export.trained import small_face_network

IMAGES = SyntheticFaces(people=4, photographs=4, test_people=0).load(32).images
OURS = ("onnx", "onnx-fp16", "onnx-int8", "torch-export", "torchscript")
CONTRACT = InputContract(size=32, color="bgr", mean=(120.0, 110.0, 100.0), std=(60.0, 50.0, 70.0))
NETWORK = small_face_network(32, IMAGES, CONTRACT)


def exported(path: Path, kind: str, *, raw: bool = False, network: nn.Module = NETWORK) -> Exported:
    return export_network(
        network,
        path,
        kind=kind,
        contract=CONTRACT,
        raw=raw,
        images=IMAGES,
        metadata=lambda contract: {"facenas": contract.model_dump_json()},
    )


def test_onnx_holds_one_dynamic_input_one_output_and_no_batch_norm(tmp_path: Path) -> None:
    exported(tmp_path / "m.onnx", "onnx", raw=True)
    model = onnx.load(tmp_path / "m.onnx")
    kinds = [node.op_type for node in model.graph.node]
    assert not {"BatchNormalization", "Identity", "Dropout", "Slice"} & set(kinds)
    assert [node.name for node in model.graph.node[:2]] == ["Sub_0", "Mul_0"]
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param and [dimension.dim_value for dimension in shape[1:]] == [3, 32, 32]
    assert len(model.graph.output) == 1
    assert not any(node.metadata_props for node in model.graph.node)


@pytest.mark.slow
@pytest.mark.parametrize("shake", [False, True])
def test_integers_and_halves_are_what_they_say(tmp_path: Path, shake: bool) -> None:
    network = small_face_network(32, IMAGES, CONTRACT, shake=shake)
    sizes = {}
    for kind in ("onnx", "onnx-fp16", "onnx-int8"):
        done = exported(tmp_path / kind, kind, network=network)
        model = onnx.load(tmp_path / kind)
        sizes[kind] = sum(len(onnx.numpy_helper.to_array(tensor).tobytes()) for tensor in model.graph.initializer)
        assert {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)} == {onnx.TensorProto.FLOAT}
    assert in_integers(model) == set(layers_of(onnx.load(tmp_path / "onnx"))) - set(done.float_layers)
    assert in_integers(model)
    assert sizes["onnx-fp16"] < 0.55 * sizes["onnx"]
    if not shake:  # a shaken network keeps as many layers in float32 as it needs: more on one processor than on another
        assert sizes["onnx-int8"] < 0.4 * sizes["onnx"]


def in_integers(model: onnx.ModelProto) -> set[str]:
    """Names of the layers whose weights are stored in 8 bits."""
    stored = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    unfolded = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    layers = {node.name: node.input[1] for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")}
    return {layer for layer, weight in layers.items() if stored.get(unfolded.get(weight, weight)) == onnx.TensorProto.INT8}


def test_a_file_that_does_not_agree_is_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4))
    nn.init.zeros_(network[1].weight)
    nn.init.zeros_(network[1].bias)
    with pytest.raises(ExportError, match="differs from torch"):
        export_network(network, tmp_path / "m.onnx", contract=InputContract(size=32), images=IMAGES)
    assert list(tmp_path.iterdir()) == []

    def judge(runner: object, contract: object) -> None:
        raise ExportError("not good enough")

    (tmp_path / "m.onnx").write_text("older")
    with pytest.raises(ExportError, match="not good enough"):
        export_network(NETWORK, tmp_path / "m.onnx", contract=CONTRACT, images=IMAGES, judge=judge)
    assert (tmp_path / "m.onnx").read_text() == "older"
